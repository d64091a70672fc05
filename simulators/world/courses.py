"""What a scenario says that an indicator does: how a river rises, a gale blows, a main loses its pressure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import numpy as np

from city.city import City
from city.errors import ConfigErrors
from city.misfits import Place, nearest
from city.yamlfile import YamlFile
from simulators.choosing import Chooser, Selector
from simulators.storms.rain import Floats
from simulators.words import Duration, ms_of
from simulators.world.calm import CALM

Points = Annotated[dict[Duration, float], msgspec.Meta(min_length=1)]


class CoursePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One indicator at some devices. by: how much more it is than it would be, to: what it is, above the site's mark
    `over` where one is named; at times from the scenario's start, between them on a straight line, after the last as
    there. Before the first, nothing has happened. name: tells two of one indicator apart."""

    indicator: str
    name: str = ""
    devices: Selector = Selector()
    by: Points | None = None
    to: Points | None = None
    over: str | None = None

    @property
    def title(self) -> str:
        """What seeds the lot by which its devices are picked."""
        return self.name or self.indicator

    def scaled(self, factor: float) -> "CoursePlan":
        """The same, so many times as strong. What is said outright stays."""
        if self.by is None:
            return self
        return msgspec.structs.replace(self, by={at: factor * value for at, value in self.by.items()})


@dataclass(frozen=True)
class Course:
    """A plan, and the devices that measure it."""

    plan: CoursePlan
    devices: list[str]

    def on(self, calm: Floats, marks: dict[str, float]) -> Floats:
        """What becomes of a series, (steps,), one value at the end of each minute of the play."""
        points = self.plan.by or self.plan.to or {}
        times = np.array([ms_of(at) / 60_000 for at in points])
        order = np.argsort(times)
        minutes = 1.0 + np.arange(len(calm))
        values = np.interp(minutes, times[order], np.array(list(points.values()))[order])
        begun = minutes >= times[order][0]
        if self.plan.by is not None:
            return np.asarray(calm + np.where(begun, values, 0.0))
        base = marks[self.plan.over] if self.plan.over else 0.0
        return np.where(begun, base + values, calm)


def courses_of(city: City, plans: Sequence[CoursePlan], seed: int, file: YamlFile[object]) -> list[Course]:
    """The courses of a scenario, in the order of its file. Raises ConfigErrors, at their places in the file, when one
    names what the city does not have, or nothing there measures its indicator."""
    chooser = Chooser(city, seed, file)
    courses = [Course(plan, _measuring(chooser, i, plan)) for i, plan in enumerate(plans)]
    if chooser.errors:
        raise ConfigErrors(chooser.errors)
    return courses


def _measuring(chooser: Chooser, i: int, plan: CoursePlan) -> list[str]:
    """The devices that a course is for, and which measure its indicator and have its mark."""
    types = [t.slug for t in chooser.city.catalogue.device_types if plan.indicator in (t.measures or ())]
    if plan.indicator not in CALM or not types:
        measured = [known for t in chooser.city.catalogue.device_types for known in t.measures or ()]
        hint = nearest(plan.indicator, sorted(set(measured) & CALM.keys()))
        at: Place = ("courses", i, "indicator")
        chooser.errors.append(chooser.file.error(at, f"no device measures {plan.indicator!r}", hint))
        return []
    devices = chooser.devices(("courses", i, "devices"), plan.title, plan.devices, types)
    for device in devices:
        if plan.over and plan.over not in chooser.city.sites[device.site].reference_levels:
            chooser.error(("courses", i, "over"), f"the site of {device.id} has no mark {plan.over!r}")
    return [device.id for device in devices]
