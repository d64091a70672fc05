"""Each fault does to a device's messages what it says, and to nobody else's."""

from collections import Counter
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from city.city import City
from city.generate import FleetRequest, generate_fleet
from city.tables import read_city, shipped_pack
from ingest.contract import PERSONAL_FIELDS
from simulators.message import Emission
from simulators.scenario import Scenario, load_scenario

START = "2024-06-01T10:00:00+08:00"
HEAD = f"scenario: T\ntitle: 试\nsource: 合成\nseed: 5\nstart: {START}\nend: 2024-06-01T14:00:00+08:00\n"
HEAD += "behaviour: {passages_per_min: 3}\n"
TRUTH = """
truth:
  causes:
    {baseline: {}, refused-range: {}, refused-unit: {}, refused-format: {}, clock: {}, low-battery: {}, no-beat: {}}
  parents: {gateway: {at_least: 3}, network: {at_least: 3}}
"""
START_MS = round(datetime.fromisoformat(START).timestamp() * 1000)
MINUTE_MS = 60_000
GAUGE = "BA-WL-0001"


@cache
def town() -> City:
    wanted = FleetRequest(water_gauges=12, sentries=4, cameras_class1=6, cameras_class2=6, channels_per_nvr=6)
    return generate_fleet(read_city(shipped_pack("baoan")), wanted, 1)


@pytest.fixture
def scenario(tmp_path: Path):
    def of(*faults: str) -> Scenario:
        path = tmp_path / "T.yaml"
        listed = "".join(f"- {{{fault}}}\n" for fault in faults)
        path.write_text(HEAD + (f"faults:\n{listed}" if faults else "") + TRUTH, encoding="utf-8")
        return load_scenario(path)

    return of


@pytest.fixture
def play(scenario):
    """Emissions of a town with some faults, of one device or of all."""

    def of(*faults: str, device: str | None = None) -> list[Emission]:
        return [e for e in scenario(*faults).play(town()) if device in (None, e.device)]

    return of


def body(emission: Emission) -> dict:
    return msgspec.json.decode(emission.payload)


def depths(emissions: list[Emission]) -> list[float]:
    return [body(e)["depth_cm"] for e in emissions if e.topic.endswith("/up")]


def minute(emission: Emission) -> float:
    return (emission.at_ms - START_MS) / MINUTE_MS


ON_GAUGE = f"devices: {{ids: [{GAUGE}]}}"


def test_stuck_tells_one_value_and_drift_ever_more(play):
    assert set(depths(play(f"fault: stuck, value_cm: 3, {ON_GAUGE}", device=GAUGE))) == {3.0}
    drifting = depths(play(f"fault: drift, cm_an_hour: 6, {ON_GAUGE}", device=GAUGE))
    assert drifting[-1] - drifting[0] == pytest.approx(6 * 4 * 47 / 48, abs=1.5)


def test_a_spike_is_one_sample_and_comes_again_when_told_so(play):
    once = depths(play(f"fault: spike, value_cm: 180, from: 1h, {ON_GAUGE}", device=GAUGE))
    assert once.count(180.0) == 1
    again = depths(play(f"fault: spike, value_cm: 180, every: 1h, {ON_GAUGE}", device=GAUGE))
    assert again.count(180.0) == 4


def test_lost_messages_never_arrive_and_any_device_may_seem_silent(play, scenario):
    all_sent, arrived = play(device=GAUGE), play(f"fault: lost, messages: 50%, {ON_GAUGE}", device=GAUGE)
    assert 0.3 < len(arrived) / len(all_sent) < 0.7
    assert {e.seq for e in arrived} < {e.seq for e in all_sent}


def test_debris_is_a_step_that_stays_and_negative_is_far_below_nothing(play):
    clean = depths(play(device=GAUGE))
    stepped = depths(play(f"fault: debris, step_cm: 6, from: 2h, {ON_GAUGE}", device=GAUGE))
    assert stepped[:24] == clean[:24]
    assert stepped[24:] == pytest.approx([depth + 6 for depth in clean[24:]])
    assert set(depths(play(f"fault: negative, {ON_GAUGE}", device=GAUGE))) == {-5.0}


def test_millimetres_are_ten_times_too_many_while_raw_and_ref_tell_the_truth(play):
    for emission in play(f"fault: millimetres, standing_cm: 2, {ON_GAUGE}", device=GAUGE):
        message = body(emission)
        if "depth_cm" in message:
            assert message["depth_cm"] == message["raw_mm"] - message["ref_mm"] > 10


