"""Incidents as the scorer wants them, from the store or from an offline play, and the score as JSON."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import func, select

from alerts.book import Book
from alerts.store import schema as t
from alerts.store.database import Database
from city.levels import Level
from simulators.score import Observed, Score


def observed_in_store(database: Database) -> list[Observed]:
    """Every incident that was not merged into another, with its number of tickets."""
    i, tickets = t.incidents, t.tickets
    counted = select(tickets.c.incident, func.count().label("n")).group_by(tickets.c.incident).subquery()
    query = select(i, counted.c.n).join(counted, counted.c.incident == i.c.id, isouter=True)
    with database.reading() as connection:
        rows = connection.execute(query.where(i.c.merged_into.is_(None)).order_by(i.c.opened_ms, i.c.id)).all()
    return [_observed(row, row.n or 0) for row in rows]


def observed_in_book(book: Book) -> Iterable[Observed]:
    """As `observed_in_store`, of an offline play."""
    for incident in book.incidents.values():
        if incident.merged_into is None:
            yield _observed(incident, 1 if incident.id in book.tickets else 0)


def summary(found: Score) -> dict[str, Any]:
    """The figures of a score."""
    return {
        "expected": found.expected,
        "caught": len(found.caught),
        "missed": len(found.missed),
        "false": len(found.false),
        "off_level": len(found.off_level),
        "delay_p50_s": found.delay_p50_s,
        "delay_p99_s": found.delay_p99_s,
        "tickets_per_cause": found.tickets_per_cause,
    }


def details(found: Score) -> dict[str, Any]:
    """What was missed, false or of a wrong level, in words."""
    return {
        "missed_details": [f"{miss.expected.why}: {miss.why}" for miss in found.missed],
        "false_details": [f"{alarm.why}: {_short(alarm.observed)}" for alarm in found.false],
        "off_level_details": [f"{catch.expected.why}: {_short(catch.observed)}" for catch in found.off_level],
    }


def _short(observed: Observed) -> dict[str, Any]:
    names = ("nature", "risk_class", "subject", "cause", "peak_level", "opened_ms")
    return {name: value for name, value in msgspec.to_builtins(observed).items() if name in names}


def _observed(incident: Any, tickets: int) -> Observed:
    nature = getattr(incident.nature, "value", incident.nature)
    return Observed(
        id=incident.id,
        nature=nature,
        risk_class=incident.risk_class,
        admin=incident.admin,
        area=incident.area,
        subject=incident.subject,
        cause=incident.cause,
        peak_level=Level(incident.peak_level),
        opened_ms=incident.opened_ms,
        tickets=tickets,
    )
