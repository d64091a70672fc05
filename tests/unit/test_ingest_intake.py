"""Who may say what where: topics, registry, plausible values, gateways, wills; and our own failures."""

from typing import Any

import pytest

from city.fleet import fleet_of
from city.readings import Flag
from city.sharding import shard_of_rows
from ingest.dead_letters import DeadLetter, decode_dead_letter, encode_dead_letter
from tests.unit.test_ingest_desk import (
    CAMERA,
    GAUGE,
    NOW_MS,
    NVR,
    OTHER_CAMERA,
    OTHER_GAUGE,
    RAIN_GAUGE,
    SENTRY,
    SHARDS,
    STATION,
    UNDERPASS,
    Desk,
    baoan,
    known_desk,
    message,
    topic_of,
)


@pytest.fixture
def desk() -> Desk:
    return known_desk()


def test_readings_go_to_the_shard_of_their_devices_zone(desk: Desk) -> None:
    fleet = fleet_of(baoan())
    shards = shard_of_rows(fleet, SHARDS)
    for device in (GAUGE, SENTRY, CAMERA):
        desk.send(device)
        assert [shard for shard, _ in desk.intake.buffers.cut()] == [shards[fleet.row_of[device]]]


@pytest.mark.parametrize(
    "topic",
    [
        "citysafety/440306/440306021/waterlogging/BA-WL-0003/up",
        "citysafety/440307/440306019/waterlogging/BA-WL-0003/up",
        "citysafety/440306/440306019/video-coverage/BA-WL-0003/up",
        "citysafety/440306/440306019/gateway/BA-WL-0003/up",
        "city/440306/440306019/waterlogging/BA-WL-0003/up",
        "/citysafety/440306/440306019/waterlogging/BA-WL-0003/up",
        "BA-WL-0003/up",
        "x/BA-WL-0003/up",
    ],
)
def test_a_topic_that_is_not_the_registered_one_is_refused_and_told_of_the_device(desk: Desk, topic: str) -> None:
    desk.accept(topic, message(GAUGE, depth_cm=1))
    (letter,) = desk.letters()
    assert letter.reason.value == "topic"
    known = topic.count("/") > 1
    assert desk.findings(GAUGE) == ({"refused_format": 1.0} if known else {})


@pytest.mark.parametrize(
    "topic", ["", "up", "a/up", "citysafety/1/2/3/BA-WL-0003/down", "citysafety/1/2/3/BA-WL-0003/"]
)
def test_a_topic_of_another_form_is_refused(desk: Desk, topic: str) -> None:
    desk.accept(topic, message(GAUGE))
    assert desk.reasons() == ["topic"]


@pytest.mark.parametrize("device", ["BA-WL-9999", "ba-wl-0003", "", "\N{REPLACEMENT CHARACTER}"])
def test_an_unknown_device_is_refused_and_nothing_told_of_anybody(desk: Desk, device: str) -> None:
    desk.accept(f"citysafety/440306/440306019/waterlogging/{device}/up", message(GAUGE))
    assert desk.reasons() == ["unknown-device"]
    assert desk.readings() == []


def test_a_topic_that_is_no_utf_8_is_refused(desk: Desk) -> None:
    desk.accept(b"citysafety/440306/440306019/waterlogging/\xff\xfe/up", message(GAUGE))
    (letter,) = desk.letters()
    assert (letter.reason.value, letter.device) == ("unknown-device", "\N{REPLACEMENT CHARACTER}" * 2)


def test_a_payload_of_another_device_is_refused_and_told_of_the_topics(desk: Desk) -> None:
    desk.accept(topic_of(GAUGE), message(OTHER_GAUGE, depth_cm=1))
    (letter,) = desk.letters()
    assert (letter.reason.value, letter.device) == ("wrong-device", GAUGE)
    assert desk.findings(GAUGE) == {"refused_format": 1.0}


def test_a_message_of_another_feed_is_refused(desk: Desk) -> None:
    desk.accept(topic_of(GAUGE), {**message(CAMERA, fps=25), "device_id": GAUGE})
    assert desk.reasons() == ["schema"]


@pytest.mark.parametrize(
    ("device", "field", "least", "most"),
    [
        (GAUGE, "depth_cm", -2, 300),
        (UNDERPASS, "depth_cm", -2, 500),
        (GAUGE, "batt_v", 0, 30),
        (RAIN_GAUGE, "rain_acc_mm", 0, 99999.9),
    ],
)
def test_the_bounds_of_an_indicator_are_its_own_values(
    desk: Desk, device: str, field: str, least: float, most: float
) -> None:
    for value in (least, most):
        desk.send(device, **{field: value})
        assert desk.letters() == []
        assert len(desk.readings()) == 1
    for value in (least - 0.01, most + 0.01):
        desk.send(device, **{field: value})
        assert set(desk.reasons()) <= {"range", "unit"}
        assert desk.values(device) == {}


