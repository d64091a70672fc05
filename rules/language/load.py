"""Reading a pack: YAML to meaning, every mistake with its place and remedy."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from city.catalogue import COMMON, Catalogue
from city.errors import ConfigError, ConfigErrors
from city.levels import Level
from city.registry import ParentKind
from city.transitions import Nature
from city.yamlfile import YamlFile, load_yaml
from rules.language.pack import AbsenceRule, LevelRule, Marks, Pack, ParentRule, Rule
from rules.language.quantities import parse_duration_ms, parse_intervals, parse_quantity, parse_share
from rules.language.schema import COLOURS, PackFile, ParentNode, RuleNode, RulesFile, Scalar

PACK_FILE = "pack.yaml"
LEAST_SILENCE_MS = 180_000  # device_health_common of the domain: max(3 x interval, 180 s)
MOST_SAMPLES = 255


def load_pack(folder: Path, catalogue: Catalogue) -> Pack:
    """The pack in a folder, checked against a catalogue. Raises ConfigErrors with everything that is wrong."""
    head = load_yaml(folder / PACK_FILE, PackFile).value
    errors: list[ConfigError] = []
    rules: list[Rule] = []
    parents: list[ParentRule] = []
    for path in sorted(folder.glob("*.yaml")):
        if path.name == PACK_FILE:
            continue
        try:
            file = load_yaml(path, RulesFile)
        except ConfigErrors as error:
            errors += error.errors
            continue
        reader = _Reader(file, catalogue)
        rules += reader.rules()
        parents += reader.parents()
        errors += reader.errors
    errors += _repeated(folder, rules, parents)
    if errors:
        raise ConfigErrors(errors)
    return Pack(
        name=head.pack,
        version=head.version,
        title=head.title,
        levels=tuple(rule for rule in rules if isinstance(rule, LevelRule)),
        absences=tuple(rule for rule in rules if isinstance(rule, AbsenceRule)),
        parents=tuple(parents),
    )


def _repeated(folder: Path, rules: list[Rule], parents: list[ParentRule]) -> Iterator[ConfigError]:
    names = [rule.id for rule in rules] + [rule.id for rule in parents]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield ConfigError(folder, 0, 0, f"rule id {name!r} is used twice", "ids are unique in a pack")
    watched: dict[tuple[str, str | None], str] = {}
    for rule in rules:
        if not isinstance(rule, AbsenceRule) or rule.of is not None:
            continue
        for pair in ((c, t) for c in rule.classes for t in rule.device_types or (None,)):
            other = watched.get(pair) or watched.get((pair[0], None))
            if other:
                message = f"{rule.id} and {other} both watch all signs of life of {pair[1] or 'devices'} of {pair[0]}"
                yield ConfigError(folder, 0, 0, message, "give each its own device_types")
            watched[pair] = rule.id


class _Reader:
    """Gives meaning to the rules of one file, and collects what is wrong with them."""

    def __init__(self, file: YamlFile[RulesFile], catalogue: Catalogue) -> None:
        self.file, self.catalogue = file, catalogue
        self.errors: list[ConfigError] = []

    def rules(self) -> list[Rule]:
        classes = self._classes()
        read = [self._rule(i, node, classes) for i, node in enumerate(self.file.value.rules)]
        return [rule for rule in read if rule is not None]

    def parents(self) -> list[ParentRule]:
        read = [self._parent(i, node) for i, node in enumerate(self.file.value.parents)]
        return [rule for rule in read if rule is not None]

    def _classes(self) -> tuple[str, ...]:
        node = self.file.value
        named = node.classes or ([node.risk_class] if node.risk_class else [])
        if node.rules and bool(node.classes) == bool(node.risk_class):
            self._error(("rules",), "the file must say either class or classes", "e.g. class: waterlogging")
        known = [c.slug for c in self.catalogue.classes]
        for name in named:
            if name not in known:
                key = ("classes",) if node.classes else ("class",)
                self._error(key, f"class {name!r} is not in the catalogue", f"one of {', '.join(known)}")
        return tuple(named)

    def _rule(self, i: int, node: RuleNode, classes: tuple[str, ...]) -> Rule | None:
        before = len(self.errors)
        at: tuple[str | int, ...] = ("rules", i)
        types = {t.slug for t in self.catalogue.device_types}
        for slug in node.device_types or []:
            if slug not in types:
                self._error((*at, "device_types"), f"device type {slug!r} is not in the catalogue")
        rule: Rule | None
        if node.absence is not None:
            rule = self._absence_rule(at, node, classes)
        else:
            rule = self._level_rule(at, node, classes)
        return rule if len(self.errors) == before else None

    def _shared(self, node: RuleNode, classes: tuple[str, ...], at: tuple[str | int, ...]) -> dict[str, Any]:
        nature = Nature(node.nature)
        return {
            "id": node.id,
            "title": node.title,
            "source": node.source,
            "nature": nature,
            "classes": classes,
            "device_types": tuple(node.device_types) if node.device_types is not None else None,
            "clear_ms": self._duration((*at, "clear", "for"), node.clear.duration),
            "group": node.group or ("area" if nature is Nature.HAZARD else "device"),
            "cause": node.cause or node.id,
        }

    def _absence_rule(self, at: tuple[str | int, ...], node: RuleNode, classes: tuple[str, ...]) -> AbsenceRule | None:
        absence = node.absence
        assert absence is not None
        for key in ("indicator", "levels", "evidence"):
            if getattr(node, key) is not None:
                self._error((*at, key), f"an absence rule has no {key} of its own", "put levels under absence")
        names = {i.id for i in self.catalogue.indicators if i.risk_class in (*classes, COMMON) and i.sign_of_life}
        of = None if absence.of == "any" else tuple(absence.of)
        for name in of or ():
            if name not in names:
                self._error((*at, "absence", "of"), f"{name!r} is no indicator that is a sign of life")
        after: list[float | None] = []
        intervals: list[float | None] = []
        for colour in COLOURS:
            mark = absence.levels.get(colour)
            many = parse_intervals(mark) if mark is not None else None
            intervals.append(many)
            place = (*at, "absence", "levels", colour)
            after.append(None if mark is None else LEAST_SILENCE_MS if many else self._duration(place, mark))
        self._rising((*at, "absence", "levels"), [mark for mark in after if mark is not None], "later")
        if self.errors:
            return None
        return AbsenceRule(
            **self._shared(node, classes, at), of=of, after_ms=_marks(after), intervals=_marks(intervals)
        )

    def _level_rule(self, at: tuple[str | int, ...], node: RuleNode, classes: tuple[str, ...]) -> LevelRule | None:
        if node.indicator is None or node.levels is None or node.evidence is None:
            missing = [k for k in ("indicator", "levels", "evidence") if getattr(node, k) is None]
            self._error(at, f"rule {node.id} has no {' and no '.join(missing)}", "or make it an absence rule")
            return None
        unit = self._unit((*at, "indicator"), node.indicator, classes)
        if unit is None:
            return None
        marks = [self._quantity((*at, "levels", k), node.levels.get(k), unit) for k in COLOURS]
        exists = [mark for mark in marks if mark is not None]
        self._rising((*at, "levels"), [-m for m in exists] if node.direction == "low" else exists, "further out")
        if node.clear.margin == 0 and unit != "1" and "margin" not in self._keys((*at, "clear")):
            self._error((*at, "clear"), "clear has no margin", f"how far past the threshold, e.g. margin: 1 {unit}")
        margin = self._quantity((*at, "clear", "margin"), node.clear.margin, unit, bare_zero=True) or 0.0
        if not 1 <= node.evidence.min_samples <= MOST_SAMPLES:
            self._error((*at, "evidence", "min_samples"), f"min_samples must be 1 to {MOST_SAMPLES}")
        return LevelRule(
            **self._shared(node, classes, at),
            indicator=node.indicator,
            low=node.direction == "low",
            threshold=_marks(marks),
            hold_ms=self._holds((*at, "hold"), node),
            min_samples=node.evidence.min_samples,
            max_gap_ms=self._duration((*at, "evidence", "max_gap"), node.evidence.max_gap),
            margin=margin,
            quarantine=node.step == "quarantine",
        )

    def _unit(self, at: tuple[str | int, ...], name: str, classes: tuple[str, ...]) -> str | None:
        """The unit in which every class of the file has this indicator."""
        units = {}
        for risk_class in classes:
            found = {i.risk_class: i for i in self.catalogue.indicators if i.id == name}
            indicator = found.get(risk_class) or found.get(COMMON)
            if indicator is None:
                self._error(at, f"class {risk_class} has no indicator {name!r}", "see the city's catalogue.yaml")
                return None
            units[indicator.unit] = risk_class
        if len(units) > 1:
            self._error(at, f"{name} is in different units: {', '.join(units)}", "write a rule for each class")
        return next(iter(units), None)

    def _holds(self, at: tuple[str | int, ...], node: RuleNode) -> tuple[int, int, int, int]:
        if not isinstance(node.hold, dict):
            return (self._duration(at, node.hold),) * 4
        for slug in node.hold:
            if slug not in (node.levels or {}):
                self._error((*at, slug), f"hold names {slug}, which has no threshold", "add it to levels, or remove it")
        holds = [self._duration((*at, slug), node.hold.get(slug, "0s")) for slug in COLOURS]
        return (holds[0], holds[1], holds[2], holds[3])

    def _parent(self, i: int, node: ParentNode) -> ParentRule | None:
        at, before = ("parents", i), len(self.errors)
        silent = self._try((*at, "silent"), parse_share, node.silent) or 1.0
        if node.at_least < 2:
            self._error((*at, "at_least"), "one silent device says nothing of its parent", "at_least: 2 or more")
        clear_ms = self._duration((*at, "clear", "for"), node.clear.duration)
        if len(self.errors) > before:
            return None
        return ParentRule(
            kind=ParentKind(node.kind),
            title=node.title,
            source=node.source,
            level=Level.of(node.level),
            silent=silent,
            at_least=node.at_least,
            points=node.points,
            clear_ms=clear_ms,
        )

    def _rising(self, at: tuple[str | int, ...], marks: list[float], word: str) -> None:
        if not marks:
            self._error(at, "no level has a mark", "e.g. levels: {yellow: 15 cm}")
        if any(later <= earlier for earlier, later in pairwise(marks)):
            self._error(at, f"each further colour must be {word}", "blue, yellow, orange, red in that order")

    def _duration(self, at: tuple[str | int, ...], text: Scalar) -> int:
        return self._try(at, parse_duration_ms, text) or 0

    def _quantity(
        self, at: tuple[str | int, ...], text: Scalar | None, unit: str, bare_zero: bool = False
    ) -> float | None:
        if text is None or (bare_zero and text == 0):
            return None
        value: float | None = self._try(at, lambda t: parse_quantity(t, unit), text)
        return value

    def _try(self, at: tuple[str | int, ...], parse: Any, text: Scalar) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            self._error(at, str(error))
            return None

    def _keys(self, at: tuple[str | int, ...]) -> list[str]:
        return self.file.keys(at)

    def _error(self, at: tuple[str | int, ...], message: str, remedy: str = "") -> None:
        line, column = self.file.mark(at)
        self.errors.append(ConfigError(self.file.path, line, column, message, remedy))


def _marks(values: list[float | None]) -> Marks:
    return (values[0], values[1], values[2], values[3])
