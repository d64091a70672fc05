"""The database: whether it answers, whether its tables are ours, and how fresh is what it knows of the shards."""

from collections.abc import Iterator

from sqlalchemy import select

from alerts.store import schema
from alerts.store.database import Database
from alerts.store.rules import RuleStore
from city.clock import wall_ms
from city.errors import QianshaoError
from qianshao.city_files import load_city
from qianshao.clockfile import timekeeper
from qianshao.doctor.findings import Finding, failure, graded, warning, well
from qianshao.settings import Settings
from qianshao.stores import opened
from streams.rules import RuleSource

STALE_S = 60.0
"""As on the page: without a checkpoint for so long 判定停摆, and with a log so far behind 滞后."""
PATIENCE = 3
"""So many checkpoints may be due before one is missed, where they are rarer than that."""


def database(settings: Settings) -> Iterator[Finding]:
    """Whether it answers with our tables, and which rules it says are in force."""
    with opened(settings) as store:
        try:
            current = store.is_current()
        except QianshaoError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a driver raises: the user wants to see it)
            yield failure("database", repr(error), "is the server up, are URL, user and password right?")
            return
        tables = "" if current else ", without the tables of this version: the first process that starts makes them"
        yield well("database", settings.database.rpartition("@")[2] + tables)
        yield _in_force(store, current, settings)


def _in_force(store: Database, current: bool, settings: Settings) -> Finding:
    """Which rules are: once anybody has published any, they go before the folder of the settings."""
    now = RuleStore(store).ledger().in_force if current else None
    if now is None:
        return well("rules in force", f"the folder {settings.rules}; nothing was ever published")
    rules = RuleSource(RuleStore(store), load_city(settings), settings.rules, "doctor").begin()
    if rules.refused is not None:
        remedy = "publish one that loads, or `qianshao rules rollback`; until then an earlier one judges"
        return failure("rules in force", f"version {now.version} does not load: {rules.refused.why}", remedy)
    by = f"by {now.proposed_by}" + (f", approved by {now.approved_by}" if now.approved_by else "")
    return well("rules in force", f"version {now.version}, {rules.pack.title} {rules.pack.version}, published {by}")


def freshness(settings: Settings) -> Iterator[Finding]:
    """How old the newest of each shard is: its checkpoint, by the wall, and its log time, by the clock of ingest."""
    with opened(settings) as store:
        if not store.is_current():
            return
        with store.reading() as connection:
            rows = list(connection.execute(select(schema.shards)))
    saved = [row for row in rows if row.log_ms is not None]
    if not saved:
        yield warning("shards", "nothing has been judged yet", "is detect running, and does it say anything?")
        return
    now_ms, wall = timekeeper(settings.clock.file).now_ms(), wall_ms()
    yield _checkpoints([(wall - row.saved_wall_ms) / 1000 for row in saved], settings)
    yield _log_time([(now_ms - row.log_ms) / 1000 for row in saved])


def _checkpoints(ages_s: list[float], settings: Settings) -> Finding:
    stale_s = max(STALE_S, PATIENCE * settings.detect.checkpoint_s)
    old, missing = sum(age_s > stale_s for age_s in ages_s), settings.kafka.shards - len(ages_s)
    detail = f"{len(ages_s)} of {settings.kafka.shards} shards, the oldest {max(ages_s):.0f} s old"
    remedy = "is detect running, and can it save? its lines say what it waits for"
    return graded("checkpoints", detail, remedy, missing > 0, old > 0)


def _log_time(ages_s: list[float]) -> Finding:
    detail = f"the slowest shard is {max(ages_s):.0f} s behind the clock"
    remedy = "alerts are late by so much: does detect keep up (lag), do all ingest processes run?"
    return graded("log time", detail, remedy, max(ages_s) > STALE_S, False)
