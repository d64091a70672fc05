"""Conditions that can never be true, or always are: from the values that an indicator can take, and from what one
condition asks of one value."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from rules.language.expressions import Both, Compared, Node, Number, Reading, Scaled

Known = Callable[[str], tuple[float, float] | None]
"""Least and greatest value of an indicator of the subject, None where nobody says."""


@dataclass(frozen=True)
class Bounds:
    """Between which values something lies. open_: whether an end itself is left out."""

    least: float
    most: float
    open_least: bool = False
    open_most: bool = False

    @property
    def empty(self) -> bool:
        return self.least > self.most or (self.least == self.most and (self.open_least or self.open_most))

    def and_(self, op: str, value: float) -> "Bounds":
        """What is left of it when it must also compare so to a value."""
        if op in (">", ">=") and (value > self.least or (value == self.least and op == ">")):
            return replace(self, least=value, open_least=op == ">")
        if op in ("<", "<=") and (value < self.most or (value == self.most and op == "<")):
            return replace(self, most=value, open_most=op == "<")
        if op == "==":
            return self.and_(">=", value).and_("<=", value)
        return self

    def always(self, op: str, value: float) -> bool:
        """Whether all of it compares so."""
        if op in (">", ">="):
            return self.least > value or (self.least == value and (op == ">=" or self.open_least))
        if op in ("<", "<="):
            return self.most < value or (self.most == value and (op == "<=" or self.open_most))
        return False


def never(condition: Node, known: Known) -> str | None:
    """Why a condition can never be true: the indicator of which it asks too much. None when it can."""
    bounds: dict[str, Bounds] = {}
    for indicator, op, value in _asked(condition):
        of = bounds.get(indicator) or _of(indicator, known)
        bounds[indicator] = of.and_(op, value)
        if bounds[indicator].empty:
            return indicator
    return None


def always(condition: Node, known: Known) -> str | None:
    """The indicator whose every value makes a plain comparison true, if the condition is one."""
    asked = _comparison(condition)
    if asked is None:
        return None
    indicator, op, value = asked
    return indicator if _of(indicator, known).always(op, value) else None


def _of(indicator: str, known: Known) -> Bounds:
    return Bounds(*(known(indicator) or (float("-inf"), float("inf"))))


def _asked(condition: Node) -> Iterator[tuple[str, str, float]]:
    """What must hold of the subject's own values for a condition to be true."""
    if isinstance(condition, Both):
        yield from _asked(condition.left)
        yield from _asked(condition.right)
    elif (asked := _comparison(condition)) is not None:
        yield asked


_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def _comparison(node: Node) -> tuple[str, str, float] | None:
    """Indicator, operator and constant, if a node compares one with the other."""
    if not isinstance(node, Compared):
        return None
    value, constant, op = node.left, node.right, node.op
    if isinstance(value, Number):
        value, constant, op = constant, value, _TURNED[op]
    factor = 1.0
    if isinstance(value, Scaled):
        factor = value.factor
        value = value.value
    if not isinstance(value, Reading) or not isinstance(constant, Number) or factor <= 0:
        return None
    return value.indicator, op, constant.value / factor
