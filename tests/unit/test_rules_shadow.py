"""A candidate beside the rules in force: what it means is told apart from what only begins anew."""

from collections.abc import Mapping

import pytest

from city.fleet import fleet_of
from city.levels import Level
from city.readings import Batch, Tick
from city.transitions import Transition
from rules.authoring.differing import Comparison, Kind, as_data
from rules.authoring.filling import filling_ms
from rules.authoring.shadow import Shadow
from rules.language.pack import Pack
from tests.cities import cameras, gateway, gauges, small_city
from tests.unit.packs import CAMERA_OFF, DEPTH, GATEWAY_DARK, GAUGE_OFF, pack
from tests.unit.wards import MINUTE_MS, Ward

PLAIN = pack(DEPTH, GAUGE_OFF)
CITY = small_city(gauges(2))
BOTH = ["G1", "G2"]
NOTHING: list[object] = []


class Beside:
    """A live shard with a shadow that reads the same."""

    def __init__(self, ward: Ward, candidate: Pack) -> None:
        self.live = ward.shard
        self.shadow = Shadow(ward.city, fleet_of(ward.city), ward.pack, candidate, ward.shard.snapshot())

    def apply(self, batch: Batch) -> list[Transition]:
        self.shadow.apply(batch)
        return self.live.apply(batch)

    def tick(self, tick: Tick) -> list[Transition]:
        self.shadow.tick(tick)
        return self.live.tick(tick)


def shadowed(ward: Ward, candidate: Pack) -> Shadow:
    """From now on a candidate is judged beside the ward's rules."""
    ward.shard = Beside(ward, candidate)  # type: ignore[assignment]
    return ward.shard.shadow


def told(comparison: Comparison) -> list[tuple[str, str, str, str, float | None]]:
    """Kind, rule, subject, level, and how many minutes long."""
    return [
        (d.kind.value, d.rule, d.subject, d.level.slug, None if d.by_ms is None else d.by_ms / MINUTE_MS)
        for d in comparison.differences()
    ]


def a_storm(ward: Ward) -> None:
    """Water at G1 rises to 16 and to 30 cm and ebbs; at G2 it stays at 12."""
    for depth in (1, 16, 30, 16, 1, 1):
        ward.minutes(6, alive=BOTH, depth={"G1": depth, "G2": 12})


def test_one_threshold_changed_shows_in_all_and_only_what_it_changes() -> None:
    ward = Ward(CITY, PLAIN).minutes(1, alive=BOTH, depth={"G1": 1, "G2": 1})
    shadow = shadowed(ward, pack(DEPTH.replace("yellow: 15 cm", "yellow: 20 cm"), GAUGE_OFF))
    a_storm(ward)
    assert told(shadow.meaning) == [
        (
            "other-level",
            "depth",
            "G1",
            "yellow",
            5.5,
        ),  # at 16 cm, until both are orange
        ("earlier", "depth", "G1", "blue", 1.0),  # ebbing through 16 cm, which is below the mark less the margin
        ("earlier", "depth", "G1", "none", 1.0),
    ]
    assert told(shadow.reset) == NOTHING


@pytest.mark.parametrize(
    "candidate",
    [PLAIN, pack(DEPTH.replace("积水深度", "路面积水").replace("operator default", "GB 51222"), GAUGE_OFF)],
    ids=["the same", "other texts"],
)
def test_a_candidate_of_the_same_meaning_differs_in_nothing_wherever_it_begins(candidate: Pack) -> None:
    ward = Ward(CITY, PLAIN).minutes(1.5, alive=BOTH, depth={"G1": 12, "G2": 30})
    shadow = shadowed(ward, candidate)
    a_storm(ward)
    ward.minutes(20, alive=["G1"])
    assert told(shadow.meaning) == told(shadow.reset) == NOTHING
    assert len(ward.said) > 5


def test_a_hold_that_was_half_over_begins_anew_and_means_nothing_else() -> None:
    ward = Ward(CITY, PLAIN).minutes(1.5, alive=BOTH, depth={"G1": 12})
    shadow = shadowed(ward, pack(DEPTH.replace("red: 40 cm", "red: 41 cm"), GAUGE_OFF))
    ward.minutes(10, alive=BOTH, depth={"G1": 12})
    assert told(shadow.meaning) == NOTHING
    assert told(shadow.reset) == [("later", "depth", "G1", "blue", 1.5)]


def test_an_alert_that_stands_ends_at_a_publication_and_comes_again() -> None:
    ward = Ward(CITY, PLAIN).minutes(10, alive=BOTH, depth={"G1": 30})
    shadow = shadowed(ward, pack(DEPTH.replace("red: 40 cm", "red: 41 cm"), GAUGE_OFF))
    ward.minutes(10, alive=BOTH, depth={"G1": 30})
    assert told(shadow.meaning) == NOTHING
    (reset,) = shadow.reset.differences()
    assert (reset.kind, reset.live, reset.from_ms) == (Kind.ONLY_LIVE, Level.ORANGE, shadow.start_ms)
    assert reset.by_ms is not None and 0 < reset.by_ms <= 2 * MINUTE_MS


