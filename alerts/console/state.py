"""How the district stands, as data: what `/api/state` answers. Fields are only ever added."""

from dataclasses import dataclass

from alerts.console.board import Counts, LetterCount, Row
from alerts.console.live import Look
from alerts.console.sight import Alarm, ShardSight
from city.city import City


@dataclass(frozen=True)
class State:
    """Times are ms UTC: of the clock of `now_ms`, or the wall's where they say so.

    over: a play is, and its time stands.
    hazards, faults: open incidents, worst first, at most 50 of each, those that have recovered at the end;
    `hazards_more`, `faults_more` count the others. alarms: why the rest may not be trusted. shards: worst seen first,
    at most 16. dead_letters: by reason.
    """

    city: str
    version: str
    now_ms: int
    read_wall_ms: float
    speed: float
    over: bool
    counts: Counts
    alarms: tuple[Alarm, ...]
    hazards: tuple[Row, ...]
    hazards_more: int
    faults: tuple[Row, ...]
    faults_more: int
    shards: tuple[ShardSight, ...]
    dead_letters: tuple[LetterCount, ...]


def state_of(city: City, look: Look) -> State:
    board = look.board
    hazards, faults = board.hazards.rows, board.faults
    return State(
        city=city.name,
        version=look.version,
        now_ms=look.at.now_ms,
        read_wall_ms=look.at.wall_ms,
        speed=look.at.speed,
        over=look.at.over,
        counts=board.counts,
        alarms=board.hazards.alarms,
        hazards=hazards.active + hazards.recovered,
        hazards_more=hazards.more,
        faults=faults.active + faults.recovered,
        faults_more=faults.more,
        shards=board.feed.shards,
        dead_letters=board.feed.letters,
    )
