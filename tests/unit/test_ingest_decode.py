"""Payloads that are no messages: each is refused for a clear reason, and what could be read of it still is."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import PERSONAL_FIELDS, Gateway, Video, Waterlogging, Will
from ingest.dead_letters import KEPT_BYTES, REMOVED, UNREADABLE_KEPT_BYTES, Reason, Refused, keepable
from ingest.decode import claimed_device, decode_message, to_ms
from ingest.intake import DETAIL_LETTERS, LARGEST_BYTES
from tests.unit.test_ingest_desk import CAMERA, GAUGE, NOW_MS, NVR, OTHER_CAMERA, Desk, message, ms, topic_of

GOOD = message(GAUGE, depth_cm=3.4)
TEXT = json.dumps(GOOD)


def refusal(kind: type, payload: bytes) -> tuple[Reason, str]:
    with pytest.raises(Refused) as caught:
        decode_message(kind, payload)
    return caught.value.why, caught.value.detail


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \n", id="blank"),
        pytest.param(b"\xff\xd8\xff\xe0 JFIF", id="a picture"),
        pytest.param(TEXT[:-1].encode(), id="cut off"),
        pytest.param(TEXT.replace("3.4", "NaN").encode(), id="NaN"),
        pytest.param(TEXT.replace("3.4", "Infinity").encode(), id="Infinity"),
        pytest.param(TEXT.replace("3.4", "1e999").encode(), id="a number beyond any"),
        pytest.param(TEXT.replace('"v"', '"版本": "值", "v"').encode("gbk"), id="GBK"),
        pytest.param(TEXT.encode("utf-16"), id="UTF-16"),
        pytest.param(TEXT.replace('"v"', '"\xff": 1, "v"').encode("latin-1"), id="a key that is no UTF-8"),
        pytest.param(TEXT.replace('"v"', '"x": "\xff", "v"').encode("latin-1"), id="a text that is no UTF-8"),
        pytest.param(TEXT.encode() + b"}", id="something behind it"),
        pytest.param(b'{"a":' * 5000 + b"1" + b"}" * 5000, id="nested thousands deep"),
    ],
)
def test_what_cannot_be_read_as_json_is_not_json(payload: bytes) -> None:
    assert refusal(Waterlogging, payload)[0] is Reason.NOT_JSON


@pytest.mark.parametrize("depth", range(100, 1200, 50))
def test_at_any_depth_of_nesting_a_message_is_taken_in_or_refused(depth: int) -> None:
    desk = Desk()
    desk.accept(topic_of(GAUGE), TEXT[:-1].encode() + b', "x": ' + b"[" * depth + b"]" * depth + b"}")
    assert (desk.reasons(), desk.values(GAUGE)) in [([], {"water_depth": 3.4}), (["not-json"], {})]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"seq": None}, "$.seq"),
        ({"seq": -1}, "$.seq"),
        ({"seq": 2**32}, "$.seq"),
        ({"seq": 10**40}, "$.seq"),
        ({"seq": 1.5}, "$.seq"),
        ({"seq": "1"}, "$.seq"),
        ({"v": 2}, "$.v"),
        ({"device_id": "有 空格"}, "$.device_id"),
        ({"device_id": "x" * 65}, "$.device_id"),
        ({"depth_cm": "3.4"}, "$.depth_cm"),
        ({"depth_cm": True}, "$.depth_cm"),
        ({"depth_cm": [3.4]}, "$.depth_cm"),
        ({"immersed": 2}, "$.immersed"),
        ({"report": "Timed"}, "$.report"),
        ({"flags": "added"}, "$.flags"),
        ({"ts": "2025-05-06T13:42:00"}, "timezone"),
        ({"ts": "6 May 2025"}, "$.ts"),
        ({"ts": True}, "$.ts"),
        ({"ts": None}, "$.ts"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(change: dict[str, Any], detail: str) -> None:
    reason, why = refusal(Waterlogging, json.dumps({**GOOD, **change}).encode())
    assert reason is Reason.SCHEMA
    assert detail in why


@pytest.mark.parametrize("missing", ["v", "device_id", "seq", "ts", "report"])
def test_a_required_field_that_is_missing_is_named(missing: str) -> None:
    payload = json.dumps({key: value for key, value in GOOD.items() if key != missing}).encode()
    assert refusal(Waterlogging, payload) == (Reason.SCHEMA, f"Object missing required field `{missing}`")


@pytest.mark.parametrize("payload", [b"[]", b"3", b'"x"', b"null", f"[{TEXT}]".encode()])
def test_what_is_no_object_is_refused_as_such(payload: bytes) -> None:
    reason, detail = refusal(Waterlogging, payload)
    assert reason is Reason.SCHEMA
    assert detail.startswith("Expected `object`")


@pytest.mark.parametrize("extra", [{"wind_ms": 3}, {"nested": {"deep": [1, {"x": None}]}}, {"ts2": "now", "": 0}])
def test_an_unknown_field_is_dropped_and_the_rest_taken_in(extra: dict[str, Any]) -> None:
    assert decode_message(Waterlogging, json.dumps({**GOOD, **extra}).encode()) == decode_message(
        Waterlogging, TEXT.encode()
    )


def test_an_unknown_field_does_not_hide_a_wrong_one() -> None:
    assert refusal(Waterlogging, json.dumps({**GOOD, "x": 1, "seq": -1}).encode())[0] is Reason.SCHEMA


def test_a_gateways_payload_with_an_unknown_field_keeps_its_entries() -> None:
    entries = [message(CAMERA, online=True), message(OTHER_CAMERA, online=False)]
    desk = Desk()
    desk.send(NVR, messages=entries, firmware="2.1")
    assert desk.letters() == []
    assert {(r.device, r.value) for r in desk.readings() if r.indicator == "online"} == {
        (CAMERA, 1.0),
        (OTHER_CAMERA, 0.0),
    }


def test_a_field_with_another_name_in_json_is_known_by_it() -> None:
    read = decode_message(Video, json.dumps(message(CAMERA, **{"class": 2}, unknown=1)).encode())
    assert read.point_class == 2


@pytest.mark.parametrize("key", ["name", "Name", "ID_Card", "faceImage", "plate-no", "PhoneNumber", "身份证号"])
@pytest.mark.parametrize("put", [lambda f: f, lambda f: {"x": f}, lambda f: {"x": [1, [f]]}])
def test_a_personal_field_anywhere_refuses_the_message(key: str, put: Any) -> None:
    body = {**GOOD, **put({key: "secret-value"})}
    reason, detail = refusal(Waterlogging, json.dumps(body).encode())
    assert reason is Reason.PERSONAL_DATA
    assert key in detail
    assert "secret-value" not in detail


def test_personal_fields_come_before_other_faults() -> None:
    assert refusal(Waterlogging, json.dumps({**GOOD, "seq": -1, "phone": "1"}).encode())[0] is Reason.PERSONAL_DATA


def test_a_personal_field_in_an_entry_refuses_that_entry_alone() -> None:
    desk = Desk()
    desk.send(NVR, messages=[message(CAMERA, name="secret-value"), message(OTHER_CAMERA, online=True)], extra=1)
    (letter,) = desk.letters()
    assert letter.reason is Reason.PERSONAL_DATA
    assert b"secret-value" not in letter.payload
    assert desk.values(OTHER_CAMERA) == {"beat": 1.0, "online": 1.0}


personal = st.sampled_from(sorted(PERSONAL_FIELDS))
SECRET = "secret-value-17"


@given(
    field=personal,
    topic=st.sampled_from([topic_of(GAUGE), topic_of(NVR), "citysafety/x", topic_of(GAUGE, "will"), "a/b/nobody/up"]),
    spoil=st.sampled_from(
        [
            lambda text: text,
            lambda text: text[:-1],
            lambda text: text.replace("3.4", "NaN"),
            lambda text: text.replace("3.4", "1e999"),
            lambda text: text + " " * LARGEST_BYTES,
            lambda text: f"[{text}]",
            lambda text: text.replace('"v": 1', '"v": "one"'),
        ]
    ),
    depth=st.sampled_from([0, 3, 400, 700, 990, 3000]),
    encoding=st.sampled_from(["utf-8", "gbk"]),
)
def test_a_personal_value_is_nowhere_in_a_dead_letter(
    field: str, topic: str, spoil: Any, depth: int, encoding: str
) -> None:
    text = json.dumps({**GOOD, "x": 0}, ensure_ascii=False)
    text = text.replace('"x": 0', f'"x": {"[" * depth}{{"{field}": "{SECRET}"}}{"]" * depth}')
    desk = Desk()
    desk.accept(topic, spoil(text).encode(encoding))
    (letter,) = desk.letters()
    assert SECRET not in str(letter)
    assert desk.values(GAUGE) == {}


def test_what_is_kept_of_a_personal_message_shows_all_but_the_values() -> None:
    kept = json.loads(keepable(b'{"v":1,"person":{"Name":"x","phone":["1","2"]},"list":[{"plate":1}],"depth_cm":3}'))
    assert kept == {
        "v": 1,
        "person": {"Name": REMOVED, "phone": REMOVED},
        "list": [{"plate": REMOVED}],
        "depth_cm": 3,
    }


@pytest.mark.parametrize(
    ("payload", "kept"),
    [
        (b'{"name_of_sensor": 1}', b'{"name_of_sensor": 1}'),
        (b'{"depth_cm": NaN}', b'{"depth_cm": NaN}'),
        (b'{"phone": NaN}', REMOVED.encode()),
        (b"<person><Name>x</Name></person>", REMOVED.encode()),
        ('{"姓名": "某某"'.encode("gbk"), REMOVED.encode()),
        (b"renamed = 3", b"renamed = 3"),
        (b"\xff" * 5000, b"\xff" * UNREADABLE_KEPT_BYTES),
        (b'"' + b"x" * 2 * KEPT_BYTES + b'"', (b'"' + b"x" * KEPT_BYTES)[:KEPT_BYTES]),
    ],
)
def test_what_is_kept_of_a_payload(payload: bytes, kept: bytes) -> None:
    assert keepable(payload) == kept


@given(st.binary(max_size=300) | st.text().map(str.encode))
def test_keeping_never_fails_and_never_grows_beyond_bounds(payload: bytes) -> None:
    assert len(keepable(payload)) <= KEPT_BYTES


def test_a_payload_of_a_megabyte_is_refused_by_its_size_and_kept_in_part() -> None:
    desk = Desk()
    desk.accept(topic_of(GAUGE), json.dumps({**GOOD, "x": "y" * (1 << 20)}).encode())
    (letter,) = desk.letters()
    assert letter.reason is Reason.OVERSIZE
    assert letter.payload_bytes > 1 << 20
    assert len(letter.payload) == KEPT_BYTES


def test_a_payload_of_the_largest_size_is_read() -> None:
    desk = Desk()
    payload = json.dumps(GOOD).encode()
    desk.accept(topic_of(GAUGE), payload + b" " * (LARGEST_BYTES - len(payload)))
    assert desk.letters() == []


def test_what_others_wrote_is_kept_short_and_without_nul() -> None:
    desk = Desk()
    desk.send(GAUGE, report="a\0" * 5000)
    desk.accept(b"citysafety/1/1/" + b"x" * 500 + b"/nobody\0" + b"y" * 500 + b"/up", GOOD)
    for letter in desk.letters():
        assert "\0" not in letter.detail + letter.topic + letter.device
        assert len(letter.detail) <= DETAIL_LETTERS
        assert len(letter.device) <= 64


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (b'"text"', Reason.SCHEMA),
        (b"{}", Reason.SCHEMA),
        (b'{"device_id": 5}', Reason.SCHEMA),
        (b'{"device_id": "\xff"}', Reason.NOT_JSON),
    ],
)
def test_an_entry_that_claims_no_device_is_refused(entry: bytes, reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        claimed_device(msgspec.Raw(entry))
    assert caught.value.why is reason


def test_a_gateway_has_entries_undecoded_and_a_will_may_have_no_time() -> None:
    gateway = decode_message(Gateway, json.dumps(message(NVR, messages=[{"any": 1}])).encode())
    assert [bytes(entry) for entry in gateway.messages] == [b'{"any": 1}']
    assert decode_message(Will, b'{"v":1,"device_id":"x"}').ts is None


@pytest.mark.parametrize(
    ("ts", "expected"),
    [
        (1746510120, NOW_MS - 10_000),
        (1746510120.5, NOW_MS - 9_500),
        (1746510120000, NOW_MS - 10_000),
        (99_999_999_999, 99_999_999_999_000),
        (100_000_000_000, 100_000_000_000),
        (0, 0),
        ("2025-05-06T13:42:00.123+08:00", NOW_MS - 9_877),
        ("2025-05-06T05:42:00Z", NOW_MS - 10_000),
        ("2025-05-06t05:42:00.1234567z", NOW_MS - 9_877),
    ],
)
def test_a_time_is_told_in_seconds_milliseconds_or_iso_8601(ts: Any, expected: int) -> None:
    assert to_ms(decode_message(Waterlogging, json.dumps({**GOOD, "ts": ts}).encode()).ts) == expected


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_any_time_with_an_offset_is_read_as_that_instant(moment: Any, offset: int) -> None:
    sign, (hours, minutes) = "-" if offset < 0 else "+", divmod(abs(offset), 60)
    text = f"{moment.isoformat(timespec='milliseconds')}{sign}{hours:02d}:{minutes:02d}"
    assert to_ms(decode_message(Waterlogging, json.dumps({**GOOD, "ts": text}).encode()).ts) == ms(text)
