"""What sentences do, told in minutes: a quarter with gauges near and far, in two zones (tests/laws/sentences.py)."""

from collections.abc import Mapping

import pytest

from city.fleet import fleet_of
from city.levels import Level
from city.readings import Tick, batch_of
from city.transitions import Nature, SubjectKind, Transition
from rules.engine.shard import Shard
from tests.cities import QUEUE, WATER_DEPTH
from tests.laws.sentences import PUMP, RAIN, quarter
from tests.unit.packs import load

START_MS = 1_694_066_400_000 // 60_000 * 60_000
MINUTE_MS = 60_000
CITY = quarter()
DEPTH = """
class: waterlogging
rules:
  - id: depth
    title: 积水深度
    indicator: water_depth
    levels: {blue: 10 cm, yellow: 15 cm, orange: 27 cm, red: 40 cm}
    evidence: {max_gap: 10m}
    clear: {margin: 3 cm, for: 5m}
    step: ignore
    source: operator default
"""
WITNESS = """    confirm:
      any:
        - max(water_depth within 500m) >= 5 cm
      otherwise: {cap: yellow, for: 10m, then: orange}
"""


class Quarter:
    """Devices report once a minute what a test says; a tick follows, or two with half a minute between."""

    def __init__(self, text: str) -> None:
        self.pack = load(CITY.catalogue, text)
        self.shard = Shard(CITY, fleet_of(CITY), self.pack)
        self.now_ms, self.said, self._seq = START_MS, list[Transition](), 0
        self._tick()

    def minutes(self, n: int, values: Mapping[tuple[str, int], float] | None = None) -> "Quarter":
        """Time passes; `values`: what (device, indicator) reports meanwhile."""
        for _ in range(n):
            self.now_ms += MINUTE_MS
            self._seq += 1
            told = list((values or {}).items())
            devices = [CITY.devices[device].number for (device, _), _ in told]
            if told:
                batch = batch_of(
                    devices,
                    [indicator for (_, indicator), _ in told],
                    [self.now_ms - 1000] * len(told),
                    [float(value) for _, value in told],
                    [self._seq] * len(told),
                    [0] * len(told),
                )
                self.said += self.shard.apply(batch)
            self._tick()
        return self

    def restarted(self) -> "Quarter":
        """The same after a restart in the middle."""
        snapshot = self.shard.snapshot()
        self.shard = Shard(CITY, fleet_of(CITY), self.pack)
        carried = self.shard.restore(snapshot)
        assert (carried.reset, carried.dropped, carried.ended) == (0, 0, [])
        return self

    def of(self, rule: str) -> list[tuple[str, Level, bool]]:
        """Subject, level and doubt of each transition of a rule."""
        return [(t.subject, t.level_to, t.suspected) for t in self.said if t.rule == rule]

    def _tick(self) -> None:
        self.said += self.shard.tick(Tick("east", self.now_ms, MINUTE_MS, True, wall_ms=0.0))


def depth(**cm: float) -> dict[tuple[str, int], float]:
    return {(device, WATER_DEPTH): value for device, value in cm.items()}


def test_deep_water_without_a_witness_is_suspected_and_capped() -> None:
    story = Quarter(DEPTH + WITNESS).minutes(3, depth(G1=45))
    assert story.of("depth") == [("G1", Level.YELLOW, True)]


def test_after_ten_minutes_without_a_witness_the_cap_is_lifted_to_what_the_rule_says() -> None:
    story = Quarter(DEPTH + WITNESS).minutes(15, depth(G1=45))
    assert story.of("depth") == [("G1", Level.YELLOW, True), ("G1", Level.ORANGE, True)]


def test_a_witness_that_comes_between_two_readings_confirms_at_once() -> None:
    story = Quarter(DEPTH + WITNESS).minutes(2, depth(G1=45)).minutes(1, depth(G2=6))
    assert story.of("depth") == [("G1", Level.YELLOW, True), ("G1", Level.RED, False)]


