"""Incidents as the scorer wants them, from the store or from an offline play, and the score as JSON."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import typer
from sqlalchemy import func, select

from alerts.deadlines import load_policy
from alerts.incidents import Book
from alerts.store import schema as t
from alerts.store.database import Database
from city.levels import Level
from city.tables import read_city
from qianshao.city_files import load_rules
from qianshao.offline import play_offline
from qianshao.settings import Settings
from simulators.scenario import load_scenario
from simulators.score import Observed, Score, score

OFFLINE_TICK_MS = 1000


def run_score(settings: Settings, scenario_name: str, offline: bool, began: datetime | None = None) -> int:
    """Print the score of a scenario; 0 when nothing was missed or false, else 1. `began`: when it was played, if not at
    its own time."""
    scenario = load_scenario(scenario_name)
    if began is not None:
        scenario = scenario.moved_to(round(began.timestamp() * 1000))
    city = scenario.populate(read_city(settings.city))
    if offline:
        shards = settings.kafka.shards
        pack, policy = load_rules(settings, city), load_policy(settings.city)
        play = play_offline(scenario.play(city), city, pack, policy, shards, OFFLINE_TICK_MS, scenario.end_ms)
        found = score(scenario.expected(city), list(observed_in_book(play.book)))
        extra = {"published": play.messages, "readings": play.readings, "dead_letters": dict(play.letters)}
    else:
        found = score(scenario.expected(city), observed_in_store(Database(settings.database)))
        extra = {}
    typer.echo(json.dumps({"scenario": scenario.id, **extra, **summary(found), **details(found)}, ensure_ascii=False))
    return 0 if found.perfect else 1


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
