"""What the first page shows, as data. A piece of it is new on the screen when, and only when, its data here changed."""

from dataclasses import dataclass

from alerts.console.atlas import AreaDrawing, StreetDrawing
from alerts.console.sight import Alarm, ShardSight


@dataclass(frozen=True)
class Task:
    """What is shown of a ticket: state, unit, and the step that is due next. `due_ms` None: no clock runs."""

    id: str
    state: str
    category: str
    unit: str
    step: str | None
    due_ms: int | None
    overdue: bool


@dataclass(frozen=True)
class Row:
    """An incident in a list. `where` and `what` make its headline; `since_ms` is when it opened; `suspected`: nobody
    has confirmed its level; `actions`: what is to be done now."""

    id: str
    nature: str
    level: int
    peak_level: int
    suspected: bool
    where: str
    what: str
    place: str
    reason: str
    actions: tuple[str, ...]
    since_ms: int
    recovered_ms: int | None
    alerts: int
    devices: int
    explained: int
    task: Task | None


@dataclass(frozen=True)
class Rows:
    """A list of incidents, worst first, cut; `more`: how many are not in it."""

    active: tuple[Row, ...]
    recovered: tuple[Row, ...]
    active_count: int
    recovered_count: int
    more: int


@dataclass(frozen=True)
class Counts:
    """The line of numbers. `levels`: active hazards by level's slug, worst first; `suspected`: how many of these nobody
    has confirmed; `letters`: dead letters of the last hour, counted up to a limit (`letters_capped`)."""

    levels: dict[str, int]
    suspected: dict[str, int]
    faults: int
    recovered: int
    tickets_open: int
    tickets_overdue: int
    shards: int
    shards_dark: int
    letters: int
    letters_capped: bool


@dataclass(frozen=True)
class Mark:
    """A monitored area on the map. `suspected`: nothing at its level is confirmed; `sight`: seen, blind, or unwired
    when no device stands there; `faults`: incidents of devices; `line`: what it is and how it stands, in words."""

    drawing: AreaDrawing
    level: int
    suspected: bool
    sight: str
    faults: int
    line: str


@dataclass(frozen=True)
class StreetMark:
    """A street on the map. `level`: of the worst hazard in it; `own_level`, `own`: of the hazards that are the whole
    street's, and how many, `own_suspected` when none of these at that level is confirmed; `links`: failures of what
    devices hang on, and of devices that have no area."""

    drawing: StreetDrawing
    level: int
    blind: bool
    own_level: int
    own_suspected: bool
    own: int
    links: int
    line: str


@dataclass(frozen=True)
class MapView:
    streets: tuple[StreetMark, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Hazards:
    alarms: tuple[Alarm, ...]
    rows: Rows


@dataclass(frozen=True)
class LetterCount:
    """Dead letters of a reason, ever and of the last hour."""

    reason: str
    total: int
    last_hour: int


@dataclass(frozen=True)
class Feed:
    """Health of what feeds the page. `saved_wall_ms`: of the newest checkpoint; `shards`: the worst seen first, cut;
    `outcomes`: readings by outcome, of all shards."""

    saved_wall_ms: int | None
    shards: tuple[ShardSight, ...]
    more: int
    outcomes: dict[str, int]
    letters: tuple[LetterCount, ...]


@dataclass(frozen=True)
class Board:
    """The whole first page, in pieces that change at different times."""

    counts: Counts
    map: MapView
    hazards: Hazards
    faults: Rows
    feed: Feed
