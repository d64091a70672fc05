"""The law of ingest: of whatever arrives, every part is in the readings or in the dead letters, and nothing raises."""

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from city.readings import encode
from ingest.contract import FEEDS, TOPIC_KINDS
from ingest.dead_letters import keepable
from ingest.decode import decode_message
from ingest.intake import EARLIEST_MS, FUTURE_MS
from ingest.measures import measured
from tests.unit.test_ingest_desk import (
    CAMERA,
    GAUGE,
    NOW_MS,
    NVR,
    OTHER_CAMERA,
    SENTRY,
    UNDERPASS,
    Desk,
    baoan,
    feed_of,
    message,
    topic_of,
)

DEVICES = (GAUGE, UNDERPASS, SENTRY, CAMERA, OTHER_CAMERA)
BOOLEANS = ("online", "stream_ok", "no_signal", "black", "frozen", "occluded", "rec_ok")
NUMBERS = {
    "waterlogging": ("depth_cm", "raw_mm", "ref_mm", "rain_tip_mm", "rain_acc_mm", "batt_v", "rssi_dbm", "temp_c"),
    "sentry": ("latency_ms", "queue_len", "pass_1m", "deny_1m", "uptime_s"),
    "video": ("fps", "bitrate_kbps", "loss_pct", "rec_integrity_pct", "clock_offset_s"),
}

number = st.floats(allow_nan=False, allow_infinity=False) | st.floats(-10, 400)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | number | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
times = st.integers(NOW_MS - 40 * 86_400_000, NOW_MS + 86_400_000) | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def messages(draw: st.DrawFn, device: str | None = None) -> dict[str, Any]:
    """A message as a device should send it, with any values of the right types."""
    device = device or draw(st.sampled_from(DEVICES))
    feed = feed_of(device)
    fields = draw(st.dictionaries(st.sampled_from(NUMBERS[feed]), number, max_size=5))
    if feed == "video":
        fields |= draw(st.dictionaries(st.sampled_from(BOOLEANS), st.booleans(), max_size=3))
    if feed == "sentry":
        fields["kind"] = draw(st.sampled_from(["pass", "deny", "door", "alarm", "stat", "hb"]))
    return message(device, seq=draw(st.integers(0, 2**32 - 1)), ts=draw(times), **fields)


@st.composite
def spoilt(draw: st.DrawFn, body: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """A message in which some fields are gone, changed or added."""
    spoilt_body = draw(body)
    names = st.sampled_from(sorted(spoilt_body)) | st.sampled_from(
        ["phone", "x", "faulty_children", "messages", "report"]
    )
    for name in draw(st.lists(names, max_size=3)):
        if draw(st.booleans()):
            spoilt_body.pop(name, None)
        else:
            spoilt_body[name] = draw(any_json)
    return spoilt_body


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


gateway_payload = st.lists(spoilt(messages()) | any_json, max_size=5).map(lambda e: dumped(message(NVR, messages=e)))
anything = (
    st.binary(max_size=200)
    | any_json.map(dumped)
    | spoilt(messages()).map(dumped)
    | gateway_payload
    | st.tuples(spoilt(messages()).map(dumped), st.integers(0, 400)).map(lambda p: p[0][: p[1]])
)
levels = st.binary(max_size=12) | st.sampled_from([b"citysafety", b"440306", b"440306019", b"gateway", b"up", b"will"])
topics = (
    st.lists(levels, max_size=7).map(b"/".join)
    | st.tuples(st.sampled_from((*DEVICES, NVR)), st.sampled_from(TOPIC_KINDS)).map(lambda t: topic_of(*t).encode())
    | st.binary(max_size=60)
)


@given(topics, anything, st.booleans())
@settings(max_examples=200)
def test_nothing_raises_nothing_vanishes_and_the_log_can_hold_it(topic: bytes, payload: bytes, retained: bool) -> None:
    desk = Desk()
    desk.accept(topic, payload, retained)
    rows = [row for shard in desk.intake.buffers.rows for row in shard]
    assert rows or desk.intake.letters
    assert desk.intake.buffers.size == len(rows)
    assert all(letter.reason.value != "poison" for letter in desk.intake.letters)
    for _, _, event_ms, value, _, _ in rows:
        assert EARLIEST_MS <= event_ms <= NOW_MS + FUTURE_MS
        assert math.isfinite(value)
    for _, batch in desk.intake.buffers.cut():
        encode(batch)


@given(messages())
def test_every_value_of_a_good_message_is_a_reading_or_has_a_letter(body: dict[str, Any]) -> None:
    device = body["device_id"]
    said = {name for name, _ in measured(decode_message(FEEDS[feed_of(device)], dumped(body)))}
    area = baoan().area_of(baoan().devices[device])
    known = {i.id for i in baoan().catalogue.indicators if i.risk_class in (area.risk_class, "common")}
    desk = Desk()
    desk.accept(topic_of(device), dumped(body))
    letters = desk.letters()
    if [letter.reason.value for letter in letters] == ["clock"]:
        return
    refused = {letter.detail.split()[0].replace("depth_cm", "water_depth") for letter in letters}
    taken = set(desk.values(device))
    assert taken | refused == (said & known or {"beat"})
    assert not taken & refused


@given(st.lists(spoilt(messages()) | any_json, max_size=6))
def test_every_entry_of_a_gateway_is_a_reading_or_has_a_letter(entries: list[Any]) -> None:
    for count, entry in enumerate(entries):
        if isinstance(entry, dict) and "seq" in entry:
            entry["seq"] = count + 1
    desk = Desk()
    desk.send(NVR, seq=0, messages=entries)
    letters = [letter.payload for letter in desk.letters()]
    taken = {reading.seq for reading in desk.readings()}
    for entry in entries:
        read = isinstance(entry, dict) and entry.get("seq") in taken
        assert read or keepable(json.dumps(entry, ensure_ascii=False).encode()) in letters
