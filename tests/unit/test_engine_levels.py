"""Worked examples of docs/rules.md, clauses 3, 4 and 6: what a water gauge reads, and when its level changes.

Moments are minutes:seconds since the first tick; ticks come every ten seconds.
"""

import dataclasses

from msgspec.structs import replace

from city.city import City
from city.fleet import fleet_of
from city.readings import Flag, Tick, batch_of
from city.transitions import Transition
from rules.engine.shard import Shard
from rules.language.pack import Pack
from tests.cities import WATER_DEPTH, gauges, small_city
from tests.unit.packs import DEPTH, pack

START_MS, STEP_MS = 1_694_066_400_000, 10_000
CITY = small_city(gauges(1))
STEPS_JUDGED = DEPTH.replace("step: ignore", "step: quarantine")  # the catalogue allows 15 cm a minute
TANK = """
class: waterlogging
rules:
  - id: tank-low
    title: 水箱水位过低
    indicator: water_depth
    direction: low
    levels: {blue: 20 cm, red: 5 cm}
    evidence: {max_gap: 10m}
    clear: {margin: 2 cm, for: 0s}
    step: ignore
    source: operator default
"""


class Gauge:
    """The one gauge of the city. `said`: moment and new level of every transition."""

    def __init__(self, rules: Pack | None = None, city: City = CITY) -> None:
        self.shard = Shard(city, fleet_of(city), rules or pack(DEPTH))
        self.said: list[tuple[str, str]] = []
        self._now_ms, self._seq = -STEP_MS, 0
        self.until("0:00")

    def until(self, moment: str) -> "Gauge":
        """Let time pass, and nothing be read."""
        while self._now_ms < ms(moment):
            self._now_ms += STEP_MS
            self._hear(self.shard.tick(Tick("east", START_MS + self._now_ms, STEP_MS, True)))
        return self

    def reads(self, *readings: tuple[str, float]) -> "Gauge":
        """Depths in cm, each as soon as it is read."""
        for moment, depth in readings:
            self.until(moment).sends(moment, depth)
        return self

    def sends(self, moment: str, depth: float, flags: Flag = Flag(0)) -> "Gauge":
        """A reading of some moment, now."""
        self._seq += 1
        row = ([1], [WATER_DEPTH], [START_MS + ms(moment)], [depth], [self._seq], [int(flags)])
        self._hear(self.shard.apply(batch_of(*row)))
        return self

    def _hear(self, transitions: list[Transition]) -> None:
        self.said += [(moment_of(t.event_ms - START_MS), t.level_to.slug) for t in transitions]


def ms(moment: str) -> int:
    minutes, seconds = moment.split(":")
    return (int(minutes) * 60 + int(seconds)) * 1000


def moment_of(past_ms: int) -> str:
    return f"{past_ms // 60_000}:{past_ms // 1000 % 60:02d}"


# Up ---------------------------------------------------------------------------------------------------------------


def test_a_level_is_entered_when_its_hold_is_over_and_not_before() -> None:
    """Blue from 10 cm, held for two minutes."""
    assert Gauge().reads(("1:00", 12), ("2:00", 12), ("2:50", 12)).said == []
    assert Gauge().reads(("1:00", 12), ("2:00", 12), ("3:00", 12)).said == [("3:00", "blue")]


def test_time_alone_ends_a_hold_when_the_readings_go_on_to_suffice() -> None:
    """Not only a reading does: here the next would come at 11:00."""
    assert Gauge().reads(("1:00", 12), ("2:00", 12)).until("3:10").said == [("3:00", "blue")]


def test_one_reading_is_no_evidence() -> None:
    assert Gauge().reads(("1:00", 50)).until("9:00").said == []


def test_a_gap_in_the_readings_is_no_evidence() -> None:
    """`max_gap` is ten minutes: the second reading begins anew."""
    gauge = Gauge().reads(("1:00", 12), ("11:10", 12)).until("21:00")
    assert gauge.said == []
    assert gauge.reads(("21:10", 12)).said == [("21:10", "blue")]


def test_a_dip_under_the_threshold_begins_the_hold_anew() -> None:
    gauge = Gauge().reads(("1:00", 12), ("2:00", 9.9), ("2:30", 12), ("3:30", 12))
    assert gauge.until("4:40").said == [("4:30", "blue")]


def test_a_flood_goes_up_at_once_by_as_many_levels_as_its_holds_allow() -> None:
    """Orange and red have no hold here: red with the second reading, and nothing of the levels below."""
    assert Gauge().reads(("1:00", 50), ("1:20", 52)).until("5:00").said == [("1:20", "red")]


def test_a_low_threshold_is_reached_from_above() -> None:
    gauge = Gauge(pack(TANK)).reads(
        ("1:00", 21), ("2:00", 20), ("3:00", 4), ("4:00", 6), ("5:00", 8), ("5:30", 22), ("6:00", 23)
    )
    assert gauge.said == [("2:00", "blue"), ("3:00", "red"), ("5:00", "blue"), ("6:00", "none")]


# Down -------------------------------------------------------------------------------------------------------------


def orange() -> Gauge:
    return Gauge().reads(("1:00", 30), ("1:30", 30))


def test_down_goes_one_level_at_a_time() -> None:
    """Dry at once, and five minutes for each level on the way."""
    gauge = orange().reads(*((f"{minute}:00", 0) for minute in range(2, 20)))
    assert gauge.said == [("1:30", "orange"), ("7:00", "yellow"), ("12:00", "blue"), ("17:00", "none")]


