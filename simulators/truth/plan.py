"""The section `truth:` of a scenario file. docs/scenarios.md explains every key."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

import msgspec

from city.levels import Level
from simulators.truth.judging import Scale
from simulators.words import Duration, Share, ms_of

LevelWord = Literal["blue", "yellow", "orange", "red"]
LEVEL_WORDS: tuple[LevelWord, ...] = get_args(LevelWord)
LevelRange = tuple[LevelWord, LevelWord]
After = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^([0-9]+(\.[0-9]+)? intervals|([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+)$",
        description="a time, or so many of the device's own intervals: 3 intervals, 10m",
    ),
]
LEAST_SILENCE_MS = 180_000
"""Nobody calls a device silent sooner: `device_health_common` of the domain."""
Range = tuple[float, float]


class Scaled(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """levels: from which value on it counts, hold: for how long. within: how soon after that the incident of the cause
    must be open."""

    levels: dict[LevelWord, float]
    hold: dict[LevelWord, Duration] = {}
    within: Duration = "5m"
    cause: str

    def scale(self, values: Mapping[Level, float]) -> Scale:
        """The same holds on a scale of other values."""
        held = {Level.of(word): ms_of(hold) for word, hold in self.hold.items()}
        return Scale(values, held, ms_of(self.within), self.cause)

    @property
    def thresholds(self) -> dict[Level, float]:
        return {Level.of(word): value for word, value in self.levels.items()}


class Rise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Water that has risen by `cm` within a time, and stands at least at `from_cm`, is one level worse."""

    cm: float
    within: Duration = "10m"
    from_cm: float = 10.0


class Water(Scaled, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of true depth (cm) at sites of a class. Within `tolerance_cm` of a threshold either judgement is right. linked:
    sites with this mark may be thought one level worse, as when the tide holds their water back."""

    cause: str = "ponding"
    tolerance_cm: float = 2.0
    rise: Rise | None = None
    linked: str | None = None


class Values(Scaled, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of the true values that devices of some classes (and `types`) measure.

    over: the mark of the site above which it counts. low: the less the worse. change: how much it has changed within
    that time is what counts, while it is at `least`. lasting: what counts is for how many minutes it has been there.
    tolerance, in the indicator's unit, and error, as a share: how far the judgement may be off. per: what one incident
    is about; one of a zone or street has no class. shown_in: classes in whose areas of the same zone it is
    told instead.
    """

    indicator: str
    classes: list[str]
    types: list[str] = []
    over: str | None = None
    low: bool = False
    change: Duration | None = None
    least: float | None = None
    lasting: float | None = None
    tolerance: float = 0.0
    error: Share = "0%"
    per: Literal["area", "zone", "street"] = "area"
    shown_in: list[str] = []


class Silence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long devices of these types are silent when they are told to be offline, by level. `settle`: how long the
    system may wait after that before it says so."""

    types: list[str]
    levels: dict[LevelWord, After]
    settle: After = "1.25 intervals"
    cause: str = "offline"


class ParentTruth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From how many devices on the dark of a parent is one incident, and of which level."""

    at_least: int
    level: LevelWord = "orange"


class Cause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a fault with this cause must have lasted to be told: so many messages, and so long. `within`: slack."""

    messages: int = 3
    hold: After = "0s"
    levels: LevelRange = ("blue", "blue")
    within: Duration = "5m"


class Verify(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one incident of a verify back end that is down."""

    levels: LevelRange = ("orange", "red")
    within: Duration = "5m"
    cause: str = "verify-backend"


class StrangerTruth(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one incident of a street in which unregistered devices send."""

    level: LevelWord = "blue"
    within: Duration = "2m"
    cause: str = "unregistered"


class Clause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An incident said outright. What is not given does not matter. at: its onset, from the scenario's start."""

    nature: Literal["hazard", "device", "parent", "blind"]
    why: str
    risk_class: str | None = msgspec.field(name="class", default=None)
    street: str | None = None
    area: str | None = None
    subject: str | None = None
    cause: str | None = None
    levels: LevelRange = ("blue", "red")
    at: Duration = "0s"
    within: Duration | None = None
    optional: bool = False


class SiteBand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many sites of a class truly peak at a level, at least and at most."""

    risk_class: str = msgspec.field(name="class")
    level: LevelWord
    count: tuple[int, int]


class Bands(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the simulated storm itself must satisfy. rain_mean_mm: total, mean over the streets. heaviest_mm: most
    that any site may get in so many hours."""

    rain_mean_mm: Range | None = None
    heaviest_mm: dict[str, float] = {}
    sites: list[SiteBand] = []


class TruthPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By what the truth is found. water: by risk class. values: of other indicators. scales: those of
    simulators/truth/scales.yaml that hold too. causes: by cause. unseen: faults of this file that the rules of today
    cannot see, with the reason; nothing is expected of them."""

    water: dict[str, Water] = {}
    values: list[Values] = []
    scales: list[str] = []
    silence: list[Silence] = []
    parents: dict[Literal["gateway", "power", "network", "platform"], ParentTruth] = {}
    causes: dict[str, Cause] = {}
    verify: Verify = Verify()
    unregistered: StrangerTruth = StrangerTruth()
    unseen: dict[str, str] = {}
    expect: list[Clause] = []
    never: list[Clause] = []
    bands: Bands = Bands()


def after_ms(after: str, interval_ms: int) -> int:
    """Milliseconds of an After for a device of this interval."""
    intervals = re.fullmatch(r"([0-9.]+) intervals", after)
    return round(float(intervals[1]) * interval_ms) if intervals else ms_of(after)
