"""An Expected determines what kind of incident the system should, may or must not tell of."""

from collections.abc import Iterable
from enum import Enum

import msgspec

from city.levels import Level
from city.transitions import Nature


class Demand(Enum):
    """MUST: it is missed when it does not come. MAY: neither missed nor false. NEVER: false when it comes."""

    MUST = "must"
    MAY = "may"
    NEVER = "never"


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """One incident. What is None or empty does not matter.

    subjects: group keys (area, device or parent ids) of which any will do. causes: likewise. lowest..highest: peak
    levels that are right. onset_ms: when it really began; earliest_ms..latest_ms: when the incident may open.
    covers: devices whose own incidents would be part of this cause. why: in words, for people.
    """

    demand: Demand
    nature: Nature
    risk_class: str | None = None
    admin: str | None = None
    area: str | None = None
    subjects: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    lowest: Level = Level.BLUE
    highest: Level = Level.RED
    onset_ms: int
    earliest_ms: int
    latest_ms: int
    covers: tuple[str, ...] = ()
    why: str = ""

    @property
    def identity(self) -> tuple[object, ...]:
        """What two of them must share to be one incident."""
        return (self.nature, self.risk_class, self.admin, self.area, self.subjects, self.causes)


def merged(expected: Iterable[Expected], end_ms: int) -> list[Expected]:
    """Those of one identity as one (an incident stays open until people close it), in order of onset. What may open
    after the play's end is no longer demanded."""
    groups: dict[tuple[object, ...], list[Expected]] = {}
    for one in expected:
        if one.demand is Demand.NEVER:
            groups.setdefault((*one.identity, one.why), []).append(one)
            continue
        demand = Demand.MAY if one.latest_ms > end_ms else one.demand
        groups.setdefault(one.identity, []).append(msgspec.structs.replace(one, demand=demand))
    return sorted((_one(group) for group in groups.values()), key=lambda one: (one.onset_ms, one.why))


def _one(group: list[Expected]) -> Expected:
    """What is left of several: the first that is demanded, as early as the first possible, as high as any of them."""
    musts = [one for one in group if one.demand is Demand.MUST]
    first = min(musts or group, key=lambda one: one.onset_ms)
    return msgspec.structs.replace(
        first,
        earliest_ms=min(one.earliest_ms for one in group),
        latest_ms=first.latest_ms if musts else max(one.latest_ms for one in group),
        lowest=max((one.lowest for one in musts), default=min(one.lowest for one in group)),
        highest=max(one.highest for one in group),
    )