def test_what_breaks_the_contract_is_there_byte_for_byte(play):
    for emission in play(f"fault: garbage, {ON_GAUGE}", device=GAUGE):
        with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
            body(emission)
    nan = play(f"fault: not-a-number, write: nan, {ON_GAUGE}", device=GAUGE)
    assert all(b"NaN" in e.payload and b'"NaN"' not in e.payload for e in nan)
    text = play(f"fault: not-a-number, write: text, {ON_GAUGE}", device=GAUGE)
    assert all(isinstance(body(e).get("depth_cm", body(e)["v"]), str) for e in text)
    wrong = play(f"fault: wrong-device-id, claims: BA-WL-9999, {ON_GAUGE}", device=GAUGE)
    assert {body(e)["device_id"] for e in wrong} == {"BA-WL-9999"}
    assert {e.topic.split("/")[-2] for e in wrong} == {GAUGE}


def test_a_personal_field_brings_values_that_are_nobodys(play):
    for emission in play(f"fault: personal-field, {ON_GAUGE}", device=GAUGE):
        personal = {key: value for key, value in body(emission).items() if key in PERSONAL_FIELDS}
        assert personal == {"name": "张三(假)", "phone": "00000000000"}


def test_an_unregistered_device_says_the_same_beside_the_registered_one(play):
    sent = play(f"fault: unregistered, from: 1h, for: 1h, {ON_GAUGE}")
    ghost = [e for e in sent if e.device == f"{GAUGE}-X"]
    own = [e for e in sent if e.device == GAUGE and MINUTE_MS * 60 <= e.event_ms - START_MS < MINUTE_MS * 120]
    assert len(ghost) == len(own) > 10
    assert all(e.topic.split("/")[-2] == body(e)["device_id"] == f"{GAUGE}-X" for e in ghost)


def test_clocks_are_wrong_by_what_was_said_in_the_way_the_device_writes_times(play):
    clean = {e.seq: e for e in play(device=GAUGE)}
    for emission in play(f"fault: clock-skew, by: 8h, {ON_GAUGE}", device=GAUGE):
        assert emission.event_ms == clean[emission.seq].event_ms + 8 * 3_600_000
        assert datetime.fromisoformat(body(emission)["ts"]).timestamp() * 1000 == pytest.approx(emission.event_ms)
    lane = "devices: {ids: [BA-ES-0001]}"
    assert all(body(e)["ts"] < 4 * 3_600_000 for e in play(f"fault: clock-1970, {lane}", device="BA-ES-0001"))
    for emission in play(f"fault: epoch-seconds, {ON_GAUGE}", device=GAUGE):
        assert body(emission)["ts"] == emission.event_ms / 1000 == clean[emission.seq].event_ms // 1000


def test_a_stale_message_comes_once_and_retained(play):
    sent = play(f"fault: stale-retained, age: 3d, depth_cm: 60, {ON_GAUGE}", device=GAUGE)
    (stale,) = [e for e in sent if e.retain]
    assert body(stale)["depth_cm"] == 60
    assert START_MS - stale.event_ms > 2 * 86_400_000


def test_low_battery_shows_in_every_message(play):
    volts = [body(e)["batt_v"] for e in play(f"fault: low-battery, volts: 11.3, {ON_GAUGE}", device=GAUGE)]
    assert 11.3 <= min(volts) <= max(volts) <= 11.4


def test_duplicates_really_repeat(play):
    clean = Counter(e.payload for e in play())
    twice = Counter(e.payload for e in play("fault: duplicate, messages: 30%, after: [1s, 30s]"))
    assert set(twice) <= set(clean)
    repeated = sum(count == 2 for count in twice.values())
    assert 0.27 < repeated / len(twice) < 0.33
    five = Counter(e.payload for e in play(f"fault: duplicate, copies: 4, after: [1s, 5s], {ON_GAUGE}", device=GAUGE))
    assert set(five.values()) == {5}


def test_late_messages_come_as_late_as_said_and_in_order_of_publication(play):
    sent = play("fault: late, messages: 10%, delay: [5m, 40m]")
    late = [e.at_ms - e.event_ms for e in sent if e.at_ms - e.event_ms > 5 * MINUTE_MS]
    assert 0.07 < len(late) / len(sent) < 0.11  # some come after the end
    assert max(late) < 40 * MINUTE_MS + 3000
    assert [e.at_ms for e in sent] == sorted(e.at_ms for e in sent)


