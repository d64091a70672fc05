"""What a written expression means. Each mistake is an ExpressionError at its place."""

from typing import Any

from rules.language.expressions import Node, When
from rules.language.functions import FUNCTIONS
from rules.language.operators import Kind, Names, Reader
from rules.language.parser import parse
from rules.language.units import Unit, unit_of


def truth_of(text: str, names: Names) -> Node:
    """The node of an expression that is true or false. Raises ExpressionError."""
    return Reader(names, FUNCTIONS).truth(parse(text).children[0])


def number_of(text: str, names: Names, unit: str) -> Node:
    """The node of an expression that is a number, in a unit; it may end in `when` and a condition. What is true or
    false is 1 or 0 where the unit is a count. Raises ExpressionError."""
    reader, tree = Reader(names, FUNCTIONS), parse(text).children[0]
    if getattr(tree, "data", "") == "when":
        value, condition = tree.children  # type: ignore[union-attr]
        return When(_number(reader, value, unit_of(unit)), reader.truth(condition))
    return _number(reader, tree, unit_of(unit))


def _number(reader: Reader, tree: Any, unit: Unit) -> Node:
    meant = reader.value(tree)
    if meant.kind is Kind.TRUTH and unit.is_count:
        return meant.node
    return reader.in_unit(tree, meant, unit, "the indicator")
