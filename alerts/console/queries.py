"""What the page asks of the store: each question one bounded SELECT, each answer frozen."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, distinct, func, select

from alerts.pending import STEPS, states_waiting_for
from alerts.store import schema as t
from alerts.tickets import TicketState
from city.transitions import Nature

LISTED = 50  # rows of a list; how many more there are is told
COUNTED = 10_000  # dead letters of an hour beyond which nobody counts on
HOUR_MS = 3_600_000
SHARDS_READ = 1_024
PARENTS_READ = 5_000
LETTERS_LISTED = 100
PAYLOAD_READ = 2_000  # bytes of a payload that anybody looks at

_i, _t = t.incidents.c, t.tickets.c
_OPEN = _i.open_key.is_not(None) & _i.exercise.is_(False) & (_i.peak_level > 0)  # else it has yet to begin
_ENDED = [state.value for state in TicketState if state.terminal]
_TASK = _t.state.not_in(_ENDED) & _t.exercise.is_(False)


@dataclass(frozen=True)
class TicketLine:
    """A ticket, with its deadlines by name (`accept_ms` to `verify_ms`), ms UTC."""

    id: str
    state: str
    level: int
    category: str
    title: str
    reason: str
    unit: str
    grid: str | None
    admin: tuple[str, ...]
    reported_ms: int
    closed_ms: int | None
    deadlines: dict[str, int]
    suspected: bool
    actions: tuple[str, ...]


@dataclass(frozen=True)
class IncidentLine:
    """An incident with its ticket. `devices`: how many subjects its alerts are about; `suspected`: nobody has confirmed
    its level; `actions`: what its alerts ask for now."""

    id: str
    nature: str
    title: str
    cause: str
    subject: str
    risk_class: str | None
    admin: str | None
    area: str | None
    site: str | None
    level: int
    peak_level: int
    suspected: bool
    actions: tuple[str, ...]
    alerts: int
    devices: int
    explained: int
    opened_ms: int
    updated_ms: int
    recovered_ms: int | None
    merged_into: str | None
    open: bool
    exercise: bool
    ticket: TicketLine | None


@dataclass(frozen=True)
class Listing:
    """The worst and newest of a list. `levels`: how many there are at each level, at none those that recovered;
    `suspected`: how many of these are."""

    lines: tuple[IncidentLine, ...]
    levels: dict[int, int]
    suspected: dict[int, int]

    @property
    def active(self) -> int:
        return sum(count for level, count in self.levels.items() if level)

    @property
    def recovered(self) -> int:
        return self.levels.get(0, 0)


@dataclass(frozen=True)
class Spot:
    """Active incidents of one nature and level at one place, all of them suspected or none. `at_parent`: about what
    devices hang on."""

    nature: str
    area: str | None
    admin: str | None
    at_parent: bool
    level: int
    suspected: bool
    incidents: int
    since_ms: int


@dataclass(frozen=True)
class ShardLine:
    """A shard as of its last checkpoint. `status`: as streams.detect writes it."""

    shard: int
    owner: str
    log_ms: int | None
    saved_wall_ms: float
    status: dict[str, Any]


@dataclass(frozen=True)
class RefusedCount:
    """Dead letters of a reason, ever and of the last hour (at most COUNTED of all reasons)."""

    reason: str
    total: int
    last_hour: int
    last_ms: int


@dataclass(frozen=True)
class Disabled:
    """A rule that failed too often and judges no more: its id, or `class/indicator` of what it needs."""

    rule: str
    incident: str
    since_ms: int


@dataclass(frozen=True)
class Situation:
    """Everything the first page is made of."""

    hazards: Listing
    faults: Listing
    spots: tuple[Spot, ...]
    dark_parents: frozenset[str]
    blind_since_ms: int | None
    disabled: tuple[Disabled, ...]
    tickets_open: int
    tickets_overdue: int
    shards: tuple[ShardLine, ...]
    refused: tuple[RefusedCount, ...]


def read_situation(connection: Connection, now_ms: int) -> Situation:
    """`now_ms`: by the clock that deadlines and dead letters go by."""
    hazard = _i.nature == Nature.HAZARD.value
    blind = (_i.nature == Nature.BLIND.value) & (_i.level > 0) & _OPEN
    dark = select(_i.subject).where((_i.nature == Nature.PARENT.value) & (_i.level > 0) & _OPEN).limit(PARENTS_READ)
    return Situation(
        hazards=read_listing(connection, hazard),
        faults=read_listing(connection, ~hazard),
        spots=_spots(connection),
        dark_parents=frozenset(connection.scalars(dark)),
        blind_since_ms=connection.scalar(select(func.min(_i.opened_ms)).where(blind)),
        disabled=read_disabled(connection),
        tickets_open=count(connection, select(func.count()).select_from(t.tickets).where(_TASK)),
        tickets_overdue=count(connection, select(func.count()).select_from(t.tickets).where(_TASK & overdue(now_ms))),
        shards=read_shards(connection),
        refused=read_refused(connection, now_ms),
    )


def read_listing(connection: Connection, wanted: ColumnElement[bool]) -> Listing:
    """Open incidents, worst first, then newest; those that have recovered come last."""
    query = incident_lines().where(wanted & _OPEN).order_by(_i.level.desc(), _i.opened_ms.desc(), _i.id).limit(LISTED)
    lines = tuple(line_of(row) for row in connection.execute(query))
    counted = select(_i.level, _i.suspected, func.count().label("n")).where(wanted & _OPEN)
    levels: dict[int, int] = {}
    suspected: dict[int, int] = {}
    for row in connection.execute(counted.group_by(_i.level, _i.suspected)):
        levels[row.level] = levels.get(row.level, 0) + row.n
        suspected[row.level] = suspected.get(row.level, 0) + (row.n if row.suspected else 0)
    return Listing(lines, levels, suspected)


def read_disabled(connection: Connection) -> tuple[Disabled, ...]:
    """Rules that judge no more, and whose incident nobody has closed."""
    wanted = (_i.nature == Nature.RULE.value) & (_i.level > 0) & _OPEN
    query = select(_i.subject, _i.id, _i.opened_ms).where(wanted).order_by(_i.opened_ms, _i.id).limit(LISTED)
    return tuple(Disabled(row.subject, row.id, row.opened_ms) for row in connection.execute(query))


def read_area(connection: Connection, area: str) -> tuple[tuple[IncidentLine, ...], tuple[IncidentLine, ...]]:
    """Incidents of a monitored area: those that are open, and the last that were closed."""
    here = incident_lines().where(_i.area == area)
    still = here.where(_OPEN).order_by(_i.level.desc(), _i.opened_ms.desc(), _i.id).limit(LISTED)
    past = here.where(_i.open_key.is_(None)).order_by(_i.opened_ms.desc(), _i.id).limit(LISTED)
    open_now, closed = (tuple(line_of(row) for row in connection.execute(query)) for query in (still, past))
    return open_now, closed


@dataclass(frozen=True)
class LetterLine:
    """A dead letter; `payload` holds its first PAYLOAD_READ bytes."""

    reason: str
    detail: str
    device: str | None
    topic: str
    payload: bytes
    payload_bytes: int
    received_ms: int
    ingest: str


def read_letters(connection: Connection, reason: str | None) -> tuple[LetterLine, ...]:
    """The newest dead letters, of one reason or of all."""
    c = t.dead_letters.c
    payload = func.substr(c.payload, 1, PAYLOAD_READ).label("payload")
    query = select(c.reason, c.detail, c.device, c.topic, payload, c.payload_bytes, c.received_ms, c.ingest)
    if reason is not None:
        query = query.where(c.reason == reason)
    rows = connection.execute(query.order_by(c.received_ms.desc(), c.id.desc()).limit(LETTERS_LISTED))
    return tuple(LetterLine(**{**row._mapping, "payload": bytes(row.payload)}) for row in rows)


def read_shards(connection: Connection) -> tuple[ShardLine, ...]:
    c = t.shards.c
    query = select(c.shard, c.owner, c.log_ms, c.saved_wall_ms, c.status).order_by(c.shard).limit(SHARDS_READ)
    return tuple(ShardLine(**row._mapping) for row in connection.execute(query))


def read_refused(connection: Connection, now_ms: int) -> tuple[RefusedCount, ...]:
    """Dead letters by reason, most frequent first."""
    c, totals = t.dead_letters.c, t.dead_letter_totals.c
    newest = select(c.reason).where(c.received_ms > now_ms - HOUR_MS).order_by(c.received_ms.desc()).limit(COUNTED)
    recent = newest.subquery()
    by_reason = select(recent.c.reason, func.count().label("n")).group_by(recent.c.reason)
    last_hour = {row.reason: row.n for row in connection.execute(by_reason)}
    rows = connection.execute(select(t.dead_letter_totals).order_by(totals.total.desc(), totals.reason))
    return tuple(RefusedCount(r.reason, r.total, last_hour.get(r.reason, 0), r.last_ms) for r in rows)


def overdue(now_ms: int) -> ColumnElement[bool]:
    """That a ticket has missed the deadline its state waits for."""
    due = case(*[(_t.state.in_(states_waiting_for(step)), _t[step]) for step in STEPS if states_waiting_for(step)])
    return due < now_ms


def incident_lines() -> Select[Any]:
    subjects = select(func.count(distinct(t.alerts.c.subject))).where(t.alerts.c.incident == _i.id)
    ticket = [_t[name].label(f"t_{name}") for name in (*_TICKET_COLUMNS, "admin", "actions", *STEPS)]
    columns = [*t.incidents.c, subjects.scalar_subquery().label("devices"), *ticket]
    return select(*columns).select_from(t.incidents.outerjoin(t.tickets, _t.incident == _i.id))


_TICKET_COLUMNS = (
    *("id", "state", "level", "category", "title", "reason", "unit", "grid", "reported_ms", "closed_ms", "suspected"),
)
_INCIDENT_COLUMNS = (
    *("id", "nature", "title", "cause", "subject", "risk_class", "admin", "area", "site", "level", "peak_level"),
    *("alerts", "devices", "explained", "opened_ms", "updated_ms", "recovered_ms", "merged_into", "exercise"),
    "suspected",
)


def line_of(row: Any) -> IncidentLine:
    same = {name: getattr(row, name) for name in _INCIDENT_COLUMNS}
    ticket = _ticket(row) if row.t_id is not None else None
    return IncidentLine(**same, open=row.open_key is not None, actions=_worst_first(row.advised), ticket=ticket)


def _ticket(row: Any) -> TicketLine:
    same = {name: getattr(row, f"t_{name}") for name in _TICKET_COLUMNS}
    deadlines = {step: getattr(row, f"t_{step}") for step in STEPS}
    return TicketLine(**same, admin=tuple(row.t_admin), actions=_worst_first(row.t_actions), deadlines=deadlines)


def _worst_first(actions: Iterable[str]) -> tuple[str, ...]:
    """Rules name what a low level asks for first; what matters most must not be what is cut off."""
    return tuple(reversed(list(actions)))


def _spots(connection: Connection) -> tuple[Spot, ...]:
    """By place, nature and level: as many rows as there are places, however many incidents."""
    place = (_i.nature, _i.area, _i.admin, _i.collects.is_not(None).label("at_parent"), _i.level, _i.suspected)
    numbers = func.count().label("incidents"), func.min(_i.opened_ms).label("since_ms")
    query = select(*place, *numbers).where(_OPEN & (_i.level > 0)).group_by(*place)
    rows = sorted(connection.execute(query), key=lambda row: tuple(str(value) for value in row))
    truths = ("at_parent", "suspected")
    return tuple(Spot(**{**row._mapping, **{name: bool(row._mapping[name]) for name in truths}}) for row in rows)


def count(connection: Connection, query: Select[Any]) -> int:
    return int(connection.scalar(query) or 0)