def test_a_link_that_dropped_out_sends_what_it_kept_in_one_shuffled_burst(play):
    fault = f"fault: drop-out, lasts: [60m, 60m], from: 1h, for: 61m, burst: 20s, {ON_GAUGE}"
    clean, sent = play(device=GAUGE), play(fault, device=GAUGE)
    told = [e for e in sent if not e.topic.endswith("/will")]
    assert sorted(e.seq for e in told) == [e.seq for e in clean]
    burst = [e for e in told if e.at_ms - e.event_ms > 5000]
    assert len(burst) >= 12
    assert max(e.at_ms for e in burst) - min(e.at_ms for e in burst) <= 20_000
    assert [e.seq for e in burst] != sorted(e.seq for e in burst)
    assert {body(e)["report"] for e in burst} == {"backfill"}
    (will,) = [e for e in sent if e.topic.endswith("/will")]
    assert will.retain and 60 <= minute(will) <= 64
    silent = play(fault + ", backfill: false", device=GAUGE)
    assert "backfill" not in {body(e).get("report") for e in silent}
    assert len(play(fault + ", then: lost", device=GAUGE)) == len(told) - len(burst) + 1


def test_a_flapping_link_comes_and_goes(play):
    camera = "BA-VC-000001"
    sent = play(f"fault: flapping, off: [6m, 9m], on: [2m, 4m], devices: {{ids: [{camera}]}}", device=camera)
    gaps = [b.at_ms - a.at_ms for a, b in pairwise(sent)]
    away = [gap for gap in gaps if gap > 2 * MINUTE_MS]
    assert 15 <= len(away) <= 32
    assert min(away) >= 6 * MINUTE_MS
    assert max(away) <= 10 * MINUTE_MS + 1000


def test_a_camera_without_beats_registers_again_and_again(play):
    camera = "BA-VC-000001"
    sent = play(f"fault: no-beat, every: 100s, devices: {{ids: [{camera}]}}", device=camera)
    assert {body(e)["event"] for e in sent} == {"register"}
    assert {b.event_ms - a.event_ms for a, b in pairwise(sent)} == {120_000}


def test_a_cut_silences_all_that_hangs_on_a_parent_and_nobody_else(play):
    cut = "fault: cut, from: 1h, for: 1h, parents: {kind: gateway, ids: [BA-NVR-0001]}"
    clean, sent = play(), play(cut)
    lost = set(clean) - set(sent)
    below = {device.id for device in town().devices.values() if device.gateway == "BA-NVR-0001"}
    assert {e.device for e in lost} == below
    assert all(60 <= minute(e) < 120 for e in lost)
    assert len(lost) >= 59 * len(below)


def test_sentries_without_their_back_end_wait_queue_and_then_decide_alone(play):
    lane = "BA-ES-0001"
    back_end = "parents: {kind: platform, ids: [BA-PF-verify-xinan]}"
    outage = f"fault: verify-outage, from: 60m, for: 60m, local_after: 10m, {back_end}"
    stats = [e for e in play(outage, device=lane) if body(e)["kind"] == "stat"]
    before = [body(e) for e in stats if minute(e) < 60]
    waiting = [body(e) for e in stats if 63 <= minute(e) < 70]
    alone = [body(e) for e in stats if 72 <= minute(e) < 120]
    after = [body(e) for e in stats if minute(e) > 122]
    assert max(stat.get("latency_ms", 0) for stat in (*before, *after)) < 5000
    asked = [stat["latency_ms"] for stat in (*waiting, *alone) if "latency_ms" in stat]
    assert len(asked) >= len(alone)
    assert min(asked) >= 15_000
    assert {stat["mode"] for stat in alone} == {"offline_local"}
    assert sum(stat["deny_1m"] for stat in alone) == 0
    assert {stat["mode"] for stat in (*before, *waiting, *after)} == {"online"}
    other = play(outage, device="BA-ES-0003")
    assert {body(e)["mode"] for e in other if "mode" in body(e)} == {"online"}


def test_a_fault_more_changes_nothing_of_the_others(play):
    late = "fault: late, messages: 10%, delay: [1m, 9m], devices: {types: [electronic-sentry]}"
    picked = "fault: stuck, value_cm: 4, devices: {count: 2}"
    before = play(late, picked)
    after = play(late, picked, "fault: garbage, devices: {ids: [BA-VC-000002]}")
    assert [e for e in before if e.device != "BA-VC-000002"] == [e for e in after if e.device != "BA-VC-000002"]


def test_picks_by_lot_take_devices_that_no_fault_has_yet(play):
    sent = play("fault: stuck, value_cm: 4, devices: {count: 5}", "fault: negative, devices: {count: 5}")
    stuck = {e.device for e in sent if e.topic.endswith("/up") and body(e).get("depth_cm") == 4.0}
    below = {e.device for e in sent if e.topic.endswith("/up") and body(e).get("depth_cm") == -5.0}
    assert len(stuck) == len(below) == 5
    assert not stuck & below
