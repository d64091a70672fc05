"""Operators, literals and names of expressions: what was written, with names looked up and units settled."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from lark import Token, Tree

from city.levels import Level
from city.misfits import nearest
from rules.language.expressions import (
    Arithmetic,
    Both,
    Compared,
    Either,
    LevelOf,
    Negated,
    Node,
    Number,
    Online,
    Reading,
    Scaled,
)
from rules.language.parser import ExpressionError
from rules.language.units import Unit, factor_between, unit_of

ONE = unit_of("1")
_NUMBER = re.compile(r"[\d.]+")
_OUT_OF_PLACE = {
    "gathered": ("a place needs something that gathers", "as in max(water_depth within 500m)"),
    "hours": ("hours stand in hours(...)", "as in hours(07:00-09:00)"),
    "season": ("days of the year stand in season(...)", "as in season(04-15..10-31)"),
    "when": ("when stands at the end of a derived value, and nowhere else", "use and"),
    "days": ("weekdays stand in weekdays(...)", "as in weekdays(mon-fri)"),
}


class Kind(Enum):
    NUMBER = "a number"
    TRUTH = "true or false"
    LEVEL = "a level"
    MARK = "a mark of the site"
    TIME = "a time"


@dataclass(frozen=True)
class Meant:
    """A node with what it stands for. `unit`: of a number. `text`: of a literal, as it was written."""

    node: Node
    kind: Kind
    unit: Unit = ONE
    text: str = ""


@dataclass(frozen=True)
class Known:
    """An indicator as expressions see it."""

    unit: str
    truth: bool = False
    valid_min: float = -math.inf
    valid_max: float = math.inf


@dataclass(frozen=True)
class Names:
    """What expressions of a file may name. `own`: indicators of the subject itself. `anywhere`: those of others, in any
    class. `subject`: what the rule judges, "device" or a place."""

    own: Mapping[str, Known]
    anywhere: Mapping[str, Known]
    rules: frozenset[str]
    types: frozenset[str]
    subject: str = "device"


class Reader:
    """Reads trees of what was written as nodes with their meaning."""

    def __init__(self, names: Names, functions: "Mapping[str, Function]") -> None:
        self.names, self._functions = names, functions

    def value(self, tree: Any) -> Meant:
        read = getattr(self, f"read_{tree.data}", None)
        if read is None:
            raise wrong(tree, *_OUT_OF_PLACE.get(tree.data, _OUT_OF_PLACE["gathered"]))
        return read(tree)  # type: ignore[no-any-return]

    def truth(self, tree: Any) -> Node:
        meant = self.value(tree)
        if meant.kind is not Kind.TRUTH:
            remedy = "compare it, as in water_depth >= 10 cm"
            raise wrong(tree, f"this is {meant.kind.value}, and true or false is needed", remedy)
        return meant.node

    def number(self, tree: Any) -> Meant:
        meant = self.value(tree)
        if meant.kind not in (Kind.NUMBER, Kind.TRUTH):
            raise wrong(tree, f"this is {meant.kind.value}, and a number is needed", "look at what stands here")
        return meant

    def in_unit(self, tree: Any, meant: Meant, unit: Unit, whose: str) -> Node:
        """The node of a number, converted."""
        if meant.kind is Kind.MARK:
            return meant.node
        if meant.kind is not Kind.NUMBER or not meant.unit.converts_to(unit):
            what = meant.unit.text if meant.kind is Kind.NUMBER else meant.kind.value
            raise wrong(tree, f"this is in {what}, and {whose} is in {unit.text}", f"write it in {unit.text}")
        return scaled(meant, unit)

    def read_either(self, tree: Tree[Token]) -> Meant:
        return Meant(Either(*(self.truth(child) for child in tree.children)), Kind.TRUTH)

    def read_both(self, tree: Tree[Token]) -> Meant:
        return Meant(Both(*(self.truth(child) for child in tree.children)), Kind.TRUTH)

    def read_negated(self, tree: Tree[Token]) -> Meant:
        return Meant(Negated(self.truth(tree.children[0])), Kind.TRUTH)

    def read_compared(self, tree: Tree[Token]) -> Meant:
        left_tree, op, right_tree = tree.children
        left, right = self._alike(tree, left_tree, right_tree)
        return Meant(Compared(str(op), left.node, right.node), Kind.TRUTH)

    def read_arithmetic(self, tree: Tree[Token]) -> Meant:
        left_tree, sign, right_tree = tree.children
        op = str(sign)
        if op in "+-":
            left, right = self._alike(tree, left_tree, right_tree)
            if left.kind is not Kind.NUMBER:
                raise wrong(tree, f"{left.kind.value} cannot be added up", "only numbers can")
            return Meant(Arithmetic(op, left.node, right.node), Kind.NUMBER, left.unit)
        left, right = self.value(left_tree), self.value(right_tree)
        if Kind.MARK in (left.kind, right.kind):
            left, right = self._alike(tree, left_tree, right_tree)
        for side, meant in ((left_tree, left), (right_tree, right)):
            if meant.kind not in (Kind.NUMBER, Kind.TRUTH):
                raise wrong(side, f"this is {meant.kind.value}, and a number is needed", "look at what stands here")
        unit = left.unit.times(right.unit, 1 if op == "*" else -1)
        return Meant(Arithmetic(op, left.node, right.node), Kind.NUMBER, unit)

    def read_negative(self, tree: Tree[Token]) -> Meant:
        meant = self.number(tree.children[1])
        if isinstance(meant.node, Number):
            return Meant(Number(-meant.node.value), meant.kind, meant.unit, f"-{meant.text}")
        return Meant(Scaled(meant.node, -1.0), Kind.NUMBER, meant.unit)

    def _alike(self, tree: Any, left_tree: Any, right_tree: Any) -> tuple[Meant, Meant]:
        """Two sides in one unit: a literal takes that of the other side, a mark of the site too."""
        left, right = self.value(left_tree), self.value(right_tree)
        if Kind.MARK in (left.kind, right.kind):
            if left.kind is right.kind:
                raise wrong(tree, "two marks of the site say nothing of their unit", "compare each with an indicator")
            other = right if left.kind is Kind.MARK else left
            return tuple(Meant(m.node, other.kind, other.unit) for m in (left, right))  # type: ignore[return-value]
        if {left.kind, right.kind} == {Kind.NUMBER, Kind.TRUTH}:
            left, right = (Meant(m.node, Kind.NUMBER, m.unit) for m in (left, right))
        if left.kind is not right.kind:
            raise wrong(tree, f"{left.kind.value} stands beside {right.kind.value}", "compare like with like")
        if left.kind is not Kind.NUMBER:
            return left, right
        if not left.unit.converts_to(right.unit):
            raise wrong(right_tree, *misfit(left, right))
        if isinstance(left.node, Number) and not isinstance(right.node, Number):
            return Meant(scaled(left, right.unit), Kind.NUMBER, right.unit), right
        return left, Meant(scaled(right, left.unit), Kind.NUMBER, left.unit)

    def read_quantity(self, tree: Tree[Token]) -> Meant:
        text = str(tree.children[0])
        number = _NUMBER.match(text)[0]  # type: ignore[index]
        unit_text = text[len(number) :].strip()
        return Meant(Number(float(number)), Kind.NUMBER, unit_of(unit_text) if unit_text else ONE, text)

    def read_colour(self, tree: Tree[Token]) -> Meant:
        return Meant(Number(float(Level.of(str(tree.children[0])))), Kind.LEVEL)

    def read_online(self, _: Tree[Token]) -> Meant:
        return Meant(Online(), Kind.TRUTH)

    def read_name(self, tree: Tree[Token]) -> Meant:
        name = tree.children[0]
        known = self.own(name)
        return Meant(Reading(str(name)), Kind.TRUTH if known.truth else Kind.NUMBER, unit_of(known.unit))

    def own(self, name: Any) -> Known:
        known = self.names.own.get(str(name))
        if known is not None:
            return known
        if self.names.subject != "device" and str(name) in self.names.anywhere:
            remedy = f"say which, as in max({name} in {self.names.subject})"
            raise wrong(name, f"a {self.names.subject} has no {name} of its own", remedy)
        raise wrong(name, f"there is no indicator {str(name)!r} here", nearest(str(name), self.names.own))

    def read_level_of(self, tree: Tree[Token]) -> Meant:
        return Meant(LevelOf(self.rule(tree.children[0])), Kind.LEVEL)

    def rule(self, slug: Any) -> str:
        if str(slug) not in self.names.rules:
            raise wrong(slug, f"there is no rule {str(slug)!r}", nearest(str(slug), self.names.rules))
        return str(slug)

    def read_call(self, tree: Tree[Token]) -> Meant:
        name, *arguments = tree.children
        function = self._functions.get(str(name))
        if function is None:
            raise wrong(name, f"there is no function {str(name)!r}", nearest(str(name), self._functions))
        return function(self, tree, arguments)


Function = Callable[[Reader, Tree[Token], list[Any]], Meant]
"""Reads a call: the reader, the whole call, its arguments."""


def wrong(tree: Any, message: str, remedy: str) -> ExpressionError:
    """A mistake at a tree or token."""
    offset = tree.start_pos if isinstance(tree, Token) else getattr(tree.meta, "start_pos", 0)
    return ExpressionError(offset or 0, message, remedy)


def misfit(left: Meant, right: Meant) -> tuple[str, str]:
    """Message and remedy for two numbers that measure different things."""
    given = right.unit.text if right.text == "" or right.unit is not ONE else "no unit"
    message = f"{right.text or 'this'} is in {given}, and stands beside {left.unit.text}"
    minutes = " (m is metres; minutes are min)" if right.unit.text == "m" else ""
    return message, f"write it in {left.unit.text}{minutes}"


def scaled(meant: Meant, unit: Unit) -> Node:
    """The node of a number in another unit, to the last bit where it is a literal."""
    factor = factor_between(meant.unit, unit)
    if factor == 1:
        return meant.node
    if isinstance(meant.node, Number):
        exact = Decimal(_NUMBER.search(meant.text)[0]) if meant.text else Decimal(meant.node.value)  # type: ignore[index]
        sign = -1 if meant.text.startswith("-") else 1
        return Number(float(sign * Fraction(exact) * factor))
    return Scaled(meant.node, float(factor))
