"""What is suspected and what is to be done, kept in the store, and in a store that an older program has made."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, Table

from alerts.store import schema as t
from alerts.store.database import MIGRATIONS, Database
from alerts.store.incidents import IncidentStore
from city.levels import Level
from tests.unit.stories import Teller, district, policy

RED, YELLOW = Level.RED, Level.YELLOW


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'desk.db'}")


@pytest.fixture
def store(database: Database) -> IncidentStore:
    database.migrate()
    return IncidentStore(database, district(), policy())


def rows(database: Database, table: Table) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(table.select().order_by(table.c.id))]


def test_doubt_and_advice_are_kept_and_gone_on_with_after_a_restart(database: Database, store: IncidentStore) -> None:
    teller = Teller()
    first = teller.says("depth", "G1", YELLOW, suspected=True, actions=("设置警示",))
    other = teller.says("depth", "G2", YELLOW, suspected=True, actions=("设置警示", "封闭道路"))
    store.record([first, other], [], 0.0)
    (incident,), (ticket,) = rows(database, t.incidents), rows(database, t.tickets)
    assert (incident["suspected"], incident["doubted"]) == (True, [0, 0, 2, 0, 0])
    assert incident["advised"] == {"设置警示": 2, "封闭道路": 1}
    assert (ticket["suspected"], ticket["actions"]) == (True, ["设置警示", "封闭道路"])
    kept = {row["subject"]: (row["suspected"], row["actions"]) for row in rows(database, t.alerts)}
    assert kept == {"G1": (True, ["设置警示"]), "G2": (True, ["设置警示", "封闭道路"])}

    store.record([teller.says("depth", "G2", YELLOW, actions=("设置警示", "封闭道路"))], [], 0.0)
    (incident,), (ticket,) = rows(database, t.incidents), rows(database, t.tickets)
    assert (incident["suspected"], incident["doubted"]) == (False, [0, 0, 1, 0, 0])
    assert (ticket["suspected"], ticket["title"]) == (False, "低洼: 积水深度")
    assert sorted(row["detail"]["confirms"] for row in rows(database, t.transitions)) == [False, False, True]
    assert {row["action"] for row in rows(database, t.ticket_events)} == {"report", "confirm"}


def test_a_confirmation_that_is_replayed_is_told_once(database: Database, store: IncidentStore) -> None:
    teller = Teller()
    told = [teller.says("depth", "G1", YELLOW, suspected=True), teller.says("depth", "G1", YELLOW)]
    store.record(told, [], 0.0)
    assert store.record(told, [], 0.0).transitions == 0
    assert sorted(row["kind"] for row in rows(database, t.outbox)) == ["incident.confirmed", "incident.opened"]


def test_a_store_of_the_version_before_comes_up_and_goes_on(database: Database) -> None:
    goes_on_from_version_one(database)


@pytest.mark.servers
def test_so_does_one_on_postgresql(postgres_url: str) -> None:
    database = Database(postgres_url)
    goes_on_from_version_one(database)
    database.dispose()


def goes_on_from_version_one(database: Database) -> None:
    """An open yellow incident that the first version has left is raised, confirmed and advised on by this one."""
    teller = Teller()
    before = teller.says("depth", "G1", YELLOW)
    left = _left_behind(teller.city, before)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for name in ("incidents", "alerts", "tickets"):
            _insert_what_fits(connection, name, left[name])
    database.migrate()
    store = IncidentStore(database, teller.city, policy())
    assert rows(database, t.incidents)[0]["suspected"] is False

    store.record([teller.says("depth", "G1", RED, actions=("封闭道路",))], [], 0.0)
    (incident,), (ticket,) = rows(database, t.incidents), rows(database, t.tickets)
    assert (incident["level"], incident["active"], incident["doubted"]) == (4, [0, 0, 0, 0, 1], [0] * 5)
    assert (incident["advised"], ticket["level"], ticket["actions"]) == ({"封闭道路": 1}, 4, ["封闭道路"])


def _left_behind(city: Any, *told: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows that some transitions make, as of today."""
    database = Database("sqlite://")
    database.migrate()
    IncidentStore(database, city, policy()).record(list(told), [], 0.0)
    return {table.name: rows(database, table) for table in (t.incidents, t.alerts, t.tickets)}


def _insert_what_fits(connection: Connection, name: str, found: list[dict[str, Any]]) -> None:
    """Rows into a table as it is in the database, without the columns that it does not have yet."""
    table = Table(name, MetaData(), autoload_with=connection)
    connection.execute(table.insert(), [{k: v for k, v in row.items() if k in table.c} for row in found])
