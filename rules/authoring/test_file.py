"""Tests of rules as their authors write them: `tests/*.yaml` of a pack, read and checked. docs/rules-tools.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from city.catalogue import Catalogue, Indicator
from city.errors import ConfigError, ConfigErrors
from city.misfits import Place, nearest
from city.yamlfile import YamlFile, load_yaml
from rules.authoring.series import Sample, parse_series
from rules.authoring.town import TownDevice
from rules.language.load import LONGEST
from rules.language.pack import Pack, all_rules
from rules.language.quantities import parse_duration_ms

FOLDER = "tests"
LONGEST_MS = 31 * 86_400_000
Colour = Literal["none", "blue", "yellow", "orange", "red"]
Time = Annotated[str, msgspec.Meta(description="from the test's beginning: 90s, 3m, 2h, 1d")]


class Never(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must not come: an alert of a rule, of a subject, at a level or above; of any where left out."""

    alert: str | None = None
    on: str | None = None
    level: Literal["blue", "yellow", "orange", "red"] = "blue"


class Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of three. at: what an alert is at that time. by: that it has come to a level by then. until and never: what
    must not have come by then. on: its device or place, any if left out. state: with or without a witness."""

    at: Time | None = None
    by: Time | None = None
    until: Time | None = None
    alert: str | None = None
    on: str | None = None
    level: Colour | None = None
    state: Literal["suspected", "confirmed"] | None = None
    actions: list[str] = []
    never: Never | None = None

    @property
    def time(self) -> str:
        return self.at or self.by or self.until or ""


class RuleTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """given: readings by indicator@device. silent: from when on a device says nothing at all; others beat at their
    interval. start: local time at which it begins."""

    name: str
    given: dict[str, str] = {}
    silent: dict[str, Time] = {}
    start: datetime = datetime(2024, 6, 1, 12, 0)
    expect: Annotated[list[Expectation], msgspec.Meta(min_length=1)]


class TestFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    town: Annotated[list[TownDevice], msgspec.Meta(min_length=1)]
    tests: Annotated[list[RuleTest], msgspec.Meta(min_length=1)]


@dataclass(frozen=True)
class Series:
    """Readings of one indicator of one device."""

    device: TownDevice
    indicator: Indicator
    samples: list[Sample]


@dataclass(frozen=True)
class ReadyTest:
    """A test that can be run. times: of its expectations, ms from its beginning, and what each expects."""

    file: Path
    line: int
    node: RuleTest
    series: list[Series]
    silent_ms: dict[str, int]
    expected: list[tuple[int, Expectation]]


@dataclass(frozen=True)
class ReadyFile:
    town: list[TownDevice]
    tests: list[ReadyTest]


def read_tests(folder: Path, pack: Pack, catalogue: Catalogue) -> list[ReadyFile]:
    """The tests of a pack's folder. Raises ConfigErrors with all that is wrong with them, or when there are none."""
    paths = sorted((folder / FOLDER).glob("*.yaml"))
    if not paths:
        raise ConfigErrors([ConfigError(folder / FOLDER, 0, 0, "no tests", "write tests/*.yaml: docs/rules-tools.md")])
    errors: list[ConfigError] = []
    files: list[ReadyFile] = []
    for path in paths:
        try:
            reader = _Reader(load_yaml(path, TestFile, LONGEST), pack, catalogue)
            files.append(reader.file())
            errors += reader.errors
        except ConfigErrors as wrong:
            errors += wrong.errors
    if errors:
        raise ConfigErrors(sorted(errors, key=lambda error: (error.file, error.line, error.column)))
    return files


class _Reader:
    def __init__(self, yaml: YamlFile[TestFile], pack: Pack, catalogue: Catalogue) -> None:
        self._yaml, self._catalogue = yaml, catalogue
        self._rules = [rule.id for rule in all_rules(pack)]
        self._town = {device.id: device for device in yaml.value.town}
        self.errors: list[ConfigError] = []

    def file(self) -> ReadyFile:
        self._check_town()
        tests = [self._test(("tests", i), node) for i, node in enumerate(self._yaml.value.tests)]
        return ReadyFile(self._yaml.value.town, tests)

    def _check_town(self) -> None:
        types = [t.slug for t in self._catalogue.device_types]
        classes = [c.slug for c in self._catalogue.classes]
        for i, device in enumerate(self._yaml.value.town):
            self._named(("town", i, "type"), "device type", device.type, types)
            self._named(("town", i, "class"), "class", device.risk_class, classes)
            if self._town[device.id] is not device:
                self._error(("town", i, "id"), f"{device.id} is there twice", "give each device an id of its own")

    def _test(self, at: Place, node: RuleTest) -> ReadyTest:
        series = [found for key in node.given if (found := self._series((*at, "given", key), key, node)) is not None]
        silent = {device: self._time((*at, "silent", device), time) for device, time in node.silent.items()}
        for device in node.silent:
            self._named((*at, "silent", device), "device of the town", device, list(self._town))
        expected = [self._expected((*at, "expect", i), e) for i, e in enumerate(node.expect)]
        return ReadyTest(self._yaml.path, self._yaml.mark(at)[0], node, series, silent, expected)

    def _series(self, at: Place, key: str, node: RuleTest) -> Series | None:
        name, _, device_id = key.partition("@")
        if not self._named(at, "device of the town", device_id, list(self._town)):
            return None
        device = self._town[device_id]
        known = {i.id: i for i in self._catalogue.reported(device.risk_class, device.type)}
        if not self._named(at, f"indicator that {device.type} measures", name, list(known)):
            return None
        try:
            return Series(device, known[name], parse_series(node.given[key], known[name].unit))
        except ValueError as error:
            self._error(at, str(error), "e.g. 2 cm at 0m, then 30 cm every 1m x 10")
            return None

    def _expected(self, at: Place, node: Expectation) -> tuple[int, Expectation]:
        if sum(time is not None for time in (node.at, node.by, node.until)) != 1:
            self._error(at, "an expectation has one of at, by and until", "e.g. {at: 3m, alert: depth, level: yellow}")
        elif (node.until is None) != (node.never is None):
            self._error(at, "until and never go together", "e.g. {until: 10m, never: {level: red}}")
        elif node.never is None and (node.alert is None or node.level is None):
            self._error(at, "which alert at which level?", "give alert and level")
        for name in {node.alert, node.never.alert if node.never else None} - {None}:
            self._named(at, "rule", name or "", self._rules)
        return self._time(at, node.time or "0s"), node

    def _time(self, at: Place, text: str) -> int:
        try:
            time_ms = parse_duration_ms(text)
        except ValueError as error:
            self._error(at, str(error), "e.g. 90s, 3m, 2h")
            return 0
        if time_ms > LONGEST_MS:
            self._error(at, f"{text} is more than a month", "shorten it")
        return min(time_ms, LONGEST_MS)

    def _named(self, at: Place, what: str, name: str, known: list[str]) -> bool:
        if name not in known:
            self._error(at, f"no {what} is called {name!r}", nearest(name, known))
        return name in known

    def _error(self, at: Place, message: str, remedy: str) -> None:
        self.errors.append(self._yaml.error(at, message, remedy))


def all_tests(files: list[ReadyFile]) -> Iterator[tuple[list[TownDevice], ReadyTest]]:
    """Each test with the town of its file."""
    for file in files:
        for test in file.tests:
            yield file.town, test
