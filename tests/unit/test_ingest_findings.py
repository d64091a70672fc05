"""What ingest finds wrong with a device is told as its readings, and taken back once."""

from typing import Any

import pytest

from city.readings import Flag
from ingest.findings import CLOCK_ERROR, REFUSALS
from tests.unit.test_ingest_desk import GAUGE, NOW_MS, OTHER_GAUGE, Desk, known_desk

HOUR_MS = 3_600_000


@pytest.fixture
def desk() -> Desk:
    return known_desk()


def test_the_first_good_message_after_the_start_says_that_nothing_is_wrong() -> None:
    desk = Desk()
    desk.send(GAUGE, depth_cm=1)
    assert desk.findings(GAUGE) == {**dict.fromkeys(REFUSALS, 0.0), CLOCK_ERROR: 0.0}
    desk.send(GAUGE, depth_cm=1)
    assert desk.findings(GAUGE) == {}


@pytest.mark.parametrize(
    ("spoil", "indicator"),
    [
        ({"depth_cm": -40}, "refused_range"),
        ({"depth_cm": 3000}, "refused_unit"),
        ({"ts": 0}, "refused_clock"),
        ({"seq": -1}, "refused_format"),
        ({"phone": "1"}, "refused_format"),
    ],
)
def test_a_refusal_is_told_each_time_and_taken_back_once(desk: Desk, spoil: dict[str, Any], indicator: str) -> None:
    for _ in range(2):
        desk.send(GAUGE, **spoil)
        assert desk.findings(GAUGE) == {indicator: 1.0}
    desk.send(GAUGE, depth_cm=1)
    assert desk.findings(GAUGE) == {indicator: 0.0}
    desk.send(GAUGE, depth_cm=1)
    assert desk.findings(GAUGE) == {}


def test_several_refusals_are_taken_back_together(desk: Desk) -> None:
    desk.send(GAUGE, depth_cm=-40, batt_v=12)
    desk.send(GAUGE, ts=0)
    desk.readings()
    desk.send(GAUGE, depth_cm=1)
    assert desk.findings(GAUGE) == {"refused_range": 0.0, "refused_clock": 0.0}


def test_a_message_refused_in_part_takes_nothing_back(desk: Desk) -> None:
    desk.send(GAUGE, ts=0)
    desk.readings()
    desk.send(GAUGE, depth_cm=1, batt_v=99)
    assert desk.findings(GAUGE) == {"refused_range": 1.0}


@pytest.mark.parametrize("history", [{"report": "backfill"}, {"report": "test"}, {"retained": True}])
def test_history_takes_nothing_back(desk: Desk, history: dict[str, Any]) -> None:
    desk.send(GAUGE, ts=0)
    desk.readings()
    desk.send(GAUGE, depth_cm=1, **history)
    assert desk.findings(GAUGE) == {}


def test_a_wrong_clock_is_told_each_time_and_taken_back_when_it_is_right(desk: Desk) -> None:
    for _ in range(2):
        desk.send(GAUGE, ts=NOW_MS - 8 * HOUR_MS)
        assert desk.findings(GAUGE) == {CLOCK_ERROR: 8 * 3600}
    desk.send(GAUGE)
    assert desk.findings(GAUGE) == {CLOCK_ERROR: 0.0}


def test_a_good_message_with_a_wrong_clock_takes_refusals_back_and_not_the_clock(desk: Desk) -> None:
    desk.send(GAUGE, depth_cm=-40)
    desk.readings()
    desk.send(GAUGE, ts=NOW_MS - 8 * HOUR_MS)
    assert desk.findings(GAUGE) == {CLOCK_ERROR: 8 * 3600, "refused_range": 0.0}


def test_right_after_the_start_a_wrong_clock_is_told_and_the_rest_taken_back() -> None:
    desk = Desk()
    desk.send(GAUGE, ts=NOW_MS - 8 * HOUR_MS)
    assert desk.findings(GAUGE) == {CLOCK_ERROR: 8 * 3600, **dict.fromkeys(REFUSALS, 0.0)}
    desk.send(GAUGE)
    assert desk.findings(GAUGE) == {CLOCK_ERROR: 0.0}


def test_findings_are_of_our_time_and_without_flags(desk: Desk) -> None:
    desk.send(GAUGE, seq=9, ts=NOW_MS + HOUR_MS, depth_cm=-40)
    assert {(r.ms, r.flags) for r in desk.readings()} == {(NOW_MS, Flag(0))}


def test_findings_of_one_device_are_not_of_another(desk: Desk) -> None:
    desk.send(GAUGE, ts=0)
    desk.send(OTHER_GAUGE, depth_cm=1)
    assert desk.findings(OTHER_GAUGE) == {}
