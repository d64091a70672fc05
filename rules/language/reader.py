"""The rules of one file: words to meaning, against a catalogue. Each mistake is an error at its place."""

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, TypeVar

from city.catalogue import COMMON, Catalogue, Indicator
from city.errors import ConfigError
from city.levels import Level
from city.misfits import Place, nearest
from city.registry import ParentKind
from city.transitions import Nature
from city.yamlfile import YamlFile
from rules.language.pack import AbsenceRule, LevelRule, Marks, ParentRule, Rule
from rules.language.quantities import parse_duration_ms, parse_intervals, parse_quantity, parse_share
from rules.language.schema import COLOURS, AbsenceNode, ParentNode, RuleNode, RulesFile, Scalar

LEAST_SILENCE_MS = 180_000  # device_health_common of the domain: max(3 x interval, 180 s)
MOST_SAMPLES = 255
LONGEST_TITLE = 100
_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DURATION_REMEDY = "write a number and s, m, h or d, as in 5m"
_NOT_OF_ABSENCE = ("indicator", "levels", "evidence", "hold", "direction", "step")

T = TypeVar("T")


class Reader:
    """Gives meaning to the rules of one file. What is wrong with them gathers in `errors`."""

    def __init__(self, file: YamlFile[RulesFile], catalogue: Catalogue) -> None:
        self.errors: list[ConfigError] = []
        self._file, self._catalogue = file, catalogue
        self._classes = self._known_classes()

    def rules(self) -> list[Rule]:
        """The rules that are sound."""
        if not self._file.value.rules and not self._file.value.parents:
            self._error((), "the file has neither rules nor parents", "add some, or remove the file")
        return self._sound(self._rule, enumerate(self._file.value.rules))

    def parents(self) -> list[ParentRule]:
        """The parent rules that are sound."""
        return self._sound(self._parent, enumerate(self._file.value.parents))

    def _sound(self, read: Callable[[int, Any], T | None], nodes: Iterable[tuple[int, Any]]) -> list[T]:
        found = []
        for i, node in nodes:
            before = len(self.errors)
            value = read(i, node)
            if value is not None and len(self.errors) == before:
                found.append(value)
        return found

    def _known_classes(self) -> tuple[str, ...]:
        node = self._file.value
        if node.rules and bool(node.classes) == bool(node.risk_class):
            self._error(("rules",), "the file must say either class or classes", "e.g. class: waterlogging")
        known = [c.slug for c in self._catalogue.classes]
        if node.risk_class is not None:
            self._known(("class",), "class", node.risk_class, known)
        for i, name in enumerate(node.classes or []):
            self._known(("classes", i), "class", name, known)
        named = node.classes or [node.risk_class or ""]
        return tuple(name for name in named if name in known)

    def _rule(self, i: int, node: RuleNode) -> Rule | None:
        at: Place = ("rules", i)
        self._word((*at, "id"), node.id)
        self._word((*at, "cause"), node.cause or node.id)
        self._texts(at, node.title, node.source)
        types = [t.slug for t in self._catalogue.device_types]
        for k, slug in enumerate(node.device_types or []):
            self._known((*at, "device_types", k), "device type", slug, types)
        if node.device_types == []:
            self._error((*at, "device_types"), "device_types is empty", "remove it for all types of the class")
        shared = self._shared(at, node)
        if node.absence is not None:
            return self._absence_rule(at, node.absence, shared)
        return self._level_rule(at, node, shared)

    def _shared(self, at: Place, node: RuleNode) -> dict[str, Any]:
        nature = Nature(node.nature)
        return {
            "id": node.id,
            "title": node.title,
            "source": node.source,
            "nature": nature,
            "classes": self._classes,
            "device_types": tuple(node.device_types) if node.device_types is not None else None,
            "clear_ms": self._duration((*at, "clear", "for"), node.clear.duration),
            "group": node.group or ("area" if nature is Nature.HAZARD else "device"),
            "cause": node.cause or node.id,
        }

    def _absence_rule(self, at: Place, absence: AbsenceNode, shared: dict[str, Any]) -> AbsenceRule:
        for key in sorted({*_NOT_OF_ABSENCE} & {*self._file.keys(at)}):
            self._error((*at, key), f"an absence rule has no {key} of its own", "levels go under absence")
        self._no_margin(at)
        of = None if absence.of == "any" else tuple(absence.of)
        if of == ():
            self._error((*at, "absence", "of"), "of names no indicator", "of: any, or a list such as [beat]")
        for k, name in enumerate(of or ()):
            self._sign_of_life((*at, "absence", "of", k), name)
        after, intervals = self._silences((*at, "absence", "levels"), absence)
        return AbsenceRule(**shared, of=of, after_ms=_marks(after), intervals=_marks(intervals))

    def _silences(self, at: Place, absence: AbsenceNode) -> tuple[list[float | None], list[float | None]]:
        """After-times, ms, and intervals of the four levels."""
        after: list[float | None] = [None] * len(COLOURS)
        intervals: list[float | None] = [None] * len(COLOURS)
        for i, colour in enumerate(COLOURS):
            mark = absence.levels.get(colour)
            if mark is not None and str(mark).rstrip("s").endswith("interval"):
                intervals[i] = self._try((*at, colour), parse_intervals, mark, "as in 3 intervals")
                after[i] = LEAST_SILENCE_MS
            elif mark is not None:
                after[i] = self._duration((*at, colour), mark)
        steps = [(ms, many or 0.0) for ms, many in zip(after, intervals, strict=True) if ms is not None]
        self._rising(at, steps, "later")
        return after, intervals

    def _sign_of_life(self, at: Place, name: str) -> None:
        for risk_class in self._classes:
            indicator = self._indicator(risk_class, name)
            if indicator is None or not indicator.sign_of_life:
                signs = [i.id for i in self._indicators(risk_class) if i.sign_of_life]
                self._error(at, f"{name!r} is no sign of life in {risk_class}", nearest(name, signs))
                return

    def _level_rule(self, at: Place, node: RuleNode, shared: dict[str, Any]) -> LevelRule | None:
        if node.indicator is None or node.levels is None or node.evidence is None:
            missing = [k for k in ("indicator", "levels", "evidence") if getattr(node, k) is None]
            self._error(at, f"rule {node.id} has no {' and no '.join(missing)}", "add it, or make it an absence rule")
            return None
        hold_ms = self._holds((*at, "hold"), node)
        max_gap_ms = self._duration((*at, "evidence", "max_gap"), node.evidence.max_gap)
        if not 1 <= node.evidence.min_samples <= MOST_SAMPLES:
            message = f"min_samples must be 1 to {MOST_SAMPLES}"
            self._error((*at, "evidence", "min_samples"), message, "how many readings in a row must agree")
        judged = self._judged((*at, "indicator"), node.indicator)
        if not judged:
            return None
        marks = self._thresholds((*at, "levels"), node, judged)
        return LevelRule(
            **shared,
            indicator=node.indicator,
            low=node.direction == "low",
            threshold=_marks(marks),
            hold_ms=hold_ms,
            min_samples=node.evidence.min_samples,
            max_gap_ms=max_gap_ms,
            margin=self._margin((*at, "clear"), node, judged, marks),
            quarantine=node.step == "quarantine",
        )

    def _judged(self, at: Place, name: str) -> list[Indicator]:
        """What each class of the file means by a name; none where one does not have it, or they differ in unit."""
        found = []
        for risk_class in self._classes:
            indicator = self._indicator(risk_class, name)
            if indicator is None:
                known = [i.id for i in self._indicators(risk_class)]
                self._error(at, f"class {risk_class} has no indicator {name!r}", nearest(name, known))
                return []
            found.append(indicator)
        units = dict.fromkeys(indicator.unit for indicator in found)
        if len(units) > 1:
            self._error(at, f"{name} is in different units: {', '.join(units)}", "write a rule for each class")
            return []
        return found

    def _thresholds(self, at: Place, node: RuleNode, judged: list[Indicator]) -> list[float | None]:
        """Thresholds of the four levels. Each must be a value that the indicator can take, and need not."""
        unit, low, levels = judged[0].unit, node.direction == "low", node.levels or {}
        marks = [self._quantity((*at, colour), levels.get(colour), unit) for colour in COLOURS]
        self._rising(at, [((-m if low else m), 0.0) for m in marks if m is not None], "further out")
        for colour, mark in zip(COLOURS, marks, strict=True):
            for indicator in judged if mark is not None else []:
                if not _can_be(indicator, mark or 0.0, low):
                    bounds = f"{indicator.valid_min:g} to {indicator.valid_max:g} {unit}"
                    message = f"{mark:g} {unit} says nothing: {indicator.id} of {indicator.risk_class} is {bounds}"
                    self._error((*at, colour), message, "look at the number and its unit")
                    break
        return marks

    def _margin(self, at: Place, node: RuleNode, judged: list[Indicator], marks: list[float | None]) -> float:
        """How far past its threshold a level clears. The lowest must leave room for a value that does."""
        unit, low = judged[0].unit, node.direction == "low"
        if "margin" not in self._file.keys(at) and not all(_is_truth(i) for i in judged):
            said = "" if unit == "1" else f" {unit}"
            self._error(at, "clear has no margin", f"how far past the threshold, e.g. margin: 1{said}")
        margin = self._quantity((*at, "margin"), node.clear.margin, unit, bare_zero=True) or 0.0
        if margin < 0:
            self._error((*at, "margin"), "the margin is negative", "it counts away from the threshold: 3 cm, not -3 cm")
        first = next((mark for mark in marks if mark is not None), None)
        for indicator in judged if first is not None and margin > 0 else []:
            past = (first or 0.0) + (margin if low else -margin)
            if _can_be(indicator, first or 0.0, low) and not indicator.valid_min < past < indicator.valid_max:
                message = f"no {indicator.id} is {margin:g} {unit} past {first:g} {unit}, so it never clears"
                self._error((*at, "margin"), message, "lessen it")
                break
        return margin

    def _holds(self, at: Place, node: RuleNode) -> tuple[int, int, int, int]:
        if not isinstance(node.hold, dict):
            return (self._duration(at, node.hold),) * 4
        for slug in node.hold:
            if slug not in (node.levels or {}):
                self._error((*at, slug), f"hold names {slug}, which has no threshold", "add it to levels, or remove it")
        holds = [self._duration((*at, slug), node.hold.get(slug, "0s")) for slug in COLOURS]
        return (holds[0], holds[1], holds[2], holds[3])

    def _parent(self, i: int, node: ParentNode) -> ParentRule:
        at: Place = ("parents", i)
        self._texts(at, node.title, node.source)
        self._no_margin(at)
        if node.at_least < 2:
            self._error((*at, "at_least"), "one silent device says nothing of its parent", "at_least: 2 or more")
        if node.points is not None and node.points < node.at_least:
            self._error((*at, "points"), "points below at_least make at_least void", f"{node.at_least} or more")
        return ParentRule(
            kind=ParentKind(node.kind),
            title=node.title,
            source=node.source,
            level=Level.of(node.level),
            silent=self._try((*at, "silent"), parse_share, node.silent, "as in 80%") or 1.0,
            at_least=node.at_least,
            points=node.points,
            clear_ms=self._duration((*at, "clear", "for"), node.clear.duration),
        )

    def _no_margin(self, at: Place) -> None:
        if "margin" in self._file.keys((*at, "clear")):
            self._error((*at, "clear", "margin"), "silence has no margin", "remove it")

    def _rising(self, at: Place, marks: list[tuple[float, float]], word: str) -> None:
        if not marks:
            self._error(at, "no level has a mark", "e.g. levels: {yellow: 15 cm}")
        if any(later <= earlier for earlier, later in pairwise(marks)):
            self._error(at, f"each further colour must be {word}", "blue, yellow, orange, red in that order")

    def _indicators(self, risk_class: str) -> list[Indicator]:
        """What a class has: its own indicators before the common ones."""
        own = [i for i in self._catalogue.indicators if i.risk_class == risk_class]
        return own + [i for i in self._catalogue.indicators if i.risk_class == COMMON]

    def _indicator(self, risk_class: str, name: str) -> Indicator | None:
        """What a class means by a name: its own indicator, else the common one."""
        return next((i for i in self._indicators(risk_class) if i.id == name), None)

    def _known(self, at: Place, what: str, name: str, known: list[str]) -> None:
        if name not in known:
            self._error(at, f"{what} {name!r} is not in the catalogue", nearest(name, known))

    def _word(self, at: Place, word: str) -> None:
        if not _WORD.fullmatch(word):
            remedy = "small letters, digits and hyphens, at most 64 of them"
            self._error(at, f"{word!r:.80} is no word for machines", remedy)

    def _texts(self, at: Place, title: str, source: str) -> None:
        if not 1 <= len(title.strip()) <= LONGEST_TITLE:
            message = f"a title has 1 to {LONGEST_TITLE} letters"
            self._error((*at, "title"), message, "say it shorter; more goes to source")
        if not source.strip():
            self._error((*at, "source"), "source is empty", "where the numbers come from, e.g. operator default")

    def _duration(self, at: Place, text: Scalar) -> int:
        return self._try(at, parse_duration_ms, text, _DURATION_REMEDY) or 0

    def _quantity(self, at: Place, text: Scalar | None, unit: str, bare_zero: bool = False) -> float | None:
        if text is None or (bare_zero and text == 0):
            return None
        return self._try(at, lambda t: parse_quantity(t, unit), text, f"e.g. 15 {unit}" if unit != "1" else "e.g. 15")

    def _try(self, at: Place, parse: Callable[[Scalar], T], text: Scalar, remedy: str) -> T | None:
        try:
            return parse(text)
        except ValueError as error:
            self._error(at, str(error), remedy)
            return None

    def _error(self, at: Place, message: str, remedy: str) -> None:
        self.errors.append(self._file.error(at, message, remedy))


def _can_be(indicator: Indicator, mark: float, low: bool) -> bool:
    """Whether some valid values reach a threshold and some do not."""
    if low:
        return indicator.valid_min <= mark < indicator.valid_max
    return indicator.valid_min < mark <= indicator.valid_max


def _is_truth(indicator: Indicator) -> bool:
    return indicator.unit == "1" and (indicator.valid_min, indicator.valid_max) == (0, 1)


def _marks(values: list[float | None]) -> Marks:
    return (values[0], values[1], values[2], values[3])