def test_what_is_confirmed_without_rising_says_so() -> None:
    story = Quarter(DEPTH + WITNESS).minutes(2, depth(G1=16)).minutes(1, depth(G1=16, G2=6))
    assert story.of("depth") == [("G1", Level.YELLOW, True), ("G1", Level.YELLOW, False)]


def test_a_witness_in_another_zone_is_none_however_near() -> None:
    story = Quarter(DEPTH + WITNESS).minutes(3, depth(G1=16, G5=30))
    assert ("G1", Level.YELLOW, True) in story.of("depth")


def test_a_fast_rise_counts_for_one_level_more() -> None:
    promote = "    promote:\n      - when: rise(water_depth, 10m) >= 10 cm\n        by: 1\n"
    slow = Quarter(DEPTH + promote).minutes(20, depth(G1=8)).minutes(3, depth(G1=16))
    fast = Quarter(DEPTH + promote).minutes(20, depth(G1=5)).minutes(3, depth(G1=16))
    assert slow.of("depth")[-1] == ("G1", Level.YELLOW, False)
    assert fast.of("depth")[-1] == ("G1", Level.ORANGE, False)


def test_a_rule_that_is_not_to_be_judged_now_clears_and_what_is_unknown_judges_nothing() -> None:
    gated = DEPTH + "    when: pump\n"
    on = {("G1", WATER_DEPTH): 20.0, ("G1", PUMP): 1.0}
    assert Quarter(gated).minutes(3, depth(G1=20)).of("depth") == []
    story = Quarter(gated).minutes(3, {("G1", PUMP): 1.0} | depth(G1=20))
    assert story.of("depth") == [("G1", Level.YELLOW, False)]
    story.minutes(8, {**on, ("G1", PUMP): 0.0})
    assert story.of("depth")[-1] == ("G1", Level.NONE, False) or story.of("depth")[-1][1] < Level.YELLOW


FLOODED = """
class: waterlogging
rules:
  - id: flooded
    title: 抽排中仍积水
    conditions:
      orange: water_depth >= 10 cm and pump
    hold: 10m
    evidence: {max_gap: 3m}
    clear: {for: 5m}
    source: operator default
"""


def test_what_is_out_of_date_no_longer_counts_though_everything_else_says_the_same() -> None:
    both = {("G1", WATER_DEPTH): 20.0, ("G1", PUMP): 1.0}
    heard = Quarter(FLOODED).minutes(15, both)
    assert heard.of("flooded") == [("G1", Level.ORANGE, False)]
    unheard = Quarter(FLOODED).minutes(2, both).minutes(13, depth(G1=20))
    assert unheard.of("flooded") == []
    heard_again = unheard.minutes(15, both)
    assert heard_again.of("flooded") == [("G1", Level.ORANGE, False)]


RAINFALL = """
class: waterlogging
derive:
  - {indicator: rain_10m, unit: mm, value: "increase(rain, 10m)"}
rules:
  - id: rain
    title: 雨量
    indicator: rain_10m
    levels: {blue: 5 mm, red: 60 mm}
    evidence: {max_gap: 10m}
    clear: {margin: 1 mm, for: 1m}
    source: operator default
"""


@pytest.mark.parametrize(
    ("totals", "most"),
    [
        ([10, 12, 14, 16], 6.0),
        ([97, 99, 1, 3], 6.0),  # 100 is followed by 0
        ([50, 52, 0, 2], 4.0),  # begins anew
        ([50, 52, 51.8, 53], 3.2),  # a glitch is no rain
    ],
)
def test_a_running_total_rolls_over_begins_anew_and_trembles(totals: list[float], most: float) -> None:
    story = Quarter(RAINFALL)
    for total in totals:
        story.minutes(1, {("G1", RAIN): total})
    column = story.shard._compiled.kinds[0].column_of("rain_10m")
    row = next(row for row, id_ in enumerate(story.shard._subjects.ids) if id_ == "G1")
    value = story.shard._state.series[story.shard._state.devices[row]["series"] + column]["value"]
    assert value == pytest.approx(most)
    assert [level for _, level, _ in story.of("rain")] == ([Level.BLUE] if most >= 5 else [])


