"""What a transition says: where, of what, why, and since when."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace as with_fields

from city.levels import Level
from city.readings import Tick, batch_of
from city.registry import Device, ParentKind
from city.transitions import Nature, SubjectKind, Transition, Trigger
from rules.engine.report import alert_id
from rules.engine.shard import ROWS_AT_ONCE
from tests.cities import WATER_DEPTH, cameras, gateway, gauges, small_city
from tests.unit.packs import CAMERA_OFF, DEPTH, GATEWAY_DARK, GAUGE_OFF, pack
from tests.unit.wards import MINUTE_MS, SECOND_MS, START_MS, Ward

AT_ONCE = DEPTH.replace("    hold: {blue: 2m, yellow: 1m}\n", "").replace("min_samples: 2", "min_samples: 1")
HUNG = gauges(1, gateway="GW", platform="PF")
PARENTS = [gateway("GW"), gateway("PF", ParentKind.PLATFORM)]


def only(transitions: list[Transition]) -> Transition:
    (transition,) = transitions
    return transition


def test_a_level_reached_by_a_reading_names_the_reading() -> None:
    ward = Ward(small_city(gauges(2)), pack(DEPTH)).minutes(1, depth={"G1": 1, "G2": 30})
    rise = only(ward.said)
    assert rise == Transition(
        alert=alert_id("depth", ward.pack.levels[0].version, "G2", START_MS + 60 * SECOND_MS),
        rule="depth",
        rule_version=ward.pack.levels[0].version,
        title="积水深度",
        nature=Nature.HAZARD,
        subject_kind=SubjectKind.DEVICE,
        subject="G2",
        level_from=Level.NONE,
        level_to=Level.ORANGE,
        event_ms=START_MS + 60 * SECOND_MS,
        log_ms=START_MS + 50 * SECOND_MS,
        since_ms=START_MS + 60 * SECOND_MS,
        value=30.0,
        unit="cm",
        samples=2,
        held_ms=30 * SECOND_MS,
        risk_class="waterlogging",
        admin="11",
        area="A-W",
        site="S-W",
        cause="ponding",
        group="area",
        group_key="A-W",
        trigger=Trigger("G2", 4, START_MS + 60 * SECOND_MS),
    )


def test_a_level_reached_by_time_has_no_trigger_and_the_last_value() -> None:
    ward = Ward(small_city(gauges(1)), pack(DEPTH)).minutes(1.5, depth={"G1": 12}).minutes(2)
    rise = only(ward.said)
    assert (rise.level_to, rise.trigger, rise.value, rise.unit) == (Level.BLUE, None, 12.0, "cm")
    assert rise.event_ms == START_MS + 150 * SECOND_MS  # two minutes after the first reading
    assert rise.log_ms == rise.event_ms
    assert rise.wall_ms == rise.log_ms + 1.0  # of the tick that said so
    assert (rise.samples, rise.held_ms) == (3, 120 * SECOND_MS)


def test_an_alert_keeps_its_id_from_leaving_none_to_coming_back() -> None:
    ward = Ward(small_city(gauges(1)), pack(AT_ONCE)).minutes(1, depth={"G1": 30}).minutes(1, depth={"G1": 50})
    ward.minutes(30, depth={"G1": 1}).minutes(1, depth={"G1": 30})
    steps = [(t.level_from, t.level_to) for t in ward.said]
    assert steps == [(0, 3), (3, 4), (4, 3), (3, 2), (2, 1), (1, 0), (0, 3)]
    first, second = {t.alert for t in ward.said[:6]}, {t.alert for t in ward.said[6:]}
    assert len(first) == len(second) == 1
    assert first != second
    assert {t.since_ms for t in ward.said[:6]} == {START_MS + 30 * SECOND_MS}


@pytest.mark.parametrize(
    ("group", "key"),
    [("area", "A-W"), ("device", "G1"), ("gateway", "GW"), ("platform", "PF"), ("network", "A-W")],
)
def test_what_an_alert_gathers_under(group: str, key: str) -> None:
    """Its area where it hangs on no parent of that kind."""
    rules = pack(AT_ONCE.replace("    cause: ponding", f"    group: {group}\n    cause: ponding"))
    rise = only(Ward(small_city(HUNG, PARENTS), rules).minutes(0.5, depth={"G1": 30}).said)
    assert (rise.group, rise.group_key) == (group, key)


def test_a_silence_tells_its_age_in_seconds() -> None:
    ward = Ward(small_city(gauges(1)), pack(GAUGE_OFF)).minutes(1, alive=["G1"]).minutes(5)
    gone = only(ward.said)
    assert (gone.nature, gone.subject, gone.level_to) == (Nature.DEVICE, "G1", Level.BLUE)
    assert (gone.value, gone.unit, gone.trigger) == (260.0, "s", None)  # 180 s, and 75 s to look for a cause
    last_seen_ms = START_MS + 50 * SECOND_MS  # log time when the beat of second 60 came
    assert gone.event_ms == gone.log_ms == last_seen_ms + 260 * SECOND_MS
    assert (gone.group, gone.group_key, gone.area) == ("device", "G1", "A-W")


def test_a_failed_parent_is_told_before_its_devices_and_explains_them() -> None:
    city = small_city(cameras(4, gateway="GW"), [gateway("GW")])
    ward = Ward(city, pack(CAMERA_OFF, GATEWAY_DARK)).minutes(1, alive=list(city.devices)).minutes(5)
    parent, *children = ward.said
    assert (parent.nature, parent.subject_kind, parent.subject) == (Nature.PARENT, SubjectKind.PARENT, "GW")
    assert (parent.rule, parent.cause, parent.level_to, parent.value) == (
        "gateway-dark",
        "gateway-dark",
        Level.ORANGE,
        4,
    )
    assert (parent.group, parent.group_key, parent.risk_class, parent.admin) == ("gateway", "GW", "video", "11")
    assert (parent.area, parent.site, parent.explained_by) == (None, None, None)
    assert [(c.subject, c.explained_by) for c in children] == [(f"C{n}", "GW") for n in (101, 102, 103, 104)]


def test_blindness_is_an_alert_of_the_ingest() -> None:
    ward = Ward(small_city(gauges(1)), pack(DEPTH))
    began = START_MS
    ward.now_ms += 5 * MINUTE_MS
    ward.minutes(0.5)
    begin, end = ward.said
    assert (begin.nature, begin.subject_kind, begin.subject) == (Nature.BLIND, SubjectKind.INGEST, "east")
    assert (begin.level_to, begin.event_ms, end.level_to, end.event_ms) == (3, began, 0, ward.now_ms - 20 * SECOND_MS)
    assert begin.alert == end.alert == alert_id("blind", "", "east", began)
    assert (begin.group, begin.group_key, begin.admin) == ("ingest", "east", None)


def test_a_quiet_log_is_told_by_the_id_that_the_engine_will_use() -> None:
    """Nothing in the log says that nothing comes; the worker says it, and the next tick says the same."""
    ward = Ward(small_city(gauges(1)), pack(DEPTH)).minutes(1)
    said = only(ward.shard.gone_quiet(wall_ms=1.0))
    assert said == only(ward.shard.gone_quiet(wall_ms=1.0))  # it changes nothing

    ward.now_ms += 5 * MINUTE_MS
    ward.minutes(0.5)
    begin, _ = ward.said
    assert (begin.id, begin.alert) == (said.id, said.alert)
    assert with_fields(begin, wall_ms=said.wall_ms, log_ms=said.log_ms) == said


def test_nobody_is_told_again_of_what_is_blind_already() -> None:
    ward = Ward(small_city(gauges(1)), pack(DEPTH))
    ward.shard.tick(Tick("east", ward.now_ms + SECOND_MS, SECOND_MS, up=False))
    assert ward.shard.blind_through == ["east"]
    assert ward.shard.gone_quiet(wall_ms=1.0) == []


def test_of_many_readings_in_one_batch_each_names_its_own() -> None:
    """A batch is judged in pieces: the rows that transitions name are of the whole batch."""
    city = small_city(gauges(2))
    ward = Ward(city, pack(AT_ONCE))
    n = ROWS_AT_ONCE + 10
    depth: Mapping[int, float] = {ROWS_AT_ONCE - 1: 30.0, ROWS_AT_ONCE + 5: 50.0}
    times = [START_MS - n + i for i in range(n)]
    batch = batch_of(
        [1] * n, [WATER_DEPTH] * n, times, [depth.get(i, 28.0 if i else 1.0) for i in range(n)], list(range(n)), [0] * n
    )
    said = ward.shard.apply(batch)
    assert [(t.level_to, t.trigger) for t in said] == [
        (Level.ORANGE, Trigger("G1", 1, times[1])),
        (Level.RED, Trigger("G1", ROWS_AT_ONCE + 5, times[ROWS_AT_ONCE + 5])),
    ]


def test_ids_differ_by_rule_version_subject_and_time() -> None:
    ids = {
        alert_id("depth", "v1", "G1", 1),
        alert_id("depth2", "v1", "G1", 1),
        alert_id("depth", "v2", "G1", 1),
        alert_id("depth", "v1", "G2", 1),
        alert_id("depth", "v1", "G1", 2),
        alert_id("dept", "hv1", "G1", 1),
    }
    assert len(ids) == 6
    assert all(len(i) == 16 for i in ids)


def test_a_device_of_another_shard_does_not_trouble_the_names() -> None:
    """Rows of a fleet are not numbers of the registry: the middle of three devices is elsewhere."""
    three = [*gauges(3), Device(number=4000, id="G4000", type="gauge", site="S-W")]
    city = small_city(three)
    ward = Ward(city, pack(AT_ONCE)).minutes(0.5, depth={"G4000": 30, "G2": 12})
    assert {t.subject for t in ward.said} == {"G2", "G4000"}
