"""Rules that judge silence, and how the failure of a parent shows in it: words to meaning."""

from typing import Any

from city.levels import Level
from city.misfits import Place, nearest
from city.registry import ParentKind
from rules.language.pack import AbsenceRule, Marks, ParentRule
from rules.language.quantities import parse_intervals, parse_share
from rules.language.schema import COLOURS, AbsenceNode, ParentNode
from rules.language.sheet import Sheet

LEAST_SILENCE_MS = 180_000  # device_health_common of the domain: max(3 x interval, 180 s)
_NOT_OF_ABSENCE = (
    *("indicator", "levels", "conditions", "evidence", "hold", "direction", "step", "per", "when"),
    *("promote", "cap", "confirm", "overrides", "actions"),
)


def read_absence_rule(sheet: Sheet, at: Place, absence: AbsenceNode, shared: dict[str, Any]) -> AbsenceRule:
    """A rule with `absence`."""
    for key in sorted({*_NOT_OF_ABSENCE} & {*sheet.file.keys(at)}):
        sheet.error((*at, key), f"an absence rule has no {key} of its own", "levels go under absence")
    _no_margin(sheet, at)
    of = None if absence.of == "any" else tuple(absence.of)
    if of == ():
        sheet.error((*at, "absence", "of"), "of names no indicator", "of: any, or a list such as [beat]")
    for k, name in enumerate(of or ()):
        _sign_of_life(sheet, (*at, "absence", "of", k), name)
    after, intervals = _silences(sheet, (*at, "absence", "levels"), absence)
    return AbsenceRule(**shared, of=of, after_ms=_marks(after), intervals=_marks(intervals))


def read_parent_rule(sheet: Sheet, i: int, node: ParentNode) -> ParentRule:
    """How the failure of one kind of parent shows."""
    at: Place = ("parents", i)
    sheet.texts(at, node.title, node.source)
    _no_margin(sheet, at)
    if node.at_least < 2:
        sheet.error((*at, "at_least"), "one silent device says nothing of its parent", "at_least: 2 or more")
    if node.points is not None and node.points < node.at_least:
        sheet.error((*at, "points"), "points below at_least make at_least void", f"{node.at_least} or more")
    return ParentRule(
        kind=ParentKind(node.kind),
        title=node.title,
        source=node.source,
        level=Level.of(node.level),
        silent=sheet.attempt((*at, "silent"), parse_share, node.silent, "as in 80%") or 1.0,
        at_least=node.at_least,
        points=node.points,
        clear_ms=sheet.duration((*at, "clear", "for"), node.clear.duration),
    )


def _silences(sheet: Sheet, at: Place, absence: AbsenceNode) -> tuple[list[float | None], list[float | None]]:
    """After-times, ms, and intervals of the four levels."""
    after: list[float | None] = [None] * len(COLOURS)
    intervals: list[float | None] = [None] * len(COLOURS)
    for i, colour in enumerate(COLOURS):
        mark = absence.levels.get(colour)
        if mark is not None and str(mark).rstrip("s").endswith("interval"):
            intervals[i] = sheet.attempt((*at, colour), parse_intervals, mark, "as in 3 intervals")
            after[i] = LEAST_SILENCE_MS
        elif mark is not None:
            after[i] = sheet.duration((*at, colour), mark)
    steps = [(ms, many or 0.0) for ms, many in zip(after, intervals, strict=True) if ms is not None]
    sheet.rising(at, steps, "later")
    return after, intervals


def _sign_of_life(sheet: Sheet, at: Place, name: str) -> None:
    for risk_class in sheet.classes:
        named = {i.id: i for i in sheet.catalogue.of_class(risk_class)}
        if name not in named or not named[name].sign_of_life:
            signs = [id_ for id_, indicator in named.items() if indicator.sign_of_life]
            sheet.error(at, f"{name!r} is no sign of life in {risk_class}", nearest(name, signs))
            return


def _no_margin(sheet: Sheet, at: Place) -> None:
    if "margin" in sheet.file.keys((*at, "clear")):
        sheet.error((*at, "clear", "margin"), "silence has no margin", "remove it")


def _marks(values: list[float | None]) -> Marks:
    return (values[0], values[1], values[2], values[3])
