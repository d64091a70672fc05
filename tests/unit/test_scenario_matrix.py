"""The rules of Bao'an against every scenario that comes with them, as docs/scenarios.md says, and against other days of
the same kind. Played offline: the same cores as the live system, in the same order."""

import re
from functools import cache
from pathlib import Path

import pytest

from alerts.book import Incident
from city.city import City
from city.levels import Level
from city.tables import read_city
from city.transitions import Nature
from qianshao.observed import details, observed_in_book
from qianshao.offline import OfflinePlay
from qianshao.score import play_scenario
from qianshao.settings import Settings
from simulators.scenario import Scenario, list_scenarios, load_scenario
from simulators.score import Score, score
from simulators.variation import Variation

pytestmark = pytest.mark.timeout(600)  # a day of a typhoon takes a slow machine minutes

DOCS = Path(__file__).parents[2] / "docs" / "scenarios.md"
ROW = re.compile(r"^\| `(S\d\d)` \|((?: \d+ \|)+)$", re.MULTILINE)
"""Of the matrix: demanded, caught, missed, false, off level, tickets."""


@cache
def matrix() -> dict[str, list[int]]:
    text = DOCS.read_text(encoding="utf-8").partition("### The matrix")[2]
    return {name: [int(cell) for cell in cells.split("|") if cell.strip()] for name, cells in ROW.findall(text)}


def played(scenario: Scenario) -> tuple[City, OfflinePlay, Score]:
    city = scenario.populate(read_city(Settings().city))
    play = play_scenario(Settings(), scenario, city)
    return city, play, score(scenario.expected(city), list(observed_in_book(play.book)))


def test_the_matrix_has_a_row_for_every_scenario() -> None:
    assert list(matrix()) == list(list_scenarios())


@pytest.mark.parametrize("name", list(list_scenarios()))
def test_nothing_is_missed_nothing_false_and_every_level_right(name: str) -> None:
    _, play, found = played(load_scenario(name))
    told = [found.expected, len(found.caught), len(found.missed), len(found.false), len(found.off_level)]
    assert details(found) == {"missed_details": [], "false_details": [], "off_level_details": []}
    assert [*told, len(play.book.tickets)] == matrix()[name]


@pytest.mark.parametrize(
    ("name", "variation"),
    [
        ("S02", Variation(seed=1)),
        ("S02", Variation(seed=3, intensity=0.6)),
        ("S03", Variation(seed=2, loss="2%", delay="20m")),
        ("S03", Variation(seed=3, intensity=1.3)),
        ("S10", Variation(seed=4)),
    ],
)
def test_days_that_the_rules_have_not_seen_are_told_as_well(name: str, variation: Variation) -> None:
    _, _, found = played(load_scenario(name).varied(variation))
    assert details(found) == {"missed_details": [], "false_details": [], "off_level_details": []}


def test_a_crew_in_a_culvert_is_told_to_leave_before_the_water_is_half_a_metre_higher() -> None:
    scenario = load_scenario("S03")
    _, play, _ = played(scenario)
    reds = [t for t in play.book.new_transitions if t.rule == "river-culvert-crew" and t.level_to is Level.RED]
    half_a_metre_ms = scenario.start_ms + (50 * 60 + 500) * 1000  # 60 cm in the ten minutes from the 50th on
    assert half_a_metre_ms - reds[0].log_ms >= 5 * 60_000
    assert "作业人员立即撤离" in reds[0].actions


def test_a_burst_main_and_the_flooded_road_are_one_incident_of_their_zone() -> None:
    city, play, _ = played(load_scenario("S10"))
    (burst,) = [i for i in hazards(play) if i.cause == "burst-main"]
    assert burst.peak_level is Level.RED
    rules = {alert.last.rule for alert in play.book.alerts.values() if alert.incident == burst.id}
    assert rules >= {"pipe-burst", "pipe-pressure-drop-5min", "waterlogging-dry-high"}
    (flood,) = [i for i in hazards(play) if i.cause == "ponding"]
    assert flood.peak_level is Level.YELLOW, "no rain: in doubt until somebody has looked"
    assert city.areas[flood.area or ""].zone == burst.subject


def hazards(play: OfflinePlay) -> list[Incident]:
    return [i for i in play.book.incidents.values() if i.nature is Nature.HAZARD and i.merged_into is None]
