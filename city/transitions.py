"""What the engine says: an alert going from one level to another. The data in which rules and alerts meet."""

from enum import Enum

import msgspec

from city.levels import Level


class SubjectKind(Enum):
    DEVICE = "device"
    PARENT = "parent"
    INGEST = "ingest"
    SITE = "site"
    AREA = "area"
    STREET = "street"
    ZONE = "zone"
    RULE = "rule"


class Nature(Enum):
    """What is wrong: something in the city, with a device, with what devices hang on, with our own sight, or with a
    rule."""

    HAZARD = "hazard"
    DEVICE = "device"
    PARENT = "parent"
    BLIND = "blind"
    RULE = "rule"


class Trigger(msgspec.Struct, frozen=True):
    """The reading that made it happen: device id, the device's seq, event time. Absent when time passing did."""

    device: str
    seq: int
    event_ms: int


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One alert changing level.

    alert: id of the alert, from (rule, subject, first event time); the same after any replay. rule_version: hash of
    what the rule means. event_ms: when it became so; log_ms: how far the log had come when it was judged; since_ms:
    event time of the alert's first transition. value: the reading behind it, in the indicator's unit; for an absence
    seconds without a sign of life. samples, held_ms: the evidence. explained_by: parent whose failure explains it.
    area, site, admin, risk_class: where; None where the subject has none. group: how alerts of the rule are
    gathered into incidents: "area", "device" or a parent's kind, and group_key that area, device or parent. suspected:
    存疑, without a witness. actions: what is to be done at this level. trigger:
    the reading behind it; without one, time passing did it, and wall_ms is the wall time of the tick that said so.
    """

    alert: str
    rule: str
    rule_version: str
    title: str
    nature: Nature
    subject_kind: SubjectKind
    subject: str
    level_from: Level
    level_to: Level
    event_ms: int
    log_ms: int
    since_ms: int
    value: float = 0.0
    unit: str = ""
    samples: int = 0
    held_ms: int = 0
    risk_class: str | None = None
    admin: str | None = None
    area: str | None = None
    site: str | None = None
    cause: str = ""
    group: str = "device"
    group_key: str | None = None
    explained_by: str | None = None
    suspected: bool = False
    actions: tuple[str, ...] = ()
    trigger: Trigger | None = None
    wall_ms: float | None = None

    @property
    def id(self) -> str:
        """Unique to this change of this alert."""
        return f"{self.alert}:{self.event_ms}:{self.level_from:d}{self.level_to:d}"


encode_transition = msgspec.json.Encoder().encode
decode_transition = msgspec.json.Decoder(Transition).decode
