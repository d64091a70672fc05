"""A scenario as a file: what docs/scenarios.md describes, read and checked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from city.errors import ConfigError, ConfigErrors
from city.generate import FleetRequest
from city.misfits import Place, misfits, nearest
from city.yamlfile import YamlFile, load_yaml
from simulators.choosing import Selector
from simulators.faults import KINDS, Fault
from simulators.faults.parents import Cut, VerifyOutage
from simulators.fleets import Behaviour
from simulators.storms import StormPlan
from simulators.truth import TruthPlan
from simulators.truth.plan import Water
from simulators.truth.scales import scales
from simulators.words import Duration, Span, ms_of
from simulators.world import CoursePlan

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class ControlNode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What whoever plays the scenario must do to the system meanwhile: pause one of its processes."""

    pause: Literal["ingest", "detect", "incidents"]
    at: Duration
    length: Duration = msgspec.field(name="for")


class ScenarioNode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. start, end: with their offset from UTC. faults: each of the kind that its `fault` names."""

    scenario: str
    title: str
    source: str
    seed: int
    start: Moment
    end: Moment
    fleets: list[FleetRequest] = []
    behaviour: Behaviour = Behaviour()
    storm: StormPlan | None = None
    courses: list[CoursePlan] = []
    faults: list[dict[str, Any]] = []
    controls: list[ControlNode] = []
    truth: TruthPlan = TruthPlan()


@dataclass(frozen=True)
class ScenarioFile:
    """A file that reads well. `yaml`: to tell where something stands in it."""

    node: ScenarioNode
    faults: list[Fault]
    yaml: YamlFile[ScenarioNode]

    @property
    def span(self) -> Span:
        return Span(_ms(self.node.start), _ms(self.node.end))


def read_scenario(path: Path) -> ScenarioFile:
    """Reads a scenario file. Raises ConfigErrors with everything that is wrong with it, city or no city."""
    yaml = load_yaml(path, ScenarioNode)
    errors: list[ConfigError] = []
    faults = [_fault(yaml, i, node, errors) for i, node in enumerate(yaml.value.faults)]
    sound = [fault for fault in faults if fault is not None]
    if not errors:
        errors += _time_errors(yaml, sound)
        errors += _name_errors(yaml, sound)
        errors += _course_errors(yaml)
        errors += _choice_errors(yaml, sound)
        errors += _truth_errors(yaml, sound)
    if errors:
        raise ConfigErrors(sorted(errors, key=lambda error: (error.line, error.column)))
    return ScenarioFile(yaml.value, sound, yaml)


def _fault(yaml: YamlFile[ScenarioNode], i: int, node: dict[str, Any], errors: list[ConfigError]) -> Fault | None:
    at: Place = ("faults", i)
    kind = KINDS.get(str(node.get("fault")))
    if kind is None:
        named = node.get("fault")
        errors.append(yaml.error((*at, "fault"), f"no fault is of kind {named!r}", nearest(str(named), list(KINDS))))
        return None
    found = misfits(node, kind, place=at)
    errors += [ConfigError(yaml.path, *yaml.mark(m.place, m.at_key), m.message, m.remedy) for m in found]
    return None if found else msgspec.convert(node, kind)


def _time_errors(yaml: YamlFile[ScenarioNode], faults: list[Fault]) -> Iterator[ConfigError]:
    """What begins or ends outside the play."""
    play = Span(_ms(yaml.value.start), _ms(yaml.value.end))
    if play.length_ms <= 0:
        yield yaml.error(("end",), "the end is not after the start")
        return
    for i, fault in enumerate(faults):
        begins_ms, lasts_ms = ms_of(fault.start), ms_of(fault.length or "0s")
        if begins_ms + lasts_ms > play.length_ms or begins_ms == play.length_ms:
            yield yaml.error(("faults", i), "the fault lasts longer than the scenario", "shorten from or for")
    for i, control in enumerate(yaml.value.controls):
        if ms_of(control.at) + ms_of(control.length) > play.length_ms:
            yield yaml.error(("controls", i), "the control lasts longer than the scenario", "shorten at or for")


def _name_errors(yaml: YamlFile[ScenarioNode], faults: list[Fault]) -> Iterator[ConfigError]:
    """Two faults of one title would share their chance."""
    seen: set[str] = set()
    for i, fault in enumerate(faults):
        if fault.title in seen:
            yield yaml.error(("faults", i), f"a fault {fault.title!r} stands further up", "give each a name of its own")
        seen.add(fault.title)


def _course_errors(yaml: YamlFile[ScenarioNode]) -> Iterator[ConfigError]:
    """Courses that are two things or none, or that one cannot tell from another."""
    seen: set[str] = set()
    for i, course in enumerate(yaml.value.courses):
        at: Place = ("courses", i)
        if (course.by is None) == (course.to is None):
            yield yaml.error(at, "a course has either by or to", "by: added to what would be; to: what is")
        if course.over is not None and course.to is None:
            yield yaml.error((*at, "over"), "over is of what stands in to", "remove over, or write to")
        if course.devices.count is not None and course.devices.share is not None:
            yield yaml.error((*at, "devices"), "count and share are both given", "keep one of them")
        if course.title in seen:
            yield yaml.error(at, f"a course {course.title!r} stands further up", "give each a name of its own")
        seen.add(course.title)


def _choice_errors(yaml: YamlFile[ScenarioNode], faults: list[Fault]) -> Iterator[ConfigError]:
    """Devices chosen in two ways at once."""
    for i, fault in enumerate(faults):
        at: Place = ("faults", i, "devices")
        if isinstance(fault, (Cut, VerifyOutage)) and fault.devices != Selector():
            yield yaml.error(at, f"{fault.fault} takes all that hangs on its parents", "remove devices")
        elif fault.devices.count is not None and fault.devices.share is not None:
            yield yaml.error(at, "count and share are both given", "keep one of them")


def _truth_errors(yaml: YamlFile[ScenarioNode], faults: list[Fault]) -> Iterator[ConfigError]:
    """What the truth needs and the file does not say."""
    node = yaml.value
    titles = [fault.title for fault in faults]
    for name in node.truth.unseen:
        if name not in titles:
            yield yaml.error(("truth", "unseen", name), f"no fault is called {name!r}", nearest(name, titles or ["-"]))
    for i, name in enumerate(node.truth.scales):
        if name not in scales():
            yield yaml.error(("truth", "scales", i), f"there is no scale {name!r}", nearest(name, list(scales())))
    for i, fault in enumerate(faults):
        known = fault.cause is None or fault.cause in node.truth.causes or fault.title in node.truth.unseen
        if not known:
            yield yaml.error(
                ("faults", i),
                f"the truth does not say when cause {fault.cause} is told",
                f"add {fault.cause} to truth.causes, or the fault to truth.unseen",
            )
        if isinstance(fault, Cut) and fault.parents.kind not in node.truth.parents:
            message = f"the truth does not say from how many devices on a dark {fault.parents.kind} is told"
            yield yaml.error(("faults", i), message, f"add {fault.parents.kind} to truth.parents")
    for risk_class, water in node.truth.water.items():
        yield from _level_errors(yaml, ("truth", "water", risk_class), water)
    for risk_class in node.storm.ponding if node.storm else ():
        if risk_class not in node.truth.water:
            message = f"the truth does not say from which depth on {risk_class} is told"
            yield yaml.error(("storm", "ponding", risk_class), message, "add it to truth.water")


def _level_errors(yaml: YamlFile[ScenarioNode], at: Place, water: Water) -> Iterator[ConfigError]:
    order = [word for word in ("blue", "yellow", "orange", "red") if word in water.levels]
    depths = [water.levels[word] for word in order]
    if depths != sorted(depths) or not depths:
        yield yaml.error((*at, "levels"), "levels must be deeper the worse they are")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
