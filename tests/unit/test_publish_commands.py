"""`qianshao rules publish` and its like, as those who are responsible for rules type them."""

import json
import re
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from qianshao.cli import app
from qianshao.doctor.store import database
from qianshao.publish_commands import add_to
from qianshao.settings import Settings
from tests.unit.test_rules_commands import DEPTH, TESTS

DOCS = Path(__file__).parents[2] / "docs" / "publishing.md"
WHY = ("--why", "storm")


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rules", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A pack with rules and tests; and a database of its own."""
    monkeypatch.setenv("QIANSHAO_DATA", str(tmp_path / "var"))

    def of(rules: str = DEPTH, tests: str = TESTS, name: str = "pack") -> Path:
        folder = tmp_path / name
        (folder / "tests").mkdir(parents=True, exist_ok=True)
        (folder / "pack.yaml").write_text("pack: p\nversion: '1'\ntitle: 包\n", encoding="utf-8")
        (folder / "a.yaml").write_bytes(rules.encode())
        (folder / "tests" / "t.yaml").write_text(tests, encoding="utf-8")
        return folder

    return of


@pytest.fixture
def production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    """The production profile, on a PostgreSQL."""
    from sqlalchemy.engine import make_url

    database = make_url(postgres_url).set(password="any").render_as_string(hide_password=False)
    for name, value in {
        "PROFILE": "production",
        "DATABASE": database,
        "MQTT__USERNAME": "ingest",
        "MQTT__PASSWORD": "of no importance here",
    }.items():
        monkeypatch.setenv(f"QIANSHAO_{name}", value)


def versions() -> dict:
    return json.loads(run("versions", "--json")[1])


# one person is enough: the embedded profile


def test_what_is_published_is_in_force_at_once_where_one_person_is_enough(pack) -> None:
    folder = pack()
    assert "nothing was ever published" in run("versions")[1]
    assert run("publish", folder, "--by", "Li", *WHY) == (0, "version 1 is in force (publication 1)\n")
    found = versions()
    assert (found["in_force"]["version"], found["in_force"]["proposed_by"], found["in_force"]["why"]) == (
        1,
        "Li",
        "storm",
    )
    assert found["versions"][0]["title"] == "包" and not found["waiting"]
    code, text = run("versions")
    assert code == 0 and text.startswith("in force: version 1, 包 1 (p, ") and "by Li: storm" in text


def test_a_pack_whose_tests_fail_is_not_published_and_says_which_and_where(pack) -> None:
    folder = pack(tests=TESTS.replace("alert: depth, level: none", "alert: depth, level: red"))
    code, text = run("publish", folder, "--by", "Li", *WHY)
    assert code == 1 and "t.yaml:4: 两分钟才算" in text and "expected at 1m depth red" in text
    assert versions()["versions"] == []


def test_a_pack_that_does_not_load_or_has_no_tests_is_not_published_and_says_where(pack) -> None:
    code, text = run("publish", pack(DEPTH.replace("water_depth", "water_dpeth")), "--by", "Li", *WHY)
    assert code == 2 and re.search(r"a\.yaml:6:16: .*water_dpeth", text)
    folder = pack()
    shutil.rmtree(folder / "tests")
    code, text = run("publish", folder, "--by", "Li", *WHY)
    assert code == 2 and "no tests" in text
    assert versions()["versions"] == []


def test_what_lint_remarks_on_is_said_and_keeps_a_pack_back_only_when_strict(pack) -> None:
    folder = pack(DEPTH.replace("margin: 3 cm", "margin: 0 cm"))
    code, text = run("publish", folder, "--by", "Li", *WHY, "--strict")
    assert code == 1 and "no-hysteresis" in text and versions()["versions"] == []
    code, text = run("publish", folder, "--by", "Li", *WHY)
    assert code == 0 and "no-hysteresis" in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("publish", "PACK", "--by", " ", *WHY), "--by"),
        (("publish", "PACK", "--by", "Li", "--why", ""), "--why"),
        (("approve", "9", "--by", "Wang"), "there is no proposal 9"),
        (("rollback", "--by", "Li", *WHY), "nothing was ever published"),
        (("show", "9", "PACK"), "there is no version 9"),
    ],
)
def test_what_may_not_be_is_refused_with_exit_code_1_and_a_remedy(pack, arguments, told: str) -> None:
    folder = pack()
    code, text = run(*(folder if argument == "PACK" else argument for argument in arguments))
    assert code == 1 and told in text and text.rstrip().endswith(")")


def test_the_same_files_are_not_published_twice(pack) -> None:
    folder = pack()
    assert run("publish", folder, "--by", "Li", *WHY)[0] == 0
    code, text = run("publish", folder, "--by", "Wang", *WHY)
    assert code == 1 and "version 1, which is in force, has the same files" in text


