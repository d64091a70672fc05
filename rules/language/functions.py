"""The functions of expressions: windows, places, times. docs/rules.md, clause 9, has the table of them."""

from collections.abc import Mapping
from typing import Any

from lark import Token, Tree

from city.misfits import nearest
from rules.language.expressions import (
    Absolute,
    Age,
    Both,
    Compared,
    Gathered,
    Hours,
    How,
    Lasting,
    LevelOf,
    Mark,
    Node,
    Number,
    Online,
    Over,
    Place,
    Reading,
    Season,
    Usual,
    Weekdays,
    Window,
)
from rules.language.operators import ONE, Function, Kind, Known, Meant, Reader, misfit, scaled, wrong
from rules.language.quantities import parse_duration_ms
from rules.language.units import Unit, unit_of

SECOND, METRE = unit_of("s"), unit_of("m")
SHORTEST_WINDOW_MS, LONGEST_WINDOW_MS = 60_000, 31 * 86_400_000
FARTHEST_M = 20_000
DAY_MS = 86_400_000
MOST_DAYS, SHORTEST_SLOT_MS = 31, 600_000
LEAST_OF_STUCK = 3
"""Readings that must agree before a value counts as stuck."""
LEAST_COVERED = 0.75
"""Share of a window that they must cover."""
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OVER = {over.value: over for over in Over if over is not Over.CHANGES} | {"flaps": Over.CHANGES}
_COUNTING = (How.ANY, How.ALL, How.COUNT, How.SHARE)


