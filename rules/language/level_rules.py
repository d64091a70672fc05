"""Rules that judge an indicator, or conditions: words to meaning."""

from collections.abc import Mapping
from typing import Any

from city.levels import LEVELS, Level
from city.misfits import Place, nearest
from rules.language.expressions import Highest, Mark
from rules.language.operators import Known
from rules.language.pack import DEVICE, Cap, Confirmation, Derivation, LevelRule, Marks, Override, Promotion
from rules.language.schema import COLOURS, Colour, ConfirmNode, OverrideNode, RuleNode, Scalar
from rules.language.sheet import Sheet

MOST_SAMPLES = 255
MOST_ACTION = 60
CONDITION = Known("1", False, 0.0, 4.0)
"""What the conditions of a rule come to: the highest level whose condition is true."""
_NOT_OF_CONDITIONS = ("indicator", "levels", "direction", "step", "overrides")


def condition_name(rule_id: str) -> str:
    """Name of the indicator that a rule's conditions come to."""
    return f":{rule_id}"


def read_level_rule(sheet: Sheet, at: Place, node: RuleNode, shared: dict[str, Any]) -> LevelRule | None:
    """A rule with levels, or with conditions. None, and errors in the sheet, when it is not sound."""
    missing = [k for k in ("indicator", "levels") if getattr(node, k) is None] if node.conditions is None else []
    missing += ["evidence"] if node.evidence is None else []
    if missing or node.evidence is None:
        remedy = "add it, or make it a rule with conditions or an absence rule"
        sheet.error(at, f"rule {node.id} has no {' and no '.join(missing)}", remedy)
        return None
    if not 1 <= node.evidence.min_samples <= MOST_SAMPLES:
        message = f"min_samples must be 1 to {MOST_SAMPLES}"
        sheet.error((*at, "evidence", "min_samples"), message, "how many readings in a row must agree")
    hold_ms = _holds(sheet, (*at, "hold"), node)
    max_gap_ms = sheet.duration((*at, "evidence", "max_gap"), node.evidence.max_gap)
    judged = _judged(sheet, at, node)
    if not judged:
        return None
    threshold, mark = _marks(sheet, at, node, judged)
    return LevelRule(
        **shared,
        per=node.per,
        indicator=node.indicator if node.conditions is None else condition_name(node.id),  # type: ignore[arg-type]
        low=node.direction == "low",
        threshold=threshold,
        mark=mark,
        hold_ms=hold_ms,
        min_samples=node.evidence.min_samples,
        max_gap_ms=max_gap_ms,
        margin=_margin(sheet, (*at, "clear"), node, judged, threshold),
        quarantine=node.step == "quarantine" and node.conditions is None,
        when=None if node.when is None else sheet.truth((*at, "when"), node.when, node.per),
        promotions=_promotions(sheet, at, node),
        caps=_caps(sheet, at, node),
        confirmation=None if node.confirm is None else _confirmation(sheet, (*at, "confirm"), node, node.confirm),
        overrides=tuple(_override(sheet, (*at, "overrides", i), node, o, judged) for i, o in enumerate(node.overrides)),
        actions=_actions(sheet, (*at, "actions"), node),
        texts=_texts(node),
        when_text=node.when or "",
    )


def read_conditions(sheet: Sheet, i: int, node: RuleNode) -> Derivation | None:
    """What a rule's conditions come to, as an indicator that the rule judges. None when the rule has none."""
    at: Place = ("rules", i)
    if node.conditions is None:
        return None
    for key in sorted({*_NOT_OF_CONDITIONS} & {*sheet.file.keys(at)}):
        sheet.error((*at, key), f"a rule with conditions has no {key}", "each level has its condition")
    if not node.conditions:
        sheet.error((*at, "conditions"), "no level has a condition", "e.g. conditions: {orange: queue_len >= 10}")
    read = [
        (Level.of(colour), sheet.truth((*at, "conditions", colour), node.conditions[colour], node.per))
        for colour in COLOURS
        if colour in node.conditions
    ]
    types = None if node.device_types is None else tuple(node.device_types)
    known = tuple((level, condition) for level, condition in read if condition is not None)
    return Derivation(condition_name(node.id), "1", Highest(known), sheet.classes, types, node.per)


