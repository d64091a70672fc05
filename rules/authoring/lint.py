"""What is odd about a pack that loads: rules that see nothing, never fire, always do, or flap. docs/rules-tools.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from city.city import City
from city.levels import LEVELS, Level
from rules.authoring.bounds import always, never
from rules.authoring.places import Spot, spots
from rules.engine.subjects import PLACE_INTERVAL_MS
from rules.engine.thresholds import in_order, marks_at
from rules.language.expressions import Gathered, Highest, Node, Window, own_indicators
from rules.language.level_rules import condition_name
from rules.language.pack import DEVICE, Derivation, LevelRule, Pack, Rule
from rules.language.quantities import duration_text

REMEDIES = {
    "no-device": "look at device_types, and at what the types measure",
    "no-source": "name the standard, or say who set the numbers",
    "no-hysteresis": "give clear a margin, and a time in for, e.g. 5m",
    "gap-too-short": "an evidence.max_gap of two or three intervals",
    "never": "look at the numbers and their units",
    "always": "look at the number and its unit",
    "shadowed": "leave one of them out, or tell them apart",
    "hold-rises": "shorten the hold of the worse level",
    "window-too-short": "at least two intervals, better three",
    "marks-disorder": "mend the marks in the registry",
}
"""What to do, by the code of a remark."""


@dataclass(frozen=True)
class Remark:
    """Something that is allowed and hardly meant. code: what `# lint: allow CODE` in the rule silences."""

    code: str
    rule: str
    file: Path
    line: int
    column: int
    message: str
    remedy: str


@dataclass(frozen=True)
class _Odd:
    """A remark before its place is looked up: by the key of the rule under which it stands."""

    code: str
    key: str
    message: str


def lint(folder: Path, pack: Pack, city: City) -> list[Remark]:
    """All remarks on a pack, in the order of its files. A city without devices proves nothing of who is registered."""
    linter = _Linter(pack, city)
    where = spots(folder)
    remarks: list[Remark] = []
    for rule in (*pack.levels, *pack.absences):
        spot = where[rule.id]
        remarks += [_placed(odd, rule, spot) for odd in linter.of(rule) if odd.code not in spot.allowed]
    return sorted(remarks, key=lambda remark: (remark.file, remark.line, remark.column))


def _placed(odd: _Odd, rule: Rule, spot: Spot) -> Remark:
    line, column = spot.mark(odd.key) if odd.key in spot.file.keys(spot.place) else spot.mark()
    return Remark(odd.code, rule.id, spot.path, line, column, odd.message, REMEDIES[odd.code])


class _Linter:
    def __init__(self, pack: Pack, city: City) -> None:
        self._city, self._catalogue = city, city.catalogue
        self._derived = {(c, d.per, d.indicator): d for d in pack.derivations for c in d.classes}
        self._stands: dict[tuple[str, str], list[str]] = {}
        for device in city.devices.values():
            if device.in_service:
                kind = (city.area_of(device).risk_class, device.type)
                self._stands.setdefault(kind, []).append(device.site)

    def of(self, rule: Rule) -> Iterator[_Odd]:
        """What is odd about one rule."""
        if self._stands:
            yield from self._registered(rule)
        if not rule.source.strip():
            yield _Odd("no-source", "source", "nobody says where its numbers are from")
        if rule.clear_ms == 0:
            yield _Odd("no-hysteresis", "clear", "it clears at the first good reading")
        if isinstance(rule, LevelRule):
            for check in (self._margin, self._evidence, self._conditions, self._holds, self._windows, self._marks):
                yield from check(rule)

    def _registered(self, rule: Rule) -> Iterator[_Odd]:
        """A rule whose classes have devices, none of which it judges."""
        kinds = [kind for kind in self._stands if kind[0] in rule.classes]
        if kinds and not any(self._judges(rule, *kind) for kind in kinds):
            there = sum(len(self._stands[kind]) for kind in kinds)
            yield _Odd("no-device", "device_types", f"it judges none of the {there} devices of its classes")

    def _judges(self, rule: Rule, risk_class: str, device_type: str) -> bool:
        if not rule.speaks_of(risk_class, device_type):
            return False
        if isinstance(rule, LevelRule) and rule.per == DEVICE:
            return self._has(rule.indicator, risk_class, device_type)
        return True

    def _has(self, indicator: str, risk_class: str, device_type: str) -> bool:
        """Whether devices of a kind measure an indicator, or have all that it is derived from."""
        if indicator in {i.id for i in self._catalogue.reported(risk_class, device_type)}:
            return True
        derivation = self._derived.get((risk_class, DEVICE, indicator))
        if derivation is None or not derivation.speaks_of(risk_class, device_type):
            return False
        return all(self._has(name, risk_class, device_type) for name in own_indicators(derivation.value))

    def _margin(self, rule: LevelRule) -> Iterator[_Odd]:
        """A value that trembles about a threshold raises and clears in turn."""
        stepped = rule.indicator.startswith(":") or self._bounds(rule, rule.indicator) == (0.0, 1.0)
        if rule.margin == 0 and not stepped:
            yield _Odd("no-hysteresis", "clear", "it clears as soon as the value is past the threshold")

    def _evidence(self, rule: LevelRule) -> Iterator[_Odd]:
        """Readings that come too seldom for a hold, or a number of them, that needs several."""
        sample_ms = self._sample_ms(rule, rule.indicator)
        several = rule.min_samples > 1 or max(rule.hold_ms) > rule.max_gap_ms
        if several and sample_ms is not None and rule.max_gap_ms < sample_ms:
            gap, every = duration_text(rule.max_gap_ms), duration_text(sample_ms)
            yield _Odd("gap-too-short", "evidence", f"readings come every {every}, max_gap is {gap}: nothing holds")

    def _conditions(self, rule: LevelRule) -> Iterator[_Odd]:
        """Conditions that ask for too much or too little, and levels that say the same."""

        def known(indicator: str) -> tuple[float, float] | None:
            return self._bounds(rule, indicator)

        seen: dict[Node, Level] = {}
        for level, condition in self._of_conditions(rule):
            if (name := never(condition, known)) is not None:
                yield _Odd("never", "conditions", f"{level.slug} asks of {name} what it can never be")
            if (name := always(condition, known)) is not None:
                yield _Odd("always", "conditions", f"every {name} makes {level.slug} true")
            if condition in seen:
                message = f"{seen[condition].slug} and {level.slug} have one condition: the lower one is never seen"
                yield _Odd("shadowed", "conditions", message)
            seen[condition] = level
        if rule.when is not None and (name := never(rule.when, known)) is not None:
            yield _Odd("never", "when", f"when asks of {name} what it can never be")

    def _holds(self, rule: LevelRule) -> Iterator[_Odd]:
        """A level that must hold longer than a lower one, so that the worse is told the later."""
        holds = zip(LEVELS, rule.threshold, rule.hold_ms, strict=True)
        existing = [(level, hold_ms) for level, mark, hold_ms in holds if mark is not None]
        for (lower, first_ms), (worse, then_ms) in pairwise(existing):
            if then_ms > first_ms:
                yield _Odd("hold-rises", "hold", f"{worse.slug} must hold longer than {lower.slug}")

    def _windows(self, rule: LevelRule) -> Iterator[_Odd]:
        """Windows in which there is at most one reading."""
        for window in dict.fromkeys(self._windows_of(rule)):
            sample_ms = self._sample_ms(rule, window.indicator)
            if sample_ms is not None and window.length_ms < 2 * sample_ms:
                length, every = duration_text(window.length_ms), duration_text(sample_ms)
                message = f"{window.indicator} comes every {every}: a window of {length} holds one at most"
                yield _Odd("window-too-short", "conditions", message)

    def _marks(self, rule: LevelRule) -> Iterator[_Odd]:
        """Sites whose own marks would put the colours out of order, so that they are left out."""
        if rule.per != DEVICE or not any(rule.mark):
            return
        sites = {site for kind, sites in self._stands.items() if self._judges(rule, *kind) for site in sites}
        areas = {site: self._city.sites[site].area for site in sorted(sites)}
        wrong = [site for site, area in areas.items() if not in_order(rule, marks_at(rule, self._city, site, area))]
        if wrong:
            named = ", ".join(wrong[:3]) + (" …" if len(wrong) > 3 else "")
            yield _Odd("marks-disorder", "levels", f"marks of {named} put the colours out of order and are left out")

    def _of_conditions(self, rule: LevelRule) -> tuple[tuple[Level, Node], ...]:
        for derivation in self._behind(rule, condition_name(rule.id)):
            if isinstance(derivation.value, Highest):
                return derivation.value.conditions
        return ()

    def _windows_of(self, rule: LevelRule) -> Iterator[Window]:
        """Windows over the subject's own readings, in the rule and in what it judges."""
        for node in (*rule.conditions, *(d.value for d in self._behind(rule, rule.indicator))):
            yield from (part for part in _outside_gatherings(node) if isinstance(part, Window))

    def _behind(self, rule: LevelRule, indicator: str) -> Iterator[Derivation]:
        """What an indicator is derived from, in each class of the rule."""
        for risk_class in rule.classes:
            derivation = self._derived.get((risk_class, rule.per, indicator))
            if derivation is not None:
                yield derivation

    def _sample_ms(self, rule: LevelRule, indicator: str) -> int | None:
        """The shortest usual time between two readings of an indicator, over the types that the rule judges."""
        if rule.per != DEVICE:
            return PLACE_INTERVAL_MS
        found = [
            max(i.sample_s or 0, t.interval_s) * 1000
            for risk_class in rule.classes
            for t in self._catalogue.device_types
            if rule.speaks_of(risk_class, t.slug) and (not t.classes or risk_class in t.classes)
            for i in self._catalogue.reported(risk_class, t.slug)
            if i.id == indicator
        ]
        return min(found, default=None)

    def _bounds(self, rule: LevelRule, indicator: str) -> tuple[float, float] | None:
        for risk_class in rule.classes:
            for known in self._catalogue.of_class(risk_class):
                if known.id == indicator:
                    return known.valid_min, known.valid_max
        return None


def _outside_gatherings(node: Node) -> Iterator[Node]:
    yield node
    for child in () if isinstance(node, Gathered) else node.children():
        yield from _outside_gatherings(child)