def _over_or_around(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    """max, min, mean, sum and count are of a window, or of a place."""
    around = bool(arguments) and arguments[0].data == "gathered"
    return _gathered(reader, tree, arguments) if around else _window(reader, tree, arguments)


def _window(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    name = str(tree.children[0])
    indicator, length = _arguments(tree, arguments, f"{name}(water_depth, 10m)", 2)
    id_, known = _indicator(reader, indicator)
    length_ms = _duration_ms(length, SHORTEST_WINDOW_MS, LONGEST_WINDOW_MS)
    over, unit = _OVER[name], unit_of(known.unit)
    if over in (Over.RATE, Over.SLOPE):
        unit = unit.times(SECOND, -1)
    elif over in (Over.COUNT, Over.CHANGES, Over.SPIKES):
        unit = ONE
    elif over is Over.COVERED:
        unit = SECOND
    return Meant(Window(over, id_, length_ms), Kind.NUMBER, unit)


def _gathered(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    name = str(tree.children[0])
    (argument,) = _arguments(tree, arguments, f"{name}(water_depth within 500m)", 1)
    if argument.data != "gathered" or name not in {how.value for how in How}:
        remedy = f"as in {name}(water_depth within 500m)" if name in {h.value for h in How} else "max, min, any, ..."
        raise wrong(argument, f"{name} does not go with what stands here", remedy)
    how = How(name)
    member, test, unit, kind = _member(reader, argument.children[0])
    place, radius_m = _place(reader, argument.children[1])
    types = _types(reader, argument.children[2]) if len(argument.children) > 2 else ()
    truth = how in (How.ANY, How.ALL, How.COUNT, How.SHARE)
    if truth and kind is not Kind.TRUTH:
        raise wrong(argument, f"{name} counts what is true", f"compare, as in {name}(water_depth >= 5 cm ...)")
    if not truth and kind is Kind.TRUTH:
        raise wrong(argument, f"{name} needs numbers", "or say any, all, count or share")
    kinds = {How.ANY: Kind.TRUTH, How.ALL: Kind.TRUTH, How.COUNT: Kind.NUMBER, How.SHARE: Kind.NUMBER}
    node = Gathered(how, member, place, radius_m, test, types)
    return Meant(node, kinds.get(how, kind), ONE if truth else unit)


def _member(reader: Reader, tree: Any) -> tuple[Node, tuple[str, float] | None, Unit, Kind]:
    """What is asked of each member: an indicator, a level or whether it is online; or its comparison."""
    if tree.data == "compared":
        left, op, right = tree.children
        member, test, unit, kind = _member(reader, left)
        constant = reader.value(right)
        if test is not None or not isinstance(constant.node, Number):
            raise wrong(right, "a member can only be compared with a constant", "as in water_depth >= 5 cm")
        if kind is Kind.LEVEL and constant.kind is not Kind.LEVEL:
            raise wrong(right, f"a level is compared with {constant.kind.value}", "as in >= orange")
        if kind is Kind.NUMBER and (constant.kind is not Kind.NUMBER or not constant.unit.converts_to(unit)):
            raise wrong(right, *misfit(Meant(member, kind, unit), constant))
        against = scaled(constant, unit) if kind is Kind.NUMBER else constant.node
        return member, (str(op), _value(against)), ONE, Kind.TRUTH
    if tree.data == "online":
        return Online(), None, ONE, Kind.TRUTH
    if tree.data == "level_of":
        return LevelOf(reader.rule(tree.children[0])), None, ONE, Kind.LEVEL
    if tree.data != "name":
        raise wrong(tree, "only an indicator, a level or online can be gathered", "derive an indicator of it first")
    name = tree.children[0]
    known = reader.names.anywhere.get(str(name))
    if known is None:
        raise wrong(name, f"no class has an indicator {str(name)!r}", nearest(str(name), reader.names.anywhere))
    return Reading(str(name)), None, unit_of(known.unit), Kind.TRUTH if known.truth else Kind.NUMBER


def _place(reader: Reader, tree: Any) -> tuple[Place, float]:
    if tree.data == "upstream":
        return Place.UPSTREAM, 0.0
    if tree.data == "inside":
        places = [p.value for p in Place if p not in (Place.WITHIN, Place.UPSTREAM)]
        if str(tree.children[0]) not in places:
            raise wrong(tree, f"there is no place {str(tree.children[0])!r}", f"one of {', '.join(places)}")
        return Place(str(tree.children[0])), 0.0
    if reader.names.subject not in ("device", "site"):
        raise wrong(tree, f"a {reader.names.subject} has no neighbourhood", "say in area, in street or in zone")
    meant = reader.read_quantity(tree)
    if not meant.unit.converts_to(METRE):
        raise wrong(tree, f"{meant.text} is no distance", "as in 500m or 2km")
    radius_m = _value(scaled(meant, METRE))
    if not 0 < radius_m <= FARTHEST_M:
        raise wrong(tree, f"{meant.text} is not above 0 and up to {FARTHEST_M // 1000} km", "neighbours are near")
    return Place.WITHIN, radius_m


def _value(node: Node) -> float:
    """Of a constant."""
    assert isinstance(node, Number)
    return node.value


def _types(reader: Reader, tree: Any) -> tuple[str, ...]:
    for slug in tree.children:
        if str(slug) not in reader.names.types:
            raise wrong(slug, f"there is no device type {str(slug)!r}", nearest(str(slug), reader.names.types))
    return tuple(str(slug) for slug in tree.children)


def _duration(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    (condition,) = _arguments(tree, arguments, "duration(water_depth >= 10 cm)", 1)
    return Meant(Lasting(reader.truth(condition)), Kind.NUMBER, SECOND)


def _age(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    (indicator,) = _arguments(tree, arguments, "age(water_depth)", 1)
    return Meant(Age(_indicator(reader, indicator)[0]), Kind.NUMBER, SECOND)


def _stuck(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    example = "stuck(water_depth, 2h, 0.2 cm, max(rain_1h within 2km) >= 10 mm)"
    indicator, length, tolerance, evidence = _arguments(tree, arguments, example, 4)
    id_, known = _indicator(reader, indicator)
    length_ms = _duration_ms(length, SHORTEST_WINDOW_MS, LONGEST_WINDOW_MS)
    span = reader.in_unit(tolerance, reader.number(tolerance), unit_of(known.unit), id_)
    still = Compared("<=", Window(Over.SPAN, id_, length_ms), span)
    seen = Compared(">=", Window(Over.COUNT, id_, length_ms), Number(float(LEAST_OF_STUCK)))
    whole = Compared(">=", Window(Over.COVERED, id_, length_ms), Number(length_ms * LEAST_COVERED / 1000))
    # What is seldom true and costs least to know comes first.
    return Meant(Both(reader.truth(evidence), Both(Both(seen, whole), still)), Kind.TRUTH)


def _usual(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    indicator, back, slot = _arguments(tree, arguments, "usual(pass_rate, 14d, 30m)", 3)
    id_, known = _indicator(reader, indicator)
    days = _duration_ms(back, DAY_MS, MOST_DAYS * DAY_MS) / DAY_MS
    slot_ms = _duration_ms(slot, SHORTEST_SLOT_MS, DAY_MS // 2)
    if days % 1 or DAY_MS % slot_ms:
        raise wrong(tree, "whole days, and slots that a day is a multiple of", "as in usual(pass_rate, 14d, 30m)")
    return Meant(Usual(id_, int(days), slot_ms), Kind.NUMBER, unit_of(known.unit))


def _absolute(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    (value,) = _arguments(tree, arguments, "abs(clock_offset)", 1)
    meant = reader.number(value)
    return Meant(Absolute(meant.node), Kind.NUMBER, meant.unit)


def _site(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    name = arguments[0] if arguments else tree
    if not arguments or len(arguments) > 2 or name.data != "name" or not isinstance(name.children[0], Token):
        raise wrong(name, "site takes the name of a mark", "as in site(stage_warning) or site(water_depth, 15 cm)")
    mark = str(name.children[0])
    if len(arguments) == 1:
        return Meant(Mark(mark), Kind.MARK)
    default = reader.number(arguments[1])
    if not isinstance(default.node, Number):
        raise wrong(arguments[1], "the default of a mark is a constant", "as in site(water_depth, 15 cm)")
    return Meant(Mark(mark, default.node.value), Kind.NUMBER, default.unit)


def _hours(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    return Meant(Hours(tuple(_span(a) for a in _times(arguments, "hours", tree, "07:00-09:00"))), Kind.TRUTH)


def _season(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    (only,) = _arguments(tree, _times(arguments, "season", tree, "04-15..10-31"), "04-15..10-31", 1)
    first, last = str(only.children[0]).split("..")
    return Meant(Season(_day(only, first), _day(only, last)), Kind.TRUTH)


def _weekdays(reader: Reader, tree: Tree[Token], arguments: list[Any]) -> Meant:
    days: set[int] = set()
    for argument in _times(arguments, "days", tree, "mon-fri"):
        first, _, last = str(argument.children[0]).partition("-")
        begin, end = _WEEK.index(first), _WEEK.index(last or first)
        days |= {day % 7 for day in range(begin, end + 1 + 7 * (end < begin))}
    return Meant(Weekdays(tuple(sorted(days))), Kind.TRUTH)


def _times(arguments: list[Any], data: str, tree: Any, example: str) -> list[Any]:
    for argument in arguments or [tree]:
        if argument.data != data:
            raise wrong(argument, f"{data} are written otherwise", f"as in {example}")
    return arguments


def _indicator(reader: Reader, tree: Any) -> tuple[str, Known]:
    if getattr(tree, "data", "") != "name":
        raise wrong(tree, "the name of an indicator is needed", "derive an indicator of the rest first")
    return str(tree.children[0]), reader.own(tree.children[0])


def _duration_ms(tree: Any, least_ms: int, most_ms: int) -> int:
    if getattr(tree, "data", "") != "quantity":
        raise wrong(tree, "a duration is needed", "as in 10m, 2h or 1d")
    try:
        ms = parse_duration_ms(str(tree.children[0]))
    except ValueError as error:
        raise wrong(tree, str(error), "as in 10m, 2h or 1d") from None
    if ms % 60_000 or not least_ms <= ms <= most_ms:
        raise wrong(
            tree, f"{tree.children[0]} does not do here", "whole minutes: a window of 1m to 31d, a slot of 10m to 1d"
        )
    return ms


def _arguments(tree: Any, arguments: list[Any], example: str, count: int) -> list[Any]:
    if len(arguments) != count:
        raise wrong(tree, f"{count} arguments are needed, and {len(arguments)} are given", f"as in {example}")
    return arguments


def _span(tree: Any) -> tuple[int, int]:
    """Minutes of the day of `07:00-09:00`."""
    first, last = ([int(part) for part in clock.split(":")] for clock in str(tree.children[0]).split("-"))
    begin, end = first[0] * 60 + first[1], last[0] * 60 + last[1]
    if not (0 <= begin < end <= 24 * 60 and first[1] < 60 and last[1] < 60):
        raise wrong(tree, f"{tree.children[0]} is no span of a day", "from earlier to later; over midnight write two")
    return begin, end


def _day(tree: Any, text: str) -> tuple[int, int]:
    month, day = (int(part) for part in text.split("-"))
    if not (1 <= month <= 12 and 1 <= day <= (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]):
        raise wrong(tree, f"{text} is no day of a year", "month and day, as in 04-15")
    return month, day


FUNCTIONS: Mapping[str, Function] = {
    **dict.fromkeys(_OVER, _window),
    **dict.fromkeys((how.value for how in How), _gathered),
    **dict.fromkeys((how.value for how in How if how.value in _OVER), _over_or_around),
    "duration": _duration,
    "age": _age,
    "stuck": _stuck,
    "usual": _usual,
    "abs": _absolute,
    "site": _site,
    "hours": _hours,
    "season": _season,
    "weekdays": _weekdays,
}