def read_derivation(sheet: Sheet, i: int) -> Derivation | None:
    """An indicator that the file derives."""
    node, at = sheet.file.value.derive[i], ("derive", i)
    known = [sheet.vocabulary.known(c, node.per, node.indicator) for c in sheet.classes]
    named = {indicator.id for indicator in sheet.catalogue.indicators if indicator.risk_class in sheet.classes}
    sheet.word((*at, "indicator"), node.indicator.replace("_", "-"))
    if node.indicator in named and node.unit is not None:
        sheet.error((*at, "unit"), f"{node.indicator} has its unit in the catalogue", "remove unit")
    if node.indicator not in named and node.unit is None:
        remedy = "unit: cm, or 1 for counts; or the name of an indicator of the catalogue"
        sheet.error((*at, "indicator"), f"{node.indicator} is not in the catalogue and has no unit", remedy)
    if not known or known[0] is None:
        return None
    types = sheet.types(at, node.device_types)
    try:
        value = sheet.number((*at, "value"), node.value, node.per, known[0].unit)
    except ValueError as error:
        sheet.error((*at, "unit"), str(error), "e.g. cm, mm/d, 1")
        return None
    if value is None:
        return None
    return Derivation(node.indicator, known[0].unit, value, sheet.classes, types, node.per, node.value)


def _judged(sheet: Sheet, at: Place, node: RuleNode) -> list[tuple[str, Known]]:
    """What each class of the file means by the indicator; none where one does not have it, or they differ in unit."""
    if node.conditions is not None:
        return [(condition_name(node.id), CONDITION)]
    name, found = node.indicator or "", []
    for risk_class in sheet.classes:
        known = sheet.vocabulary.known(risk_class, node.per, name)
        if known is None:
            names = sheet.vocabulary.names((risk_class,), node.per).own
            whose = f"class {risk_class}" if node.per == DEVICE else f"a {node.per} of class {risk_class}"
            sheet.error((*at, "indicator"), f"{whose} has no indicator {name!r}", nearest(name, names))
            return []
        found.append((f"{name} of {risk_class}", known))
    units = dict.fromkeys(known.unit for _, known in found)
    if len(units) > 1:
        message = f"{name} is in different units: {', '.join(units)}"
        sheet.error((*at, "indicator"), message, "write a rule for each class")
        return []
    return found


def _marks(
    sheet: Sheet, at: Place, node: RuleNode, judged: list[tuple[str, Known]]
) -> tuple[Marks, tuple[str, str, str, str]]:
    """Thresholds of the four levels, and the names of the sites' own marks that go before them."""
    if node.conditions is not None:
        found: list[float | None] = [float(i + 1) if c in node.conditions else None for i, c in enumerate(COLOURS)]
        return (found[0], found[1], found[2], found[3]), ("", "", "", "")
    found, names = [], []
    for colour in COLOURS:
        mark, name = _threshold(sheet, (*at, "levels", colour), (node.levels or {}).get(colour), node, judged)
        found.append(mark)
        names.append(name)
    low = node.direction == "low"
    sheet.rising((*at, "levels"), [((-m if low else m), 0.0) for m in found if m is not None], "further out")
    return (found[0], found[1], found[2], found[3]), (names[0], names[1], names[2], names[3])