def test_a_value_out_of_range_is_refused_alone(desk: Desk) -> None:
    desk.send(GAUGE, depth_cm=12.5, batt_v=99, temp_c=-300, rssi_dbm=-80)
    letters = desk.letters()
    assert [letter.reason.value for letter in letters] == ["range", "range"]
    assert letters[0].detail == "battery_voltage 99 is outside 0..30 V"
    readings = {r.indicator: r.value for r in desk.readings()}
    assert readings == {"water_depth": 12.5, "rssi": -80, "refused_range": 1}


def test_a_station_is_refused_what_its_type_does_not_measure_and_told_the_nearest_name(desk: Desk) -> None:
    desk.send(STATION, values={"stagge": 3.4, "battery_voltage": 12.5})
    assert desk.values(STATION) == {"battery_voltage": 12.5}
    (letter,) = desk.letters()
    assert letter.reason.value == "indicator"
    assert "'stagge'" in letter.detail and "stage" in letter.detail.partition(":")[2]


@pytest.mark.parametrize("name", ["phone", "Id-Number", "人脸"])
def test_nothing_that_means_a_person_hides_among_a_stations_values(desk: Desk, name: str) -> None:
    desk.send(STATION, values={name: 13800000000, "stage": 3.4})
    (letter,) = desk.letters()
    assert letter.reason.value == "personal-data"
    assert b"138" not in letter.payload


@pytest.mark.parametrize(
    "values", [{"stage": "3.4"}, {"stage": None}, {"stage": [3]}, [3], {str(i): 1 for i in range(65)}]
)
def test_values_of_a_station_are_numbers_by_name_and_not_too_many(desk: Desk, values: object) -> None:
    desk.send(STATION, values=values)
    assert desk.reasons() == ["schema"]


def test_a_device_of_which_every_value_is_refused_gives_no_sign_of_life(desk: Desk) -> None:
    desk.send(GAUGE, depth_cm=-40)
    assert [r.indicator for r in desk.readings()] == ["refused_range"]


@pytest.mark.parametrize(
    ("device", "fields", "reasons"),
    [
        (GAUGE, {"depth_cm": 174, "raw_mm": 1174, "ref_mm": 1000}, ["unit"]),
        (GAUGE, {"depth_cm": 17.4, "raw_mm": 1174, "ref_mm": 1000}, []),
        (GAUGE, {"depth_cm": 4, "raw_mm": 1004, "ref_mm": 1000}, ["unit"]),
        (GAUGE, {"depth_cm": 3, "raw_mm": 1003, "ref_mm": 1000}, []),  # within the noise of a gauge
        (GAUGE, {"depth_cm": 20, "raw_mm": 1174, "ref_mm": 1000}, []),  # off, but not by tenfold
        (GAUGE, {"depth_cm": 0, "raw_mm": 1000, "ref_mm": 1000}, []),
        (GAUGE, {"depth_cm": -1, "raw_mm": 990, "ref_mm": 1000}, []),
        (GAUGE, {"depth_cm": 301}, ["unit"]),
        (GAUGE, {"depth_cm": 3000}, ["unit"]),
        (GAUGE, {"depth_cm": 3001}, ["range"]),  # neither in cm nor in mm
        (UNDERPASS, {"depth_cm": 400}, []),
        (UNDERPASS, {"depth_cm": 4000, "raw_mm": 5000}, ["unit"]),
    ],
)
def test_millimetres_sent_as_centimetres_are_noticed(
    desk: Desk, device: str, fields: dict[str, Any], reasons: list[str]
) -> None:
    desk.send(device, **fields)
    assert desk.reasons() == reasons
    readings = {r.indicator: r.value for r in desk.readings()}
    assert ("water_depth" in readings) == (not reasons)
    assert ("refused_unit" in readings) == (reasons == ["unit"])


def test_a_gateway_speaks_for_many_and_for_itself(desk: Desk) -> None:
    entries = [
        message(CAMERA, ts=NOW_MS - 5_000, online=True),
        message(GAUGE, seq=7, depth_cm=3),
        message(SENTRY, kind="pass"),
    ]
    desk.send(NVR, messages=entries)
    readings = {(r.device, r.indicator, r.ms, r.seq) for r in desk.readings()}
    assert readings == {
        (NVR, "beat", NOW_MS, 1),
        (CAMERA, "beat", NOW_MS - 5_000, 1),
        (CAMERA, "online", NOW_MS - 5_000, 1),
        (GAUGE, "water_depth", NOW_MS, 7),
        (SENTRY, "passage", NOW_MS, 1),
    }


