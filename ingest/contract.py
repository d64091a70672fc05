"""What devices and upstream sources may send: six feeds and the gateway form. docs/mqtt.md and its JSON Schemas come
from here.

The schema is an allow-list. There is no field for a name, a telephone, an identity number, a face or a plate, and a
message that brings one is refused.
"""

from datetime import datetime
from typing import Annotated, Literal, get_args

import msgspec

Timestamp = Annotated[datetime, msgspec.Meta(tz=True, description="ISO 8601 with an offset, e.g. +08:00")]
Epoch = Annotated[
    float, msgspec.Meta(description="seconds or milliseconds since 1970 UTC; below 1e11 it is taken for seconds")
]
DeviceId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="as registered")]
Seq = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF, description="the device's own count of messages")]
SignalId = Annotated[str, msgspec.Meta(min_length=1, max_length=256, description="as its sender numbers it")]
Version = Literal[1]


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every message says."""

    v: Version
    device_id: DeviceId
    seq: Seq
    ts: Timestamp | Epoch
    site_id: str | None = None


class Waterlogging(Message, frozen=True, forbid_unknown_fields=True):
    """A water gauge or rain gauge (积水、雨量). `depth_cm` should be (raw_mm - ref_mm) / 10 when those are sent."""

    report: Literal["timed", "added", "test", "heartbeat", "backfill"]
    depth_cm: float | None = None
    raw_mm: float | None = None
    ref_mm: float | None = None
    rain_tip_mm: float | None = None
    rain_acc_mm: float | None = None
    batt_v: float | None = None
    solar_v: float | None = None
    rssi_dbm: float | None = None
    temp_c: float | None = None
    immersed: Literal[0, 1] | None = None
    flags: list[str] = []


class Sentry(Message, frozen=True, forbid_unknown_fields=True):
    """A lane of an electronic sentry (电子哨兵). A passage is a count, never a person."""

    kind: Literal["pass", "deny", "door", "alarm", "stat", "hb"]
    lane: int | None = None
    dir: Literal["in", "out"] | None = None
    result: Literal["ok", "no_permission", "expired", "liveness_fail", "verify_timeout", "unknown"] | None = None
    method: Literal["card", "qr", "face", "pin", "remote", "button"] | None = None
    latency_ms: float | None = None
    queue_len: float | None = None
    pass_1m: float | None = None
    deny_1m: float | None = None
    door_state: Literal["open", "closed"] | None = None
    alarm: Literal["forced", "tamper", "fire", "held_open"] | None = None
    mode: Literal["online", "offline_local", "free"] | None = None
    fw: str | None = None
    uptime_s: float | None = None
    report: Literal["live", "backfill", "test"] = "live"


class Video(Message, frozen=True, forbid_unknown_fields=True):
    """Health of a video point (视频点), as its platform tells it. No picture, ever."""

    event: Literal["beat", "register"] = "beat"
    status: Literal["OK", "ERROR"] | None = None
    point_class: Annotated[Literal[1, 2] | None, msgspec.Meta(description="一类 or 二类")] = msgspec.field(
        name="class", default=None
    )
    platform_id: str | None = None
    online: bool | None = None
    stream_ok: bool | None = None
    no_signal: bool | None = None
    black: bool | None = None
    frozen: bool | None = None
    occluded: bool | None = None
    fps: float | None = None
    bitrate_kbps: float | None = None
    loss_pct: float | None = None
    rec_ok: bool | None = None
    rec_integrity_pct: float | None = None
    clock_offset_s: float | None = None
    faulty_children: list[DeviceId] = []
    report: Literal["live", "backfill", "test"] = "live"


class Telemetry(Message, frozen=True, forbid_unknown_fields=True):
    """A monitoring station of any other kind (其他监测站): values by the catalogue's names of what it measures."""

    report: Literal["timed", "added", "test", "heartbeat", "backfill"] = "timed"
    values: Annotated[dict[str, float | bool], msgspec.Meta(max_length=64)] = {}


class Reference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A warning that another one changes or takes back: its id, and when it was sent."""

    id: SignalId
    ts: Timestamp | Epoch


class Signal(Message, frozen=True, forbid_unknown_fields=True):
    """What an upstream source (上级平台) says of places: a warning, a bulletin, another platform's alert. `ts`: when it
    was issued. Weather sources send CAP 1.2 in its place; a heartbeat says nothing but that the source lives."""

    type: Literal["alert", "update", "cancel", "heartbeat"] = "alert"
    report: Literal["live", "exercise", "test"] = "live"
    id: SignalId | None = None
    sender: str | None = None
    hazard: str | None = None
    level: str | None = None
    places: Annotated[list[str], msgspec.Meta(max_length=256)] = []
    expires: Timestamp | Epoch | None = None
    references: Annotated[list[Reference], msgspec.Meta(max_length=64)] = []


class Report(Message, frozen=True, forbid_unknown_fields=True):
    """What somebody has seen (随手拍, 12345), as its platform passes it on: a category and a place, never who. `ts`:
    when it was seen. Without a category it is a heartbeat of the platform."""

    category: str | None = None
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    report: Literal["live", "exercise", "test"] = "live"


class Gateway(Message, frozen=True, forbid_unknown_fields=True):
    """One payload with the messages of many devices behind a gateway, in the order in which it got them.

    Each entry of `messages` is a message of one of the other feeds; which one, the registry knows.
    """

    messages: list[msgspec.Raw] = []


class Will(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last will that the broker publishes when a device's connection breaks. `ts`: when it had connected."""

    v: Version
    device_id: DeviceId
    ts: Timestamp | Epoch | None = None


FEEDS: dict[str, type[Message]] = {
    "waterlogging": Waterlogging,
    "sentry": Sentry,
    "video": Video,
    "telemetry": Telemetry,
    "signal": Signal,
    "report": Report,
    "gateway": Gateway,
}

TopicKind = Literal["up", "hb", "evt", "will"]
TOPIC_KINDS: tuple[str, ...] = get_args(TopicKind)
SEGMENTS: dict[type[Message], str] = {Gateway: "gateway", Signal: "upstream", Report: "upstream"}
"""In place of the class segment, of those that speak for others: citysafety/{district}/{street}/gateway/{id}/{kind}."""

PERSONAL_FIELDS = frozenset(
    {
        *("name", "person_name", "real_name", "id_number", "id_card", "id_card_no", "id_no", "identity", "passport"),
        *("phone", "phone_number", "phone_no", "mobile", "mobile_phone", "tel", "telephone", "address", "birthday"),
        *("openid", "wechat", "uid", "user_id", "face", "face_id", "face_image", "photo", "picture", "image"),
        *("fingerprint", "iris", "plate", "plate_no", "plate_number", "license_plate", "card_no"),
        *("health_code", "nucleic", "nucleic_result", "travel_card", "temperature_body"),
        *("姓名", "身份证", "身份证号", "手机", "手机号", "电话", "住址", "人脸", "照片", "车牌", "车牌号", "健康码"),
    }
)
"""Keys that mean a person, in any case, with or without `_` and `-`. A message that has one anywhere is refused and
kept without their values."""
