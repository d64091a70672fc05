"""Of which moments it is said how the district stands, and that what comes late is said where it belongs."""

from pathlib import Path

import pytest

from alerts.store.database import Database
from alerts.store.incidents import IncidentStore
from alerts.store.schema import shards, tickets
from city.levels import Level
from city.series import STANDING_MS, Measurement
from city.transitions import Transition
from streams.series.census import Census
from streams.series.history import History, ShardState
from streams.series.lines import NS_PER_MS
from streams.series.sampler import Sampler
from tests.unit.stories import MIDNIGHT_MS, MINUTE_MS, Teller, district, policy

RED, ORANGE, NONE = Level.RED, Level.ORANGE, Level.NONE


class Desk:
    """A store into which transitions come, and what is said of it."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'desk.db'}")
        self.database.migrate()
        self.store = IncidentStore(self.database, district(), policy())
        self.teller = Teller()
        self._wall_ms = 1e6
        status = {"readings": 5, "rules": {"pack": "baoan", "version": "1", "meaning": "m", "loaded_wall_ms": 9.0}}
        row = {
            "shard": 0,
            "fence": 1,
            "owner": "w",
            "offset": 3,
            "log_ms": None,
            "saved_wall_ms": 1.0,
            "status": status,
        }
        with self.database.writing() as connection:
            connection.execute(shards.insert(), row)

    def judged(self, minutes: float) -> None:
        with self.database.writing() as connection:
            connection.execute(shards.update().values(log_ms=int(MIDNIGHT_MS + minutes * MINUTE_MS)))

    def says(self, minutes: float, rule: str, subject: str, level: Level) -> Transition:
        """At a log time; it is recorded now."""
        self.teller.now_ms = int(MIDNIGHT_MS + minutes * MINUTE_MS)
        transition = self.teller.says(rule, subject, level)
        self._wall_ms += 20_000
        self.store.record([transition], [], self._wall_ms)
        return transition

    def sampler(self, from_minutes: float) -> Sampler:
        return Sampler(History(self.database), Census(district()), int(MIDNIGHT_MS + from_minutes * MINUTE_MS))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def said(sampler: Sampler) -> list[str]:
    """Everything that there is to say now."""
    lines: list[str] = []
    while new := sampler.lines():
        lines += new
    return lines


def levels(lines: list[str], area: str = "A-W") -> dict[float, int]:
    """Level of an area by minutes of log time."""
    found = {}
    for line in lines:
        head, fields, at_ns = line.rsplit(" ", 2) if line.startswith(f"area,area={area},") else ("", "", "0")
        if head:
            found[(int(at_ns) / NS_PER_MS - MIDNIGHT_MS) / MINUTE_MS] = int(
                fields.partition("level=")[2].partition("i")[0]
            )
    return found


def of(lines: list[str], measurement: Measurement) -> list[str]:
    return [line for line in lines if line.startswith((f"{measurement},", f"{measurement} "))]


def test_before_anything_was_judged_nothing_is_said(desk: Desk) -> None:
    assert desk.sampler(0).lines() == []


def test_all_is_said_every_minute_and_what_changes_at_the_moment_that_it_does(desk: Desk) -> None:
    transition = desk.says(1.5, "depth", "G1", RED)
    desk.judged(3)
    found = levels(said(desk.sampler(0)))
    at = (transition.log_ms - MIDNIGHT_MS) / MINUTE_MS
    assert found == {1.0: 0, at: 4, 2.0: 4, 3.0: 4}
    assert levels(said(desk.sampler(0)), "A-W2") == {1.0: 0, 2.0: 0, 3.0: 0}


def test_said_once_it_is_not_said_again(desk: Desk) -> None:
    desk.judged(2)
    sampler = desk.sampler(0)
    assert said(sampler)
    assert said(sampler) == []
    desk.judged(3)
    assert levels(said(sampler)) == {3.0: 0}


def test_who_goes_on_after_a_restart_knows_what_stood_before(desk: Desk) -> None:
    desk.says(1, "depth", "G1", RED)
    desk.says(4, "depth", "G2", ORANGE)
    desk.says(6, "depth", "G1", NONE)
    desk.judged(8)
    assert levels(said(desk.sampler(4.5)))[5.0] == 4
    assert levels(said(desk.sampler(6.5)))[7.0] == 3


def test_what_is_recorded_late_is_said_where_it_belongs(desk: Desk) -> None:
    desk.says(1, "depth", "G9", RED)
    desk.judged(5)
    sampler = desk.sampler(0)
    assert levels(said(sampler))[3.0] == 0
    desk.says(2, "depth", "G1", RED)
    found = levels(said(sampler))
    assert (found[3.0], found[5.0]) == (4, 4)


def test_an_incident_and_its_ticket_are_one_point_each_that_says_how_they_are_now(desk: Desk) -> None:
    desk.says(1, "depth", "G1", ORANGE)
    desk.judged(2)
    sampler = desk.sampler(0)
    first = said(sampler)
    (ticket,), (incident,) = of(first, Measurement.TICKET), of(first, Measurement.INCIDENT)
    assert ticket.startswith("ticket,unit=U-11-water,street=11 ") and "level=3i" in ticket and "closed_ms=0i" in ticket
    desk.says(3, "depth", "G1", RED)
    desk.judged(4)
    second = said(sampler)
    raised = of(second, Measurement.TICKET)[-1]
    assert "level=4i" in raised
    assert raised.rpartition(" ")[2] == ticket.rpartition(" ")[2]  # the same point
    assert of(second, Measurement.INCIDENT)[-1].rpartition(" ")[2] == incident.rpartition(" ")[2]


def test_a_ticket_that_a_person_has_closed_is_open_no_more(desk: Desk) -> None:
    desk.says(1, "depth", "G1", RED)
    with desk.database.writing() as connection:
        connection.execute(tickets.update().values(state="closed", closed_ms=MIDNIGHT_MS + 3 * MINUTE_MS))
    desk.judged(5)
    counts = {line.rpartition(" ")[2]: line for line in of(said(desk.sampler(0)), Measurement.TICKETS)}
    by_minute = {(int(ns) // NS_PER_MS - MIDNIGHT_MS) // MINUTE_MS: "tickets=1i" in line for ns, line in counts.items()}
    assert (by_minute[2], by_minute[3]) == (True, False)


def test_shards_rules_sites_and_contacts_are_told_too(desk: Desk) -> None:
    desk.judged(3)
    lines = said(desk.sampler(0))
    assert len(of(lines, Measurement.SHARD)) == 3
    assert {line.rpartition(" ")[2] for line in of(lines, Measurement.RULES)} == {
        of(lines, Measurement.RULES)[0].rpartition(" ")[2]
    }
    stand = {device.site for device in district().devices.values()}
    assert len(of(lines, Measurement.SITE)) == len(stand)  # once a day


def test_a_long_time_is_caught_up_with_in_parts(desk: Desk) -> None:
    desk.says(1, "depth", "G1", RED)
    desk.judged(60)
    sampler = desk.sampler(0)
    parts = 0
    while lines := sampler.lines():
        parts += 1
        assert len(levels(lines)) <= 12
    assert parts == 6
    assert sampler.behind_ms == 0


def test_marks_are_whole_minutes() -> None:
    assert STANDING_MS == MINUTE_MS


@pytest.mark.parametrize(
    ("told", "at_ms", "version"),
    [
        ({}, 9, "1"),
        ({"number": 4, "published_ms": 7}, 7, "1 第 4 版"),
        ({"number": None, "published_ms": None}, 9, "1"),
    ],
)
def test_rules_are_told_when_they_were_published_or_loaded(told: dict, at_ms: int, version: str) -> None:
    rules = {"pack": "baoan", "version": "1", "meaning": "m", "loaded_wall_ms": 9.0, **told}
    _, line = ShardState(0, "w", 3, 5, 1.0, {"rules": rules}).lines(6, 6)
    assert f'version="{version}"' in line
    assert int(line.rpartition(" ")[2]) // NS_PER_MS == at_ms
