"""Every field of every feed, and the reading it becomes."""

from typing import Any

import pytest

from city.readings import Flag
from ingest.contract import TOPIC_KINDS
from tests.unit.test_ingest_desk import (
    CAMERA,
    GAUGE,
    NOW_MS,
    NVR,
    RAIN_GAUGE,
    SENTRY,
    STATION,
    UNDERPASS,
    Desk,
    known_desk,
    message,
    topic_of,
)


@pytest.fixture
def desk() -> Desk:
    return known_desk()


@pytest.mark.parametrize(
    ("device", "fields", "values"),
    [
        (GAUGE, {"depth_cm": 17.4, "raw_mm": 1174, "ref_mm": 1000}, {"water_depth": 17.4}),
        (GAUGE, {"depth_cm": -0.5}, {"water_depth": -0.5}),
        (UNDERPASS, {"depth_cm": 400}, {"water_depth": 400}),
        (RAIN_GAUGE, {"rain_acc_mm": 812.6, "rain_tip_mm": 0.2}, {"rain_total": 812.6, "rain_tip": 0.2}),
        (UNDERPASS, {"rain_acc_mm": 1.0}, {"rain_total": 1.0}),
        (GAUGE, {"batt_v": 12.3, "solar_v": 17}, {"battery_voltage": 12.3, "solar_voltage": 17}),
        (GAUGE, {"rssi_dbm": -87, "temp_c": 28.1}, {"rssi": -87, "device_temperature": 28.1}),
        (GAUGE, {"immersed": 1}, {"immersed": 1}),
        (GAUGE, {"report": "heartbeat"}, {"beat": 1}),
        (GAUGE, {"report": "heartbeat", "depth_cm": 1}, {"beat": 1, "water_depth": 1}),
        (GAUGE, {}, {"beat": 1}),
        (GAUGE, {"raw_mm": 1000, "ref_mm": 1000, "flags": ["x"], "site_id": "S"}, {"beat": 1}),
        (SENTRY, {"kind": "pass", "latency_ms": 340}, {"passage": 1, "verify_latency": 0.34}),
        (SENTRY, {"kind": "deny", "result": "expired", "method": "card", "dir": "in", "lane": 2}, {"passage": 0}),
        (
            SENTRY,
            {"kind": "stat", "queue_len": 4, "pass_1m": 11, "deny_1m": 1, "latency_ms": 820},
            {"queue_len": 4, "pass_rate": 11, "deny_rate": 1, "verify_latency_p95": 0.82},
        ),
        (SENTRY, {"kind": "pass", "queue_len": 4}, {"passage": 1}),
        (SENTRY, {"kind": "door", "door_state": "open"}, {"door_open": 1}),
        (SENTRY, {"kind": "door", "door_state": "closed"}, {"door_open": 0}),
        (SENTRY, {"kind": "door"}, {"beat": 1}),
        (SENTRY, {"kind": "alarm", "alarm": "forced"}, {"forced_open": 1}),
        (SENTRY, {"kind": "alarm", "alarm": "tamper"}, {"tamper": 1}),
        (SENTRY, {"kind": "alarm", "alarm": "fire"}, {"fire_linkage": 1}),
        (SENTRY, {"kind": "alarm", "alarm": "held_open"}, {"held_open": 1}),
        (SENTRY, {"kind": "alarm"}, {"beat": 1}),
        (STATION, {"values": {"stage": 3.42, "battery_voltage": 12.6}}, {"stage": 3.42, "battery_voltage": 12.6}),
        (STATION, {"values": {"work_permit": True}}, {"work_permit": 1}),
        (STATION, {"report": "heartbeat", "values": {"stage": 3}}, {"beat": 1, "stage": 3}),
        (STATION, {"values": {"maintenance": 1}}, {"maintenance": 1}),
        (STATION, {}, {"beat": 1}),
        (SENTRY, {"kind": "hb"}, {"beat": 1, "forced_open": 0, "tamper": 0, "fire_linkage": 0, "held_open": 0}),
        (
            SENTRY,
            {"kind": "hb", "alarm": "fire"},
            {"beat": 1, "forced_open": 0, "tamper": 0, "fire_linkage": 1, "held_open": 0},
        ),
        (SENTRY, {"kind": "door", "mode": "online"}, {"mode": 0}),
        (SENTRY, {"kind": "door", "mode": "offline_local"}, {"mode": 1}),
        (SENTRY, {"kind": "door", "mode": "free"}, {"mode": 2}),
        (SENTRY, {"uptime_s": 86400, "fw": "3.2"}, {"uptime": 86400}),
        (CAMERA, {}, {"beat": 1}),
        (CAMERA, {"event": "register", "online": True}, {"registered": 1}),
        (CAMERA, {"status": "OK"}, {"beat": 1, "faulty": 0}),
        (CAMERA, {"status": "ERROR"}, {"beat": 1, "faulty": 1}),
        (CAMERA, {"online": True, "stream_ok": False}, {"beat": 1, "online": 1, "stream_ok": 0}),
        (CAMERA, {"no_signal": True, "black": False}, {"beat": 1, "no_signal": 1, "black": 0}),
        (CAMERA, {"frozen": True, "occluded": False}, {"beat": 1, "frozen": 1, "occluded": 0}),
        (
            CAMERA,
            {"fps": 25, "bitrate_kbps": 4096, "loss_pct": 0.02},
            {"fps": 25, "bitrate": 4096, "packet_loss": 0.02},
        ),
        (CAMERA, {"rec_ok": True, "rec_integrity_pct": 99}, {"rec_ok": 1, "recording_integrity": 99}),
        (CAMERA, {"clock_offset_s": -3.5}, {"clock_offset": 3.5}),
        (CAMERA, {"class": 1, "platform_id": "4403"}, {"beat": 1}),
        (NVR, {}, {"beat": 1}),
    ],
)
def test_a_field_becomes_a_value_of_its_indicator(
    desk: Desk, device: str, fields: dict[str, Any], values: dict[str, float]
) -> None:
    desk.send(device, **fields)
    beat = {"beat": 1.0} if device == CAMERA and "event" not in fields else {}
    assert desk.values(device) == {**beat, **values}
    assert desk.letters() == []


def test_a_reading_carries_the_devices_time_and_count(desk: Desk) -> None:
    desk.send(GAUGE, seq=4_294_967_295, ts="2025-05-06T13:42:00.250+08:00", depth_cm=1)
    (reading,) = desk.readings()
    assert (reading.ms, reading.seq, reading.flags) == (NOW_MS - 9_750, 4_294_967_295, Flag(0))


@pytest.mark.parametrize("kind", [kind for kind in TOPIC_KINDS if kind != "will"])
def test_what_a_message_means_its_content_tells_and_not_its_topic(desk: Desk, kind: str) -> None:
    desk.accept(topic_of(GAUGE, kind), message(GAUGE, depth_cm=1))
    assert desk.values(GAUGE) == {"water_depth": 1}