def test_a_rollback_brings_an_earlier_version_into_force_and_says_what_it_takes_back(pack) -> None:
    run("publish", pack(), "--by", "Li", *WHY)
    run("publish", pack(DEPTH.replace("10 cm", "11 cm")), "--by", "Li", *WHY)
    assert run("rollback", "--by", "Wang", "--why", "too many")[1] == "version 1 is in force (publication 3)\n"
    assert "takes back publication 2" in run("versions")[1]
    assert run("rollback", "1", "--by", "Wang", *WHY)[0] == 1


def test_the_files_of_a_version_come_back_as_they_were(pack, tmp_path: Path) -> None:
    folder = pack(DEPTH.replace("\n", "\r\n") + "# 注释\r\n")
    assert run("publish", folder, "--by", "Li", *WHY)[0] == 0
    code, text = run("show", "1", tmp_path / "back")
    assert code == 0 and str(tmp_path / "back" / "p" / "a.yaml") in text
    for name in ("pack.yaml", "a.yaml", "tests/t.yaml"):
        assert (tmp_path / "back" / "p" / name).read_bytes() == (folder / name).read_bytes()
    code, text = run("show", "1", tmp_path / "back")
    assert code == 2 and "is there already (name an empty folder)" in text


def test_a_pack_that_is_like_another_is_published_with_what_it_needs_of_it(pack, tmp_path: Path) -> None:
    like = pack(name="common")
    (like / "pack.yaml").write_text("pack: common\nversion: '1'\ntitle: 共\n", encoding="utf-8")
    folder = pack()
    (folder / "pack.yaml").write_text("pack: p\nversion: '1'\ntitle: 包\nlike: common\n", encoding="utf-8")
    (folder / "a.yaml").rename(folder / "b.yaml")
    (folder / "b.yaml").write_text(DEPTH.replace("id: depth", "id: deep"), encoding="utf-8")
    assert run("publish", folder, "--by", "Li", *WHY)[0] == 0
    run("show", "1", tmp_path / "back")
    back = tmp_path / "back"
    files = {path.relative_to(back).as_posix() for path in back.rglob("*.yaml")}
    assert files == {"p/pack.yaml", "p/b.yaml", "p/tests/t.yaml", "common/pack.yaml", "common/a.yaml"}
    assert run("lint", back / "p")[0] == 0


def test_doctor_says_which_rules_are_in_force(pack) -> None:
    def told() -> str:
        return next(finding.detail for finding in database(Settings()) if finding.what == "rules in force")

    folder = pack()
    assert "the folder" in told() and "nothing was ever published" in told()
    run("publish", folder, "--by", "Li", *WHY)
    assert told() == "version 1, 包 1, published by Li"


# two people: production


@pytest.mark.servers
def test_in_production_a_second_person_brings_what_the_first_proposed_into_force(pack, production) -> None:
    code, text = run("publish", pack(), "--by", "Li Na", *WHY)
    assert code == 0 and "proposal 1: version 1 waits for another person" in text
    assert versions()["in_force"] is None
    for again in ("Li Na", "li  na", "ＬＩ-ＮＡ"):
        code, text = run("approve", "1", "--by", again)
        assert code == 1 and "Li Na made proposal 1 (have another person approve it)" in text
    assert versions()["in_force"] is None
    assert run("approve", "1", "--by", "Wang") == (0, "version 1 is in force (publication 1)\n")
    found = versions()["in_force"]
    assert (found["proposed_by"], found["approved_by"]) == ("Li Na", "Wang")


@pytest.mark.servers
def test_in_production_what_others_overtook_is_refused_and_a_rollback_needs_two_as_well(pack, production) -> None:
    run("publish", pack(), "--by", "Li", *WHY)
    run("publish", pack(DEPTH.replace("10 cm", "11 cm")), "--by", "Zhao", "--why", "tide")
    assert run("approve", "1", "--by", "Wang")[0] == 0
    code, text = run("approve", "2", "--by", "Wang")
    assert code == 1 and "made when publication 0 was in force, now it is 1" in text
    assert "propose it again" in run("versions")[1] and versions()["waiting"][0]["stale"]
    assert run("reject", "2", "--by", "Wang", "--why", "stale") == (0, "proposal 2 is rejected\n")
    run("publish", pack(DEPTH.replace("10 cm", "11 cm")), "--by", "Zhao", "--why", "tide")
    assert run("approve", "3", "--by", "Wang")[0] == 0
    assert "waits for another person" in run("rollback", "--by", "Li", *WHY)[1]
    assert versions()["in_force"]["version"] == 3
    assert run("approve", "4", "--by", "Li")[0] == 1
    assert run("approve", "4", "--by", "Zhao")[0] == 0
    assert (versions()["in_force"]["version"], versions()["in_force"]["takes_back"]) == (1, 2)


# documentation


def test_every_command_is_documented() -> None:
    named = re.findall(r"^## `rules (\w+)", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    app = typer.Typer()
    add_to(app)
    assert named == [command.callback.__name__ for command in app.registered_commands if command.callback]
