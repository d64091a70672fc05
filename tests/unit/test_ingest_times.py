"""Time: what becomes of messages that are late, early, kept, or from a clock that is wrong."""

from typing import Any

import pytest

from city.readings import Flag
from ingest.findings import CLOCK_ERROR, REFUSALS
from tests.unit.test_ingest_desk import CAMERA, GAUGE, NOW_MS, SENTRY, Desk, known_desk, ms

HOUR_MS = 3_600_000


@pytest.fixture
def desk() -> Desk:
    return known_desk()


@pytest.mark.parametrize("ahead_ms", [-60_000, -1_000, 0, 60_000])
def test_a_clock_within_a_minute_of_ours_is_right(desk: Desk, ahead_ms: int) -> None:
    desk.send(GAUGE, ts=NOW_MS + ahead_ms, depth_cm=1)
    (reading,) = desk.readings()
    assert (reading.ms, reading.flags) == (NOW_MS + ahead_ms, Flag(0))


def test_a_clock_up_to_five_minutes_ahead_is_found_wrong_and_its_time_kept(desk: Desk) -> None:
    desk.send(GAUGE, ts=NOW_MS + 300_000, depth_cm=1)
    finding, reading = desk.readings()
    assert (finding.indicator, finding.value, finding.ms) == (CLOCK_ERROR, 300.0, NOW_MS)
    assert (reading.ms, reading.flags) == (NOW_MS + 300_000, Flag(0))


@pytest.mark.parametrize("ts", [NOW_MS + 300_001, NOW_MS + 8 * HOUR_MS, "9999-12-31T23:59:59Z", 1.8e15, 1e300])
def test_a_time_in_the_future_is_replaced_by_ours_and_marked(desk: Desk, ts: Any) -> None:
    desk.send(GAUGE, ts=ts, depth_cm=1)
    finding, reading = desk.readings()
    assert finding.indicator == CLOCK_ERROR
    assert 300 <= finding.value <= 1e12
    assert (reading.ms, reading.flags) == (NOW_MS, Flag.SUSPECT_CLOCK)


def test_eight_hours_behind_is_kept_as_it_is_and_found_wrong(desk: Desk) -> None:
    desk.send(GAUGE, ts=NOW_MS - 8 * HOUR_MS, depth_cm=1)
    finding, reading = desk.readings()
    assert (finding.indicator, finding.value) == (CLOCK_ERROR, 8 * 3600)
    assert (reading.ms, reading.flags) == (NOW_MS - 8 * HOUR_MS, Flag(0))


@pytest.mark.parametrize("ts", [0, 12, -5, "1970-01-01T08:00:00+08:00", "2019-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_time_before_2020_is_refused(desk: Desk, ts: Any) -> None:
    desk.send(GAUGE, ts=ts, depth_cm=1)
    assert desk.reasons() == ["clock"]
    assert desk.findings(GAUGE) == {"refused_clock": 1.0}


def test_2020_is_not_refused(desk: Desk) -> None:
    desk.send(GAUGE, ts="2020-01-01T00:00:00Z", depth_cm=1, report="backfill")
    assert desk.values(GAUGE) == {"water_depth": 1.0}


@pytest.mark.parametrize(("report", "flag"), [("backfill", Flag.BACKFILL), ("test", Flag.TEST)])
@pytest.mark.parametrize("device", [GAUGE, SENTRY, CAMERA])
def test_history_is_marked_and_says_nothing_of_the_clock(desk: Desk, device: str, report: str, flag: Flag) -> None:
    desk.send(device, ts=NOW_MS - 30 * HOUR_MS, report=report)
    readings = desk.readings()
    assert {(r.ms, r.flags) for r in readings} == {(NOW_MS - 30 * HOUR_MS, flag)}
    assert {r.indicator for r in readings} & {*REFUSALS, CLOCK_ERROR} == set()


def test_a_retained_message_is_marked_and_says_nothing_of_the_device() -> None:
    desk = Desk()
    desk.send(GAUGE, ts=NOW_MS - 30 * HOUR_MS, depth_cm=1, retained=True)
    (reading,) = desk.readings()
    assert reading.flags == Flag.RETAINED


def test_played_time_is_the_time_that_counts(desk: Desk) -> None:
    then = ms("2023-09-07T23:00:00+08:00")
    desk.send(GAUGE, ts=then, depth_cm=1, now_ms=then)
    assert [r.indicator for r in desk.readings()] == ["water_depth"]
