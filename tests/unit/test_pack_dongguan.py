"""A second city: Dongguan's rules are Bao'an's but for what it has of its own, and its towns stand where streets do."""

from pathlib import Path

import pytest

from city.city import City
from city.errors import ConfigErrors
from city.generate import FleetRequest
from city.tables import read_city, shipped_pack
from city.yamlfile import load_yaml
from rules.authoring.lint import lint
from rules.authoring.test_file import read_tests
from rules.authoring.testing import run_tests
from rules.language.load import load_pack
from rules.language.pack import Pack, all_rules
from tests.unit.packs import DEPTH, write_pack

PACKS = Path(__file__).parents[2] / "rules" / "packs"
DONGGUAN = PACKS / "dongguan"


@pytest.fixture(scope="module")
def city() -> City:
    return read_city(shipped_pack("dongguan"))


@pytest.fixture(scope="module")
def pack(city: City) -> Pack:
    return load_pack(DONGGUAN, city.catalogue)


def test_it_is_like_baoan_but_for_its_own_files(city: City, pack: Pack) -> None:
    baoan = {rule.id: rule.version for rule in all_rules(load_pack(PACKS / "baoan", city.catalogue))}
    own = {rule.id: rule.version for rule in all_rules(pack)}
    assert own.keys() - baoan.keys() == {"town-flooding"}
    assert {id_ for id_, version in own.items() if id_ in baoan and baoan[id_] != version} == {"checkpoint-queue"}
    gone = baoan.keys() - own.keys()
    assert gone and all(id_.startswith("checkpoint-") for id_ in gone)


def test_it_has_no_districts_and_judges_by_town(city: City, pack: Pack) -> None:
    assert city.admin_kinds == ("市", "镇街", "村(社区)")
    rule = next(rule for rule in pack.levels if rule.id == "town-flooding")
    assert rule.per == "street"
    assert {city.admin[area.admin].kind for area in city.areas.values()} == {"镇街"}


def test_its_fleet_is_the_75961_video_points_of_may_2019() -> None:
    wanted = load_yaml(shipped_pack("dongguan") / "fleet.yaml", FleetRequest).value
    assert (wanted.cameras_class1, wanted.cameras_class2) == (21_187, 54_774)
    assert wanted.cameras_class1 + wanted.cameras_class2 == 75_961


def test_its_tests_pass_and_nothing_is_odd(city: City, pack: Pack) -> None:
    outcomes = list(run_tests(read_tests(DONGGUAN, pack, city.catalogue), pack, city.catalogue, city.time_zone))
    assert [outcome.failures for outcome in outcomes] == [[]] * 3
    assert lint(DONGGUAN, pack, city) == []


@pytest.mark.parametrize(
    ("like", "told"),
    [("baoann", "no pack 'baoann' lies beside this one.*did you mean baoan"), ("b", "itself like another")],
)
def test_a_pack_that_is_like_nothing_is_refused_with_the_nearest_name(tmp_path: Path, like: str, told: str) -> None:
    for name, other in (("a", like), ("b", "baoan"), ("baoan", None)):
        (tmp_path / name).mkdir()
        head = f"pack: {name}\nversion: '1'\ntitle: 包\n" + (f"like: {other}\n" if other else "")
        write_pack(tmp_path / name, DEPTH, head=head)
    with pytest.raises(ConfigErrors, match=told):
        load_pack(tmp_path / "a", read_city(shipped_pack("baoan")).catalogue)
