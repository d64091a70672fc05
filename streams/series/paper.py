"""What people work on: incidents and tickets, one by one, and those that are open at a moment."""

from dataclasses import dataclass

from city.levels import Level
from city.registry import AdminUnit
from city.series import NONE, Measurement
from streams.series.lines import Point, Value

DUE_SHARE = 0.8
"""Of a deadline's time, after which a ticket is soon overdue: 督办 begins there (DESIGN section 6)."""


@dataclass(frozen=True)
class TicketRecord:
    """A ticket. `admin`: codes of the units it is in, from the lowest up. `due_ms`: the deadline that its state waits
    for, None where no clock runs. `closed_ms`: None while it is open."""

    id: str
    incident: str
    state: str
    level: Level
    title: str
    unit: str
    admin: tuple[str, ...]
    suspected: bool
    exercise: bool
    reported_ms: int
    due_ms: int | None
    closed_ms: int | None

    def overdue(self, at_ms: int) -> bool:
        return self.due_ms is not None and at_ms > self.due_ms

    def due_soon(self, at_ms: int) -> bool:
        """Whether DUE_SHARE of its time is gone, and not all."""
        if self.due_ms is None or self.overdue(at_ms):
            return False
        return at_ms - self.reported_ms >= DUE_SHARE * (self.due_ms - self.reported_ms)

    def line(self, street: AdminUnit | None) -> str:
        """As it is now, at the time it was reported: each later state takes the place of the one before."""
        fields: dict[str, Value] = {
            "id": self.id,
            "incident": self.incident,
            "title": self.title,
            "state": self.state,
            "level": int(self.level),
            "suspected": int(self.suspected),
            "exercise": int(self.exercise),
            "due_ms": self.due_ms or 0,
            "closed_ms": self.closed_ms or 0,
        }
        tags = {"unit": self.unit, "street": street.code if street else NONE}
        return Point(Measurement.TICKET, tags, fields).line(self.reported_ms, self.id)


@dataclass(frozen=True)
class IncidentRecord:
    """An incident. `level`: now; `peak_level`: the worst so far. `recovered_ms`: None while it goes on."""

    id: str
    nature: str
    risk_class: str | None
    admin: str | None
    area: str | None
    title: str
    level: Level
    peak_level: Level
    alerts: int
    suspected: bool
    exercise: bool
    merged: bool
    opened_ms: int
    recovered_ms: int | None

    def line(self, street: AdminUnit | None) -> str:
        """As it is now, at the time it was opened."""
        fields: dict[str, Value] = {
            "id": self.id,
            "title": self.title,
            "area": self.area or "",
            "level": int(self.level),
            "peak": int(self.peak_level),
            "alerts": self.alerts,
            "suspected": int(self.suspected),
            "exercise": int(self.exercise),
            "merged": int(self.merged),
            "recovered_ms": self.recovered_ms or 0,
        }
        tags = {"nature": self.nature, "class": self.risk_class or NONE, "street": street.code if street else NONE}
        return Point(Measurement.INCIDENT, tags, fields).line(self.opened_ms, self.id)


@dataclass(frozen=True)
class Paper:
    """What is open at a moment, exercises left out."""

    tickets: tuple[TicketRecord, ...] = ()
    incidents: tuple[IncidentRecord, ...] = ()
