"""What a video platform says in the words of GB/T 28181, on its own topic: beats, states, faulty points; and what it
may leave out or garble without anybody being called offline for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.adapters.gb28181 import read_status
from ingest.dead_letters import Refused
from tests.unit.station_desk import CAMERA, NOW_MS, OTHER_CAMERA, PLATFORM, StationDesk, address

THIRD_CAMERA = "BA-VC-000003"
DECLARED = '<?xml version="1.0" encoding="{}"?>\r\n'


@pytest.fixture
def desk() -> StationDesk:
    """A desk that has heard of the platform before."""
    desk = StationDesk()
    desk.platform(keepalive())
    desk.readings()
    return desk


def keepalive(*faulty: str, device: str = PLATFORM, status: str = "OK", more: str = "") -> bytes:
    info = f"<Info>{''.join(f'<DeviceID>{address(f)}</DeviceID>' for f in faulty)}</Info>" if faulty else ""
    body = f"<CmdType>Keepalive</CmdType><SN>43</SN><DeviceID>{address(device)}</DeviceID><Status>{status}</Status>"
    return (DECLARED.format("GB2312") + f"<Notify>{body}{info}{more}</Notify>").encode("gb18030")


def catalog(**status: str) -> bytes:
    """Points by `c1` …, with their status as XML."""
    cameras = {"c1": CAMERA, "c2": OTHER_CAMERA, "c3": THIRD_CAMERA}
    items = "".join(
        f"<Item><DeviceID>{address(cameras[point])}</DeviceID><Name>前进路口东</Name><Address>前进路</Address>{said}</Item>"
        for point, said in status.items()
    )
    region = "<Item><DeviceID>44030617</DeviceID><Name>新安</Name></Item>"
    head = f"<CmdType>Catalog</CmdType><SN>7</SN><DeviceID>{address(PLATFORM)}</DeviceID><SumNum>3</SumNum>"
    text = f'<Response>{head}<DeviceList Num="3">{region}{items}</DeviceList></Response>'
    return (DECLARED.format("GB18030") + text).encode("gb18030")


def states(desk: StationDesk) -> dict[tuple[str, str], float]:
    return {(r.device, r.indicator): r.value for r in desk.readings()}


def test_a_keepalive_is_a_beat_of_the_platform_and_of_nobody_else(desk: StationDesk) -> None:
    desk.platform(keepalive())
    assert states(desk) == {(PLATFORM, "beat"): 1.0, (PLATFORM, "faulty"): 0.0}
    assert desk.letters() == []


def test_points_that_a_keepalive_lists_are_faulty_until_it_lists_them_no_more(desk: StationDesk) -> None:
    desk.platform(keepalive(CAMERA, OTHER_CAMERA))
    told = states(desk)
    assert (told[CAMERA, "faulty"], told[OTHER_CAMERA, "faulty"]) == (1.0, 1.0)
    assert (CAMERA, "beat") not in told
    desk.platform(keepalive(OTHER_CAMERA))
    told = states(desk)
    assert (told[CAMERA, "faulty"], told[OTHER_CAMERA, "faulty"]) == (0.0, 1.0)
    desk.platform(keepalive())
    assert states(desk)[OTHER_CAMERA, "faulty"] == 0.0


def test_after_a_start_whoever_is_not_listed_is_sound() -> None:
    desk = StationDesk()
    desk.platform(keepalive(CAMERA))
    told = states(desk)
    assert {device: told[device, "faulty"] for device in (CAMERA, OTHER_CAMERA, THIRD_CAMERA)} == {
        CAMERA: 1.0,
        OTHER_CAMERA: 0.0,
        THIRD_CAMERA: 0.0,
    }


def test_a_catalogue_tells_who_is_online_and_nothing_of_those_it_says_nothing_of(desk: StationDesk) -> None:
    desk.platform(catalog(c1="<Status>ON</Status>", c2="<Status>OFF</Status>", c3="<Status></Status>"))
    told = states(desk)
    assert (told[CAMERA, "online"], told[OTHER_CAMERA, "online"]) == (1.0, 0.0)
    assert (THIRD_CAMERA, "online") not in told
    assert desk.letters() == []


def test_a_device_status_tells_encoding_recording_and_the_clock(desk: StationDesk) -> None:
    body = {
        "CmdType": "DeviceStatus",
        "SN": 9,
        "DeviceID": address(CAMERA),
        "Result": "OK",
        "Online": "ONLINE",
        "Status": "OK",
        "Encode": "ON",
        "Record": "OFF",
        "DeviceTime": "2025-05-06T13:42:40",
    }
    desk.platform(json.dumps({"Response": body}).encode())
    told = {name: value for (device, name), value in states(desk).items() if device == CAMERA}
    assert told == {
        "beat": 1.0,
        "online": 1.0,
        "faulty": 0.0,
        "stream_ok": 1.0,
        "rec_ok": 0.0,
        "clock_offset": 30.0,
    }


def test_json_says_the_same_as_xml(desk: StationDesk) -> None:
    body = {"CmdType": "Keepalive", "SN": "43", "DeviceID": address(PLATFORM), "Status": "OK"}
    for info in ({"DeviceID": [address(CAMERA)]}, {"DeviceID": address(CAMERA)}, [{"DeviceID": address(CAMERA)}]):
        assert read_status(json.dumps({**body, "Info": info}).encode()) == read_status(keepalive(CAMERA))


def test_what_is_declared_as_gb2312_is_often_more_than_that(desk: StationDesk) -> None:
    desk.platform(keepalive(more="<Remark>镕</Remark>"))
    assert desk.letters() == []


PARAMETERS = ["HeartBeatInterval", "HeartBeatCount", "Expires", "SumNum", "Num"]
ILLEGAL = ["", "null", "0", "-1", "abc", "1e9", "９", "<a/>"]


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("value", ILLEGAL)
def test_an_interval_or_count_that_is_missing_or_illegal_makes_nobody_offline(name: str, value: str) -> None:
    with_, without = StationDesk(), StationDesk()
    with_.platform(keepalive(more=f"<{name}>{value}</{name}>"))
    without.platform(keepalive())
    assert with_.readings() == without.readings()
    assert with_.letters() == []


@given(
    st.dictionaries(
        st.sampled_from([*PARAMETERS, "Status", "SN", "Info", "DeviceList", "Online"]),
        st.none()
        | st.integers()
        | st.floats()
        | st.sampled_from(ILLEGAL)
        | st.lists(st.none() | st.integers(), max_size=3),
    )
)
def test_whatever_a_platform_leaves_out_or_garbles_no_point_is_told_to_be_offline(fields: dict[str, object]) -> None:
    for command in ("Keepalive", "Catalog", "DeviceStatus"):
        desk = StationDesk()
        body = {"CmdType": command, "DeviceID": address(PLATFORM), **fields}
        desk.platform(json.dumps(body).encode())
        assert all(r.value == 1.0 for r in desk.readings() if r.indicator == "online")
        assert [letter.reason.value for letter in desk.letters() if letter.reason.value == "poison"] == []


def test_points_that_nobody_registered_are_one_letter(desk: StationDesk) -> None:
    text = keepalive(CAMERA).decode("gb18030").replace(address(CAMERA), "44030617001320999999")
    desk.platform(text.encode("gb18030"))
    (letter,) = desk.letters()
    assert letter.reason.value == "unknown-device"
    assert "44030617001320999999" in letter.detail


def test_the_topic_is_the_platforms_own(desk: StationDesk) -> None:
    text = keepalive().decode("gb18030").replace(address(PLATFORM), "44030617002000999999")
    desk.platform(text.encode("gb18030"))
    assert desk.reasons() == ["wrong-device"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"<Notify><CmdType>Keepalive</CmdType>", "not-json"),
        (b"", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "not-json"),
        (b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb">]><a>&b;</a>', "not-json"),
        (b"<a>" * 30_000 + b"</a>" * 30_000, "schema"),
        (b"<Notify><CmdType>Alarm</CmdType></Notify>", "schema"),
        (b'{"CmdType": "Keepalive", "SN": 1}', "schema"),
        (b"[1, 2]", "schema"),
        (b"{}", "schema"),
    ],
)
def test_what_is_none_of_the_three_is_refused_with_why(desk: StationDesk, payload: bytes, reason: str) -> None:
    desk.platform(payload)
    assert desk.reasons() == [reason]


def test_of_a_catalogues_names_and_addresses_nothing_is_kept(desk: StationDesk) -> None:
    cut_off = catalog(c1="<Status>ON</Status>")[:-20]
    desk.platform(cut_off)
    desk.platform(b'{"CmdType": "x", "Name": "somebody"}')
    for letter in desk.letters():
        assert b"somebody" not in letter.payload
        assert "前进路".encode("gb18030") not in letter.payload


@given(st.binary(max_size=300) | st.text(alphabet="<>/ab&;#x!", max_size=60).map(str.encode))
def test_anything_else_is_refused_and_nothing_fails(payload: bytes) -> None:
    with pytest.raises(Refused):
        read_status(payload)


def test_a_platforms_messages_come_at_our_time(desk: StationDesk) -> None:
    desk.platform(catalog(c1="<Status>ON</Status>"))
    assert {r.ms for r in desk.readings()} == {NOW_MS}