def _threshold(
    sheet: Sheet, at: Place, text: Scalar | None, node: RuleNode, judged: list[tuple[str, Known]]
) -> tuple[float | None, str]:
    """A threshold and the name of the site's mark before it. It must be a value that the indicator can take."""
    unit, name = judged[0][1].unit, ""
    if isinstance(text, str) and text.lstrip().startswith("site"):
        meant = sheet.number(at, text, node.per, unit)
        if meant is not None and not (isinstance(meant, Mark) and meant.default is not None):
            sheet.error(at, "a site's mark needs a default here", "as in site(water_depth, 15 cm)")
        value = meant.default if isinstance(meant, Mark) else None
        name = meant.name if isinstance(meant, Mark) else ""
    else:
        value = sheet.quantity(at, text, unit)
    for whose, known in judged if value is not None else []:
        if not can_be(known, value or 0.0, node.direction == "low"):
            bounds = f"{known.valid_min:g} to {known.valid_max:g} {unit}"
            sheet.error(at, f"{value:g} {unit} says nothing: {whose} is {bounds}", "look at the number and its unit")
            break
    return value, name


def _margin(sheet: Sheet, at: Place, node: RuleNode, judged: list[tuple[str, Known]], marks: Marks) -> float:
    """How far past its threshold a level clears. The lowest must leave room for a value that does."""
    unit, low = judged[0][1].unit, node.direction == "low"
    stepped = node.conditions is not None or all(known.truth for _, known in judged)
    if "margin" not in sheet.file.keys(at) and not stepped:
        said = "" if unit == "1" else f" {unit}"
        sheet.error(at, "clear has no margin", f"how far past the threshold, e.g. margin: 1{said}")
    if node.conditions is not None:
        return 0.0
    margin = sheet.quantity((*at, "margin"), node.clear.margin, unit, bare_zero=True) or 0.0
    if margin < 0:
        remedy = "it counts away from the threshold: 3 cm, not -3 cm"
        sheet.error((*at, "margin"), "the margin is negative", remedy)
    first = next((mark for mark in marks if mark is not None), None)
    for whose, known in judged if first is not None and margin > 0 else []:
        past = (first or 0.0) + (margin if low else -margin)
        if can_be(known, first or 0.0, low) and not known.valid_min < past < known.valid_max:
            message = f"no {whose} is {margin:g} {unit} past {first:g} {unit}, so it never clears"
            sheet.error((*at, "margin"), message, "lessen it")
            break
    return margin


def can_be(known: Known, mark: float, low: bool) -> bool:
    """Whether some valid values reach a threshold and some do not."""
    if low:
        return known.valid_min <= mark < known.valid_max
    return known.valid_min < mark <= known.valid_max


def _holds(sheet: Sheet, at: Place, node: RuleNode) -> tuple[int, int, int, int]:
    if not isinstance(node.hold, dict):
        return (sheet.duration(at, node.hold),) * 4
    for slug in node.hold:
        if slug not in (node.levels or node.conditions or {}):
            sheet.error((*at, slug), f"hold names {slug}, which has no threshold", "add it to levels, or remove it")
    holds = [sheet.duration((*at, slug), node.hold.get(slug, "0s")) for slug in COLOURS]
    return (holds[0], holds[1], holds[2], holds[3])


def _promotions(sheet: Sheet, at: Place, node: RuleNode) -> tuple[Promotion, ...]:
    read: list[Promotion] = []
    for i, promote in enumerate(node.promote):
        here = (*at, "promote", i)
        when = sheet.truth((*here, "when"), promote.when, node.per)
        if (promote.by is None) == (promote.to is None) or not 1 <= (promote.by or 1) <= 3:
            sheet.error(here, "a promotion goes up by 1 to 3 levels, or to one", "by: 1, or to: orange")
        to = Level.NONE if promote.to is None else _existing(sheet, (*here, "to"), promote.to, node)
        if when is not None:
            read.append(Promotion(when, promote.by or 0, to, promote.when))
    return tuple(read)


def _caps(sheet: Sheet, at: Place, node: RuleNode) -> tuple[Cap, ...]:
    read = [
        (sheet.truth((*at, "cap", i, "when"), cap.when, node.per), Level.of(cap.level), cap.when)
        for i, cap in enumerate(node.cap)
    ]
    return tuple(Cap(when, level, text) for when, level, text in read if when is not None)


