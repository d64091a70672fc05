"""What an expression means: a tree of nodes, with names resolved and units settled. docs/rules.md, clause 9.

A node's value is a number, *unknown* (something it needs is not known now), or, of `When` alone, *calm*. Truth is 1 or
0. Units are gone: a node's numbers are in the unit that its surroundings expect, `Scaled` where that is another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from city.levels import Level


class Node:
    """Base of all nodes; they hold nodes, plain values and tuples of both."""

    def children(self) -> Iterator["Node"]:
        for name in self.__dataclass_fields__:  # type: ignore[attr-defined]
            yield from _nodes(getattr(self, name))

    def walk(self) -> Iterator["Node"]:
        """This node and all below it."""
        yield self
        for child in self.children():
            yield from child.walk()


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)


@dataclass(frozen=True)
class Number(Node):
    value: float


@dataclass(frozen=True)
class Reading(Node):
    """Last value of an indicator of the subject itself; unknown when it is not current."""

    indicator: str


@dataclass(frozen=True)
class Age(Node):
    """Seconds since the last value of an indicator of the subject itself; unknown when there never was one."""

    indicator: str


class Over(Enum):
    """What is made of the readings in a window."""

    RISE = "rise"  # newest less oldest
    FALL = "fall"  # oldest less newest
    RATE = "rate"  # rise a second
    SLOPE = "slope"  # median of the slopes between all pairs (Theil-Sen), a second
    MEAN = "mean"
    LEAST = "min"
    MOST = "max"
    SUM = "sum"
    COUNT = "count"
    MEDIAN = "median"
    SPAN = "span"  # greatest less least
    COVERED = "covered"  # seconds between oldest and newest
    INCREASE = "increase"  # of a running total
    CHANGES = "changes"  # how often the value became another
    SPIKES = "spikes"  # how often a reading stood out of those around it (Hampel)


@dataclass(frozen=True)
class Window(Node):
    """`over` the readings of an indicator of the subject itself in the last `length_ms`."""

    over: Over
    indicator: str
    length_ms: int


@dataclass(frozen=True)
class Usual(Node):
    """Median, over the last `days` days that have one, of the means of an indicator in this time of the day, which is
    cut into slots of `slot_ms`."""

    indicator: str
    days: int
    slot_ms: int


@dataclass(frozen=True)
class Lasting(Node):
    """Seconds for which a condition has held without a break; 0 when it does not."""

    condition: Node


@dataclass(frozen=True)
class Mark(Node):
    """A mark of the subject's site (`reference_levels` of the registry), or the default; unknown without either."""

    name: str
    default: float | None = None


@dataclass(frozen=True)
class Online(Node):
    """Whether the subject gives signs of life, by its absence rule `of: any`; unknown without one."""


@dataclass(frozen=True)
class LevelOf(Node):
    """Level, 0 to 4, of another rule on the subject itself."""

    rule: str


class Place(Enum):
    """Where to look around the subject. WITHIN: devices at sites within so many metres, itself not among them;
    UPSTREAM: devices at the sites upstream of its own; the others: all that is there."""

    WITHIN = "within"
    UPSTREAM = "upstream"
    SITE = "site"
    AREA = "area"
    STREET = "street"
    ZONE = "zone"


class How(Enum):
    """What is made of the members of a gathering."""

    MOST = "max"
    LEAST = "min"
    MEAN = "mean"
    SUM = "sum"
    COUNT = "count"  # of those that are true
    SHARE = "share"
    ANY = "any"
    ALL = "all"


@dataclass(frozen=True)
class Gathered(Node):
    """`how` over what is known of the members at a place. `member`: a Reading, LevelOf or Online of each; with `test`
    whether it compares so to a constant. `types`: only devices of these types; empty: of all. Unknown when nothing is
    known of any member."""

    how: How
    member: Node
    place: Place
    radius_m: float = 0.0
    test: "tuple[str, float] | None" = None
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scaled(Node):
    value: Node
    factor: float


@dataclass(frozen=True)
class Arithmetic(Node):
    """`op`: + - * /. A division by zero is unknown, and a failure of its rule."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Absolute(Node):
    value: Node


@dataclass(frozen=True)
class Compared(Node):
    """`op`: < <= > >= == !=."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Both(Node):
    """and: false when either is false, looking no further when the left is."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Either(Node):
    """or: true when either is true, looking no further when the left is."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Negated(Node):
    """not."""

    value: Node


@dataclass(frozen=True)
class When(Node):
    """The value while a condition holds; calm while it does not."""

    value: Node
    condition: Node


@dataclass(frozen=True)
class Highest(Node):
    """The highest level whose condition is true, else 0; unknown when none is true and one is unknown."""

    conditions: tuple[tuple[Level, Node], ...]


@dataclass(frozen=True)
class Hours(Node):
    """Whether the time of the day is in one of some spans, in minutes of local time, the end exclusive."""

    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Season(Node):
    """Whether the day is between two days of the year, (month, day) both inclusive; it may span the new year."""

    first: tuple[int, int]
    last: tuple[int, int]


@dataclass(frozen=True)
class Weekdays(Node):
    """Whether it is one of some days of the week, Monday being 0, by local time."""

    days: tuple[int, ...]


def own_indicators(node: Node) -> list[str]:
    """Indicators of the subject itself that an expression names, each once."""
    return list(dict.fromkeys(_own(node)))


def _own(node: Node) -> Iterator[str]:
    if isinstance(node, Reading | Age | Window | Usual):
        yield node.indicator
    elif not isinstance(node, Gathered):
        for child in node.children():
            yield from _own(child)


def looks_around(node: Node) -> bool:
    """Whether an expression can change without a reading of the subject itself."""
    around = Gathered | LevelOf | Online | Hours | Season | Weekdays | Age
    return any(isinstance(part, around) for part in node.walk())


def rules_named(node: Node) -> list[str]:
    """Ids of the rules whose levels an expression names."""
    return [part.rule for part in node.walk() if isinstance(part, LevelOf)]
