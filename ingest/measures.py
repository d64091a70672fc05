"""What the fields of each feed's messages measure: names of indicators and values in their units."""

from collections.abc import Callable, Iterator
from typing import Any

from ingest.contract import Gateway, Message, Sentry, Video, Waterlogging

BEAT = "beat"
FAULTY = "faulty"
LINK = "link"

Measured = Iterator[tuple[str, float]]

_MODES = {"online": 0.0, "offline_local": 1.0, "free": 2.0}
_ALARMS = {"forced": "forced_open", "tamper": "tamper", "fire": "fire_linkage", "held_open": "held_open"}


def _fields(*pairs: tuple[str, str]) -> Callable[[Any], Measured]:
    def measured(message: Any) -> Measured:
        for field, indicator in pairs:
            value = getattr(message, field)
            if value is not None:
                yield indicator, float(value)

    return measured


_of_waterlogging = _fields(
    ("depth_cm", "water_depth"),
    ("rain_acc_mm", "rain_total"),
    ("rain_tip_mm", "rain_tip"),
    ("batt_v", "battery_voltage"),
    ("solar_v", "solar_voltage"),
    ("rssi_dbm", "rssi"),
    ("temp_c", "device_temperature"),
    ("immersed", "immersed"),
)
_of_sentry_statistics = _fields(("queue_len", "queue_len"), ("pass_1m", "pass_rate"), ("deny_1m", "deny_rate"))
_of_video = _fields(
    ("online", "online"),
    ("stream_ok", "stream_ok"),
    ("no_signal", "no_signal"),
    ("black", "black"),
    ("frozen", "frozen"),
    ("occluded", "occluded"),
    ("fps", "fps"),
    ("bitrate_kbps", "bitrate"),
    ("loss_pct", "packet_loss"),
    ("rec_ok", "rec_ok"),
    ("rec_integrity_pct", "recording_integrity"),
)


def measured(message: Message) -> Measured:
    """(indicator, value) of all that a message says of its own device. Every message says at least that it lives."""
    if isinstance(message, Waterlogging):
        yield from _waterlogging(message)
    elif isinstance(message, Sentry):
        yield from _sentry(message)
    elif isinstance(message, Video):
        yield from _video(message)
    elif isinstance(message, Gateway):
        yield BEAT, 1.0


def _waterlogging(message: Waterlogging) -> Measured:
    if message.report == "heartbeat":
        yield BEAT, 1.0
    yield from _of_waterlogging(message)


def _sentry(message: Sentry) -> Measured:
    if message.kind == "hb":
        yield BEAT, 1.0
        for alarm, indicator in _ALARMS.items():  # a beat says which alarm stands: the others do not
            yield indicator, float(message.alarm == alarm)
    elif message.kind == "stat":
        yield from _of_sentry_statistics(message)
        if message.latency_ms is not None:
            yield "verify_latency_p95", message.latency_ms / 1000
    elif message.kind in ("pass", "deny"):
        yield "passage", float(message.kind == "pass")
        if message.latency_ms is not None:
            yield "verify_latency", message.latency_ms / 1000
    elif message.kind == "door" and message.door_state is not None:
        yield "door_open", float(message.door_state == "open")
    elif message.kind == "alarm" and message.alarm is not None:
        yield _ALARMS[message.alarm], 1.0
    if message.mode is not None:
        yield "mode", _MODES[message.mode]
    if message.uptime_s is not None:
        yield "uptime", message.uptime_s


def _video(message: Video) -> Measured:
    if message.event == "register":
        yield "registered", 1.0
        return
    yield BEAT, 1.0
    if message.status is not None:
        yield FAULTY, float(message.status == "ERROR")
    yield from _of_video(message)
    if message.clock_offset_s is not None:
        yield "clock_offset", abs(message.clock_offset_s)