def test_windows_outlive_a_restart() -> None:
    story = Quarter(RAINFALL).minutes(1, {("G1", RAIN): 10}).minutes(1, {("G1", RAIN): 13})
    story.restarted().minutes(1, {("G1", RAIN): 16})
    assert story.of("rain") == [("G1", Level.BLUE, False)]


STREET = """
class: waterlogging
derive:
  - {indicator: wet, unit: "1", per: zone, value: "share(water_depth >= 10 cm in zone)"}
rules:
  - id: flooded
    title: 片区积水
    per: zone
    indicator: wet
    levels: {yellow: 0.5, red: 1}
    evidence: {max_gap: 10m}
    clear: {margin: 0.1, for: 1m}
    actions: {red: [封闭道路], yellow: [巡查]}
    source: operator default
"""


def test_a_place_is_judged_by_all_that_stand_there_and_says_what_to_do() -> None:
    story = Quarter(STREET).minutes(2, depth(G1=20, G2=20, G3=0, G5=0)).minutes(2, depth(G1=20, G2=20, G3=20, G6=20))
    red = story.said[-1]
    assert story.of("flooded") == [("Z", Level.YELLOW, False), ("Z", Level.RED, False)]
    assert (red.subject_kind, red.area, red.admin) == (SubjectKind.ZONE, None, "11")
    assert red.actions == ("巡查", "封闭道路")


FAILING = DEPTH + (
    "  - id: ratio\n    title: 比值\n    conditions:\n      red: water_depth / (queue - 10) > 1 cm\n"
    "    evidence: {max_gap: 10m}\n    clear: {for: 1m}\n    source: operator default\n"
)


def test_a_rule_that_fails_a_hundred_times_is_disabled_alone_and_says_so_once() -> None:
    story = Quarter(FAILING).minutes(1, {("G1", QUEUE): 10.0}).minutes(130, {("G1", QUEUE): 10.0} | depth(G1=20))
    told = [t for t in story.said if t.nature is Nature.RULE]
    assert [(t.rule, t.subject, t.level_to) for t in told] == [("rule-disabled", "ratio", Level.YELLOW)]
    story.minutes(2, {("G1", QUEUE): 11.0} | depth(G1=50))
    assert [t for t in story.said if t.rule == "ratio"] == []
    assert story.of("depth")[-1] == ("G1", Level.RED, False)


def test_a_disabled_rule_stays_so_after_a_restart() -> None:
    story = Quarter(FAILING).minutes(130, {("G1", QUEUE): 10.0} | depth(G1=20)).restarted()
    story.minutes(5, {("G1", QUEUE): 11.0} | depth(G1=50))
    assert [t for t in story.said if t.rule == "ratio"] == []


def test_the_alert_of_a_disabled_rule_ends_when_the_rule_is_mended() -> None:
    story = Quarter(FAILING).minutes(130, {("G1", QUEUE): 10.0} | depth(G1=20))
    (told,) = [t for t in story.said if t.nature is Nature.RULE]
    mended = Shard(CITY, fleet_of(CITY), load(CITY.catalogue, FAILING.replace("queue - 10", "queue - 9")))
    (ended,) = [t for t in mended.restore(story.shard.snapshot()).ended if t.nature is Nature.RULE]
    assert (ended.alert, ended.subject, ended.level_from, ended.level_to) == (
        told.alert,
        "ratio",
        Level.YELLOW,
        Level.NONE,
    )


def test_thresholds_of_a_site_are_its_override_then_its_mark_then_the_rule_s() -> None:
    text = DEPTH.replace("yellow: 15 cm", 'yellow: "site(lane, 15 cm)"') + (
        "    overrides:\n      - sites: [S-W2]\n        levels: {blue: 5 cm}\n        source: street office\n"
    )
    story = Quarter(text).minutes(2, depth(G1=13.5, G2=6, G3=13.5))
    assert set(story.of("depth")) == {
        ("G1", Level.YELLOW, False),  # its mark is 13 cm
        ("G2", Level.BLUE, False),  # overridden; its mark of 50 cm is beyond orange and left out
        ("G3", Level.BLUE, False),  # neither
    }