def test_bad_entries_are_refused_alone(desk: Desk) -> None:
    entries = [
        message(GAUGE, depth_cm=3),
        {**message(GAUGE), "device_id": "BA-WL-9999"},
        message(OTHER_GAUGE, depth_cm="deep"),
        "text",
        {},
        message(RAIN_GAUGE, ts=0, rain_tip_mm=1),
        message(UNDERPASS, depth_cm=-99),
        message(CAMERA, online=True),
    ]
    desk.send(NVR, messages=entries)
    letters = desk.letters()
    assert [letter.reason.value for letter in letters] == [
        "unknown-device",
        "schema",
        "schema",
        "schema",
        "clock",
        "range",
    ]
    assert {letter.device for letter in letters} == {NVR}
    readings = {(r.device, r.indicator) for r in desk.readings()}
    assert readings == {
        (NVR, "beat"),
        (GAUGE, "water_depth"),
        (OTHER_GAUGE, "refused_format"),
        (RAIN_GAUGE, "refused_clock"),
        (UNDERPASS, "refused_range"),
        (CAMERA, "beat"),
        (CAMERA, "online"),
    }


def test_a_letter_of_an_entry_holds_that_entry(desk: Desk) -> None:
    desk.send(NVR, messages=[message(CAMERA), {"device_id": "nobody", "x": 1}])
    (letter,) = desk.letters()
    assert letter.payload == b'{"device_id": "nobody", "x": 1}'
    assert letter.topic == topic_of(NVR)


def test_a_gateway_in_a_gateway_is_refused(desk: Desk) -> None:
    desk.send(NVR, messages=[message(NVR, messages=[message(CAMERA)])])
    assert desk.reasons() == ["schema"]
    assert {r.device for r in desk.readings()} == {NVR}


def test_entries_are_not_taken_in_when_the_gateways_own_part_is_refused(desk: Desk) -> None:
    desk.accept(topic_of(NVR), {**message(NVR, messages=[message(CAMERA)]), "device_id": "BA-NVR-0002"})
    assert desk.reasons() == ["wrong-device"]
    assert [r.indicator for r in desk.readings()] == ["refused_format"]


def test_entries_of_a_retained_payload_are_retained(desk: Desk) -> None:
    desk.send(NVR, messages=[message(CAMERA)], retained=True)
    assert {r.flags for r in desk.readings()} == {Flag.RETAINED}


def test_a_will_breaks_the_link_now_whatever_time_it_holds(desk: Desk) -> None:
    desk.accept(topic_of(GAUGE, "will"), {"v": 1, "device_id": GAUGE, "ts": "2025-05-01T00:00:00+08:00"})
    (reading,) = desk.readings()
    assert (reading.indicator, reading.value, reading.ms, reading.flags) == ("link", 0.0, NOW_MS, Flag(0))


def test_a_cleared_will_restores_the_link(desk: Desk) -> None:
    desk.accept(topic_of(GAUGE, "will"), b"")
    (reading,) = desk.readings()
    assert (reading.indicator, reading.value) == ("link", 1.0)
    assert desk.letters() == []


def test_a_will_that_the_broker_kept_is_marked(desk: Desk) -> None:
    desk.accept(topic_of(NVR, "will"), {"v": 1, "device_id": NVR}, retained=True)
    (reading,) = desk.readings()
    assert (reading.indicator, reading.flags) == ("link", Flag.RETAINED)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"v": 1, "device_id": OTHER_GAUGE}, "wrong-device"),
        ({"device_id": GAUGE}, "schema"),
        (b"offline", "not-json"),
        ({"v": 1, "device_id": GAUGE, "phone": "1"}, "personal-data"),
    ],
)
def test_a_will_that_is_none_is_refused(desk: Desk, payload: Any, reason: str) -> None:
    desk.accept(topic_of(GAUGE, "will"), payload)
    assert desk.reasons() == [reason]


def test_children_are_told_faulty_and_unknown_ones_are_one_letter(desk: Desk) -> None:
    desk.send(CAMERA, faulty_children=[OTHER_CAMERA, "BA-VC-999998", "BA-VC-999999"], status="OK")
    assert {(r.device, r.indicator, r.value) for r in desk.readings()} == {
        (CAMERA, "beat", 1.0),
        (CAMERA, "faulty", 0.0),
        (OTHER_CAMERA, "faulty", 1.0),
    }
    (letter,) = desk.letters()
    assert letter.reason.value == "unknown-device"
    assert "BA-VC-999998, BA-VC-999999" in letter.detail


def test_a_message_on_which_we_fail_is_poison_and_does_not_stop_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("of our own making")

    with monkeypatch.context() as broken:
        broken.setattr("ingest.intake.measured", fail)
        desk.send(GAUGE, depth_cm=1)
    desk.send(GAUGE, depth_cm=2)
    (letter,) = desk.letters()
    assert (letter.reason.value, letter.device) == ("poison", GAUGE)
    assert "of our own making" in letter.detail
    assert desk.values(GAUGE) == {"water_depth": 2.0}


def test_a_dead_letter_reads_back_as_it_was_written(desk: Desk) -> None:
    desk.accept("a/b/up", b"\xff\x00")
    (letter,) = desk.letters()
    assert isinstance(letter, DeadLetter)
    assert decode_dead_letter(encode_dead_letter(letter)) == letter
    assert (letter.payload, letter.received_ms, letter.ingest) == (b"\xff\x00", NOW_MS, "desk")
