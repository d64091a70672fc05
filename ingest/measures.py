"""What the fields of each feed's messages measure: names of indicators and values in their units."""

from collections.abc import Callable
from typing import Any

from ingest.contract import Gateway, Message, Sentry, Telemetry, Video, Waterlogging

BEAT = "beat"
FAULTY = "faulty"
LINK = "link"

Measured = list[tuple[str, float]]

WATERLOGGING_FIELDS = (
    ("depth_cm", "water_depth"),
    ("rain_acc_mm", "rain_total"),
    ("rain_tip_mm", "rain_tip"),
    ("batt_v", "battery_voltage"),
    ("solar_v", "solar_voltage"),
    ("rssi_dbm", "rssi"),
    ("temp_c", "device_temperature"),
    ("immersed", "immersed"),
)
"""Fields of a gauge's message, and the indicators that they are."""
_MODES = {"online": 0.0, "offline_local": 1.0, "free": 2.0}
_ALARMS = {"forced": "forced_open", "tamper": "tamper", "fire": "fire_linkage", "held_open": "held_open"}


def _fields(*pairs: tuple[str, str]) -> Callable[[Any], Measured]:
    """Those of some fields that a message has, as the indicators they are."""

    def measured(message: Any) -> Measured:
        return [
            (indicator, float(value)) for field, indicator in pairs if (value := getattr(message, field)) is not None
        ]

    return measured


_of_waterlogging = _fields(*WATERLOGGING_FIELDS)
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
    """(indicator, value) of all that a message says of its own device, in the indicators' units."""
    return _MEASURED[type(message)](message)


def _waterlogging(message: Waterlogging) -> Measured:
    values = _of_waterlogging(message)
    return [(BEAT, 1.0), *values] if message.report == "heartbeat" else values


def _sentry(message: Sentry) -> Measured:
    values = _of_sentry_kind(message)
    if message.mode is not None:
        values.append(("mode", _MODES[message.mode]))
    if message.uptime_s is not None:
        values.append(("uptime", message.uptime_s))
    return values


def _of_sentry_kind(message: Sentry) -> Measured:
    """What only the message's kind tells. `latency_ms` is of one passage, or the 95th percentile of many."""
    latency = [] if message.latency_ms is None else [message.latency_ms / 1000]
    match message.kind:
        case "hb":  # says which alarm stands: the others do not
            alarms = [(indicator, float(message.alarm == alarm)) for alarm, indicator in _ALARMS.items()]
            return [(BEAT, 1.0), *alarms]
        case "stat":
            return _of_sentry_statistics(message) + [("verify_latency_p95", s) for s in latency]
        case "pass" | "deny":
            return [("passage", float(message.kind == "pass"))] + [("verify_latency", s) for s in latency]
        case "door":
            return [("door_open", float(message.door_state == "open"))] if message.door_state else []
        case "alarm":
            return [(_ALARMS[message.alarm], 1.0)] if message.alarm else []


def _video(message: Video) -> Measured:
    if message.event == "register":
        return [("registered", 1.0)]
    values = [(BEAT, 1.0), *_of_video(message)]
    if message.status is not None:
        values.append((FAULTY, float(message.status == "ERROR")))
    if message.clock_offset_s is not None:
        values.append(("clock_offset", abs(message.clock_offset_s)))
    return values


def _telemetry(message: Telemetry) -> Measured:
    values = [(indicator, float(value)) for indicator, value in message.values.items()]
    return [(BEAT, 1.0), *values] if message.report == "heartbeat" else values


def _gateway(_: Gateway) -> Measured:
    return [(BEAT, 1.0)]


_MEASURED: dict[type, Callable[[Any], Measured]] = {
    Waterlogging: _waterlogging,
    Sentry: _sentry,
    Video: _video,
    Telemetry: _telemetry,
    Gateway: _gateway,
}
