"""What rules did, asked of the store: alerts of the last day, and those that are open."""

from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, func, select

from alerts.console.queries import LISTED
from alerts.store import schema as t
from alerts.tickets import TicketState

DAY_MS = 86_400_000

_a, _i, _s, _k = t.alerts.c, t.incidents.c, t.transitions.c, t.tickets.c
_REAL = t.alerts.join(t.incidents, _a.incident == _i.id)


@dataclass(frozen=True)
class Deeds:
    """What a rule did. `raised`: its alerts that began within a day, by the highest level they reached (0 to 4);
    `open`: its alerts now, by level; `suspected`: how many of these."""

    raised: tuple[int, ...] = (0,) * 5
    open: tuple[int, ...] = (0,) * 5
    suspected: int = 0

    @property
    def worst(self) -> int:
        """Level of its worst open alert."""
        return max((level for level, count in enumerate(self.open) if count), default=0)


@dataclass(frozen=True)
class RuleAlert:
    """An alert of a rule, and the incident it is of."""

    id: str
    incident: str
    subject: str
    level: int
    peak_level: int
    suspected: bool
    since_ms: int
    updated_ms: int


def read_deeds(connection: Connection, now_ms: int) -> dict[str, Deeds]:
    """What every rule did that did anything, by its id."""
    deeds: dict[str, Deeds] = {}
    lately = select(_a.rule, _a.peak_level, func.count().label("n")).select_from(_REAL)
    lately = lately.where((_a.since_ms > now_ms - DAY_MS) & _i.exercise.is_(False)).group_by(_a.rule, _a.peak_level)
    for row in connection.execute(lately):
        before = deeds.get(row.rule, Deeds())
        deeds[row.rule] = replace(before, raised=_plus(before.raised, row.peak_level, row.n))
    now = select(_a.rule, _a.level, _a.suspected, func.count().label("n")).select_from(_REAL)
    now = now.where((_a.level > 0) & _i.exercise.is_(False)).group_by(_a.rule, _a.level, _a.suspected)
    for row in connection.execute(now):
        before = deeds.get(row.rule, Deeds())
        suspected = before.suspected + (row.n if row.suspected else 0)
        deeds[row.rule] = replace(before, open=_plus(before.open, row.level, row.n), suspected=suspected)
    return deeds


def read_rule_alerts(connection: Connection, rule: str, now_ms: int) -> tuple[RuleAlert, ...]:
    """A rule's alerts that are open or began within a day: worst first, then newest."""
    wanted = (_a.rule == rule) & ((_a.level > 0) | (_a.since_ms > now_ms - DAY_MS)) & _i.exercise.is_(False)
    columns = (_a.id, _a.incident, _a.subject, _a.level, _a.peak_level, _a.suspected, _a.since_ms, _a.updated_ms)
    query = select(*columns).select_from(_REAL).where(wanted)
    rows = connection.execute(query.order_by(_a.level.desc(), _a.updated_ms.desc(), _a.id).limit(LISTED))
    return tuple(RuleAlert(**row._mapping) for row in rows)


RECORD_MS = 30 * DAY_MS


@dataclass(frozen=True)
class TrackRecord:
    """What became of a rule's alerts that began within RECORD_MS. raised: by the highest level they reached; doubted:
    how many were suspected at some time; explained: how many a failed parent did; tickets: of their incidents, ended:
    how many of these are, and void: how many a person gave up as false alarms."""

    raised: tuple[int, ...]
    doubted: int
    explained: int
    tickets: int
    ended: int
    void: int


def read_track_record(connection: Connection, rule: str, now_ms: int) -> TrackRecord:
    """How a rule fared."""
    own = (_a.rule == rule) & (_a.since_ms > now_ms - RECORD_MS) & _i.exercise.is_(False)
    peaks = select(_a.peak_level, func.count().label("n")).select_from(_REAL).where(own).group_by(_a.peak_level)
    raised: tuple[int, ...] = (0,) * 5
    for row in connection.execute(peaks):
        raised = _plus(raised, row.peak_level, row.n)

    def ever(said: ColumnElement[bool]) -> int:
        """How many of its alerts ever said so."""
        told = select(_s.alert).where((_s.alert == _a.id) & said).exists()
        return int(connection.scalar(select(func.count()).select_from(_REAL).where(own & told)) or 0)

    incidents = select(_a.incident).select_from(_REAL).where(own)
    states = select(_k.state, func.count().label("n")).where(_k.incident.in_(incidents)).group_by(_k.state)
    tickets = {TicketState(row.state): int(row.n) for row in connection.execute(states)}
    return TrackRecord(
        raised=raised,
        doubted=ever(_s.detail["suspected"].as_boolean().is_(True)),
        explained=ever(_s.detail["explained_by"].as_string().is_not(None)),
        tickets=sum(tickets.values()),
        ended=sum(n for state, n in tickets.items() if state.terminal),
        void=tickets.get(TicketState.VOID, 0),
    )


def _plus(counts: tuple[int, ...], level: int, by: int) -> tuple[int, ...]:
    return tuple(count + by if at == level else count for at, count in enumerate(counts))
