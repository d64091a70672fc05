"""What lies above what along a river: written in the table of sites, and checked."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from city.city import City, Problem, by_id
from city.errors import ConfigErrors
from city.generate import FleetRequest, generate_fleet
from city.tables import overlay, read_city, shipped_pack, write_tables
from city.waters import circles

UPPER, LOWER, AWAY = "BA-R01-02-S01", "BA-R01-02-S02", "BA-R01-01-S01"  # two sites in 西乡, one in 新安


@pytest.fixture(scope="module")
def baoan() -> City:
    """Bao'an with some sites in two of its streets."""
    return generate_fleet(
        read_city(shipped_pack("baoan")), FleetRequest(water_gauges=6, streets=["xinan", "xixiang"]), 1
    )


def with_upstream(city: City, upstream: dict[str, list[str]]) -> City:
    changed = [msgspec.structs.replace(city.sites[site], upstream=above) for site, above in upstream.items()]
    return replace(city, sites={**city.sites, **by_id(changed)})


def problem_of(city: City, upstream: dict[str, list[str]]) -> Problem:
    (problem,) = with_upstream(city, upstream).problems()
    assert problem.remedy, "every problem says what to do"
    return problem


def test_a_site_names_the_sites_above_it_in_a_cell_of_the_table(baoan: City, tmp_path: Path) -> None:
    city = with_upstream(baoan, {LOWER: [UPPER, "BA-R01-02-S03"]})
    assert city.problems() == []
    write_tables(city, tmp_path, ["sites", "parents", "devices", "contacts"])
    assert f"{UPPER};BA-R01-02-S03" in (tmp_path / "sites.csv").read_text("utf-8")
    assert overlay(read_city(shipped_pack("baoan")), tmp_path) == city


def test_nothing_is_upstream_of_a_site_unless_said(baoan: City) -> None:
    assert all(site.upstream == [] for site in baoan.sites.values())


def test_an_upstream_site_must_be_registered(baoan: City) -> None:
    problem = problem_of(baoan, {LOWER: ["BA-R01-02-S99"]})
    assert (problem.table, problem.key) == ("sites", LOWER)
    assert problem.message == "upstream 'BA-R01-02-S99' is not registered"


def test_a_site_is_not_upstream_of_itself(baoan: City) -> None:
    assert problem_of(baoan, {LOWER: [LOWER]}).message == "is upstream of itself"


def test_water_does_not_run_in_a_circle(baoan: City) -> None:
    problem = problem_of(baoan, {UPPER: [LOWER], LOWER: [UPPER]})
    assert problem.message == f"upstream goes in a circle: {UPPER} → {LOWER} → {UPPER}"


def test_upstream_sites_lie_in_the_same_zone_and_the_message_says_why(baoan: City) -> None:
    problem = problem_of(baoan, {LOWER: [AWAY]})
    assert problem.message == f"upstream site {AWAY} lies in zone BA-Z-xinan, and this one in BA-Z-xixiang"
    assert "a zone never spans two shards" in problem.remedy


def test_a_mistake_in_the_table_is_told_with_its_line(baoan: City, tmp_path: Path) -> None:
    write_tables(with_upstream(baoan, {LOWER: ["BA-R01-02-S99"]}), tmp_path, ["sites", "parents", "devices"])
    lines = (tmp_path / "sites.csv").read_text("utf-8").splitlines()
    line = 1 + next(i for i, text in enumerate(lines) if text.startswith(LOWER))
    with pytest.raises(ConfigErrors) as caught:
        overlay(read_city(shipped_pack("baoan")), tmp_path)
    (error,) = caught.value.errors
    assert (error.file.name, error.line) == ("sites.csv", line)


def acyclic(above: dict[str, list[str]]) -> bool:
    """By taking away whatever has nothing above it, until nothing is left or nothing can be taken."""
    left = {site: set(sites) - {site} for site, sites in above.items()}
    while free := {site for site, sites in left.items() if not sites & left.keys()}:
        left = {site: sites for site, sites in left.items() if site not in free}
    return not left


SITES = st.sampled_from("abcdefg")


@given(above=st.dictionaries(SITES, st.lists(SITES, max_size=3), max_size=7))
def test_a_circle_is_told_if_there_is_one_and_what_is_told_is_a_circle(above: dict[str, list[str]]) -> None:
    told = list(circles(above))
    assert (told == []) == acyclic(above)
    for circle in told:
        assert len(set(circle)) == len(circle) > 1
        for site, next_one in zip(circle, (*circle[1:], circle[0]), strict=True):
            assert next_one in above[site]


def test_a_river_of_many_stations_is_walked_without_trouble() -> None:
    river = {f"S{i}": [f"S{i + 1}"] for i in range(20_000)}
    assert list(circles(river)) == []
    assert len(next(circles({**river, "S20000": ["S0"]}))) == 20_001
