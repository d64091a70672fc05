"""When the page is looked at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Moment:
    """`now_ms`: (played) time, `wall_ms`: the wall's, `speed`: of the one in the other; `over`: a play is, and its time
    stands."""

    now_ms: int
    wall_ms: float
    speed: float = 1.0
    over: bool = False