def test_what_it_means_and_what_begins_anew_are_told_apart_though_both_happen() -> None:
    ward = Ward(CITY, PLAIN).minutes(1.5, alive=BOTH, depth={"G1": 12})
    shadow = shadowed(ward, pack(DEPTH.replace("blue: 2m", "blue: 5m"), GAUGE_OFF))
    ward.minutes(10, alive=BOTH, depth={"G1": 12})
    assert told(shadow.meaning) == [("later", "depth", "G1", "blue", 3.0)]
    assert told(shadow.reset) == [("later", "depth", "G1", "blue", 1.5)]


def test_a_rule_that_is_gone_and_a_rule_that_is_new() -> None:
    ward = Ward(CITY, PLAIN).minutes(1, alive=BOTH, depth={"G1": 1, "G2": 1})
    shadow = shadowed(ward, pack(DEPTH.replace("id: depth", "id: deep"), GAUGE_OFF))
    ward.minutes(6, alive=BOTH, depth={"G1": 16, "G2": 1})
    assert told(shadow.meaning) == [
        ("only-candidate", "deep", "G1", "yellow", None),
        ("only-live", "depth", "G1", "yellow", None),
    ]


def test_a_parent_rule_that_changes_begins_anew_with_what_it_explains() -> None:
    city = small_city(cameras(4, gateway="GW"), [gateway("GW")])
    ward = Ward(city, pack(CAMERA_OFF, GATEWAY_DARK))
    ward.minutes(2, alive=["C101", "C102", "C103", "C104"]).minutes(6)
    shadow = shadowed(ward, pack(CAMERA_OFF, GATEWAY_DARK.replace("silent: 80%", "silent: 75%")))
    ward.minutes(10)
    assert told(shadow.meaning) == NOTHING
    assert {(rule, subject) for _, rule, subject, _, _ in told(shadow.reset)} >= {("gateway-dark", "GW")}


def test_a_shard_without_a_state_is_judged_from_the_beginning_by_both() -> None:
    ward = Ward(CITY, PLAIN)
    shadow = Shadow(CITY, fleet_of(CITY), PLAIN, pack(DEPTH.replace("15 cm", "14 cm"), GAUGE_OFF), None)
    ward.shard = _Only(shadow)  # type: ignore[assignment]
    ward.minutes(6, alive=BOTH, depth={"G1": 14, "G2": 1})
    assert [kind for kind, *_ in told(shadow.meaning)] == ["other-level"]
    assert told(shadow.reset) == NOTHING


class _Only:
    def __init__(self, shadow: Shadow) -> None:
        self.apply, self.tick = (lambda b: shadow.apply(b) or []), (lambda t: shadow.tick(t) and [])


RISE = """
class: waterlogging
derive:
  - {indicator: rise, unit: cm, value: "rise(water_depth, LENGTH)"}
rules:
  - id: rising
    title: 上涨
    indicator: rise
    levels: {blue: 5 cm}
    evidence: {max_gap: 10m}
    clear: {margin: 1 cm, for: 5m}
    source: operator default
"""


@pytest.mark.parametrize(
    ("live", "candidate", "fills"),
    [("10m", "10m", {}), ("10m", "20m", {"rising": 20 * MINUTE_MS}), ("20m", "10m", {"rising": 10 * MINUTE_MS})],
)
def test_windows_that_nobody_has_filled_are_known(live: str, candidate: str, fills: Mapping[str, int]) -> None:
    packs = [pack(RISE.replace("LENGTH", length)) for length in (live, candidate)]
    assert filling_ms(*packs) == fills


def test_what_comes_while_windows_fill_is_told_apart_from_what_comes_later() -> None:
    live, candidate = (pack(RISE.replace("LENGTH", length)) for length in ("10m", "20m"))
    ward = Ward(CITY, live).minutes(20, alive=BOTH, depth={"G1": 1, "G2": 1})
    shadow = shadowed(ward, candidate)
    for depth in (1, 9, 9, 9, 9, 18, 18, 18, 18):
        ward.minutes(5, alive=BOTH, depth={"G1": depth, "G2": 1})
    early, later = (as_data([shadow.meaning], filling=filling) for filling in (True, False))
    assert early["count"] and later["count"]
    filled_ms = shadow.start_ms + 20 * MINUTE_MS
    assert all(row["from_ms"] < filled_ms for row in early["list"])
    assert all(row["from_ms"] >= filled_ms for row in later["list"])
    assert sum(row["count"] for row in early["counts"]) == early["count"] == len(early["list"])


def test_windows_of_a_condition_count_too() -> None:
    promoted = DEPTH + "    promote: [{when: 'rise(water_depth, 30m) >= 10 cm', by: 1}]\n"
    assert filling_ms(pack(DEPTH), pack(promoted)) == {"depth": 30 * MINUTE_MS}
    assert filling_ms(pack(promoted), pack(promoted.replace("15 cm", "14 cm"))) == {}