def _confirmation(sheet: Sheet, at: Place, node: RuleNode, confirm: ConfirmNode) -> Confirmation:
    if (confirm.any is None) == (confirm.all is None) or not (confirm.any or confirm.all):
        sheet.error(at, "a confirmation names its witnesses", "any: or all:, with a list of expressions")
    which = "any" if confirm.any is not None else "all"
    texts = confirm.any or confirm.all or []
    witnesses = [sheet.truth((*at, which, i), text, node.per) for i, text in enumerate(texts)]
    otherwise, here = confirm.otherwise, (*at, "otherwise")
    if otherwise.then is not None and otherwise.duration is None:
        sheet.error((*here, "then"), "then is what comes after for", "add for: 10m")
    cap, then = Level.of(otherwise.cap), Level.of(otherwise.then) if otherwise.then else Level.RED
    if then <= cap and otherwise.duration is not None:
        sheet.error((*here, "then"), "then is no higher than cap", "leave it out, or name a higher level")
    return Confirmation(
        witnesses=tuple(w for w in witnesses if w is not None),
        all_=which == "all",
        cap=cap,
        for_ms=None if otherwise.duration is None else sheet.duration((*here, "for"), otherwise.duration),
        then=then,
        texts=tuple(texts),
    )


def _override(
    sheet: Sheet, at: Place, node: RuleNode, override: OverrideNode, judged: list[tuple[str, Known]]
) -> Override:
    """Other thresholds for some sites. That they keep the order of the colours is checked with those that stand."""
    if not override.sites and not override.areas:
        sheet.error(at, "the override is for no site", "sites: or areas:, with their ids")
    sheet.source((*at, "source"), override.source)
    marks: list[float | None] = []
    for colour in COLOURS:
        text = override.levels.get(colour)
        if text is not None and colour not in (node.levels or {}):
            sheet.error((*at, "levels", colour), f"the rule has no {colour} to override", "add it to its levels first")
        marks.append(_threshold(sheet, (*at, "levels", colour), text, node, judged)[0])
    own = [sheet.quantity(at, t, judged[0][1].unit) if _plain(t) else None for t in _levels(node)]
    standing = [mark if mark is not None else base for mark, base in zip(marks, own, strict=True)]
    sign = -1 if node.direction == "low" else 1
    sheet.rising((*at, "levels"), [(sign * m, 0.0) for m in standing if m is not None], "further out")
    return Override(
        tuple(override.sites), tuple(override.areas), (marks[0], marks[1], marks[2], marks[3]), override.source
    )


def _texts(node: RuleNode) -> tuple[str, str, str, str]:
    """Threshold or condition of each level, as written."""
    written: Mapping[Colour, Scalar] = node.levels or node.conditions or {}
    blue, yellow, orange, red = (str(written.get(colour, "")) for colour in COLOURS)
    return blue, yellow, orange, red


def _levels(node: RuleNode) -> list[Scalar | None]:
    return [(node.levels or {}).get(colour) for colour in COLOURS]


def _plain(text: Scalar | None) -> bool:
    return text is not None and not str(text).lstrip().startswith("site")


def _actions(sheet: Sheet, at: Place, node: RuleNode) -> tuple[tuple[Level, tuple[str, ...]], ...]:
    for colour, actions in node.actions.items():
        _existing(sheet, (*at, colour), colour, node)
        for i, action in enumerate(actions):
            if not 1 <= len(action.strip()) <= MOST_ACTION:
                sheet.error((*at, colour, i), f"an action has 1 to {MOST_ACTION} letters", "e.g. 封闭道路")
    return tuple((level, tuple(node.actions[level.slug])) for level in LEVELS if level.slug in node.actions)


def _existing(sheet: Sheet, at: Place, colour: str, node: RuleNode) -> Level:
    if colour not in (node.levels or node.conditions or {}):
        sheet.error(at, f"the rule has no {colour}", "name a level that it has")
    return Level.of(colour)
