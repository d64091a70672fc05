"""Faults of what devices hang on: a gateway, NVR, power zone, network zone or platform, or a verify back end."""

from typing import Annotated, ClassVar, Literal

import msgspec

from city.city import City
from city.registry import Parent, ParentKind
from simulators.faults.fault import Fault, Target, Transform
from simulators.faults.links import hold_back
from simulators.fleets.surroundings import Outage
from simulators.seeds import score_of
from simulators.words import Duration, Share, Span, ms_of, share_of


class ParentSelector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which parents: those of a kind to which everything given applies. devices: how many hang on it, at least and at
    most. types: only parents on which such devices hang. count: so many of them, picked by lot."""

    kind: Literal["gateway", "power", "network", "platform"]
    ids: list[str] = []
    streets: list[str] = []
    types: list[str] = []
    devices: tuple[int, int] = (1, 1_000_000)
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Cut(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parent is cut off: without power, or its line is broken. All devices on it go dark together.

    `then`: what they had to say is lost, or (when only the line was broken) comes afterwards.
    """

    phase: ClassVar[int] = 6
    parents: ParentSelector
    then: Literal["burst", "lost"] = "lost"
    burst: Duration = "60s"

    def dark(self, target: Target) -> list[Span]:
        return [target.span]

    def transform(self, target: Target) -> Transform:
        kept_for = ms_of(self.burst) if self.then == "burst" else None
        return hold_back([target.span], target, kept_for, True, wills=False)


class VerifyOutage(Fault, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The back end that sentries ask does not answer. See `fleets.surroundings.Outage`."""

    parents: ParentSelector = ParentSelector(kind="platform", types=["electronic-sentry"])
    timeout: Duration = "15s"
    local_after: Duration = "5m"
    ramp: Duration = "2m"
    worst: Share = "95%"
    longest_queue: Annotated[int, msgspec.Meta(ge=0)] = 70

    def outage(self, span: Span) -> Outage:
        return Outage(
            span,
            ms_of(self.timeout),
            ms_of(self.local_after),
            max(1, ms_of(self.ramp)),
            share_of(self.worst),
            self.longest_queue,
        )


def children_of(city: City) -> dict[str, list[str]]:
    """Ids of the devices in service that hang on each parent, by its id."""
    children: dict[str, list[str]] = {}
    for device in city.devices.values():
        for kind in ParentKind:
            parent = device.parent(kind)
            if parent is not None and device.in_service:
                children.setdefault(parent, []).append(device.id)
    return children


def choose_parents(
    city: City, wanted: ParentSelector, codes: set[str], children: dict[str, list[str]], seed: int, title: str
) -> list[Parent]:
    """The parents that a selector means. `codes`: of its streets, none for all."""
    kind = ParentKind(wanted.kind)
    found = [
        parent
        for parent in city.parents.values()
        if parent.kind is kind
        and (not wanted.ids or parent.id in wanted.ids)
        and (not codes or parent.admin in codes)
        and _fits(city, children.get(parent.id, []), wanted)
    ]
    if wanted.count is not None:
        found = sorted(found, key=lambda parent: score_of(seed, title, parent.id))[: wanted.count]
    return found


def _fits(city: City, children: list[str], wanted: ParentSelector) -> bool:
    least, most = wanted.devices
    if not least <= len(children) <= most:
        return False
    return not wanted.types or any(city.devices[child].type in wanted.types for child in children)