def test_within_the_margin_a_level_stays() -> None:
    """27 cm less a margin of 3: at 24 cm orange is not over."""
    gauge = orange().reads(*((f"{minute}:00", 24) for minute in range(2, 20)))
    assert gauge.said == [("1:30", "orange")]


def test_a_rise_within_the_time_to_clear_begins_it_anew() -> None:
    gauge = orange().reads(("2:00", 20), ("5:00", 26), ("6:00", 20), ("9:00", 20))
    assert gauge.until("11:10").said == [("1:30", "orange"), ("11:00", "yellow")]


def test_on_the_way_down_a_level_whose_condition_holds_stays() -> None:
    """20 cm are past orange by the margin, and are yellow: neither time nor further readings bring blue."""
    gauge = orange().reads(("2:00", 20), ("5:00", 20))
    assert gauge.until("14:00").said == [("1:30", "orange"), ("7:00", "yellow")]
    assert gauge.reads(("14:10", 20)).until("30:00").said == [("1:30", "orange"), ("7:00", "yellow")]


def test_absence_of_data_never_clears_a_level() -> None:
    assert orange().reads(("2:00", 0)).until("60:00").said[:2] == [("1:30", "orange"), ("7:00", "yellow")]
    assert orange().until("60:00").said == [("1:30", "orange")]


# What raises nothing ----------------------------------------------------------------------------------------------


def test_what_comes_late_completes_history_and_raises_nothing() -> None:
    gauge = Gauge().reads(("10:00", 1))
    for second in range(10, 60, 10):
        gauge.sends(f"9:{second}", 60)
    assert gauge.until("20:00").said == []
    assert gauge.shard.outcomes["duplicate_or_late"] == 5


def test_what_was_stored_for_more_than_ten_minutes_raises_nothing() -> None:
    gauge = Gauge().until("30:00")
    for minute in range(10, 20):
        gauge.sends(f"{minute}:00", 60)
    assert gauge.until("40:00").said == []
    assert gauge.shard.outcomes["history"] == 10


def test_what_may_come_later_by_the_catalogue_is_judged_as_late_as_that_and_no_later() -> None:
    patient = [replace(i, late_s=1500) if i.number == WATER_DEPTH else i for i in CITY.catalogue.indicators]
    city = dataclasses.replace(CITY, catalogue=replace(CITY.catalogue, indicators=patient))
    gauge = Gauge(city=city).until("30:00")
    for minute in range(3, 9):
        gauge.sends(f"{minute}:00", 60)
    assert gauge.said[-1] == ("6:00", "red"), "of the fifth and the sixth minute"
    assert gauge.shard.outcomes["history"] == 2


def test_a_future_reading_raises_nothing_and_spoils_nothing() -> None:
    """A clock that is a year ahead must not make all that follows late."""
    gauge = Gauge().sends("525600:00", 60)
    assert gauge.reads(("1:00", 50), ("1:20", 50)).said == [("1:20", "red")]
    assert gauge.shard.outcomes["future"] == 1


def test_retained_test_and_back_filled_readings_raise_nothing() -> None:
    for flag in (Flag.RETAINED, Flag.TEST, Flag.BACKFILL):
        gauge = Gauge().until("1:00")
        for second in range(10, 60, 10):
            gauge.until(f"1:{second}").sends(f"1:{second}", 60, flag)
        assert gauge.until("10:00").said == [], flag


# Quarantine -------------------------------------------------------------------------------------------------------


def test_a_spike_is_not_judged() -> None:
    gauge = Gauge(pack(STEPS_JUDGED)).reads(("1:00", 2), ("1:30", 60), ("2:00", 3), ("2:30", 60), ("3:00", 2))
    assert gauge.until("10:00").said == []
    assert gauge.shard.outcomes["quarantined"] == 2


def test_a_step_that_two_more_readings_agree_with_was_real_from_its_first() -> None:
    """The first odd reading and the third are judged: two samples of red."""
    gauge = Gauge(pack(STEPS_JUDGED)).reads(("1:00", 2), ("1:30", 60), ("2:00", 61), ("2:30", 62))
    assert gauge.said == [("2:30", "red")]
    assert gauge.shard.outcomes["quarantined"] == 2


def test_a_step_that_was_real_and_is_over_with_its_last_reading_holds_no_more() -> None:
    """Judged are 32 cm, where the hold begins, and 22 cm, which ends it."""
    only_orange = STEPS_JUDGED.replace("{blue: 10 cm, yellow: 15 cm, orange: 27 cm, red: 40 cm}", "{orange: 30 cm}")
    slow = only_orange.replace("{blue: 2m, yellow: 1m}", "{orange: 2m}").replace("min_samples: 2, ", "")
    gauge = Gauge(pack(slow)).reads(("0:10", 3), ("0:30", 32), ("0:50", 25), ("1:10", 22))
    assert gauge.shard.outcomes["judged"] == 2
    assert gauge.until("10:00").said == []


def test_a_rise_that_water_can_do_is_judged_at_once() -> None:
    """15 cm a minute, as much as the catalogue allows."""
    gauge = Gauge(pack(STEPS_JUDGED)).reads(("1:00", 15), ("2:00", 30), ("3:00", 45), ("3:30", 46))
    assert gauge.said == [("2:00", "yellow"), ("3:00", "orange"), ("3:30", "red")]
