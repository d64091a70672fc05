"""What `qianshao doctor` says of the database, and of the shards that it knows."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from alerts.store import schema
from alerts.store.database import Database
from city.clock import wall_ms
from qianshao.doctor import clock, store
from qianshao.doctor.findings import Outcome
from qianshao.settings import KafkaSettings, Settings
from tests.journeys.findings import only, said, settings_in
from tests.servers.postgres import Store

pytestmark = pytest.mark.servers

SHARDS = 2


def test_a_database_that_answers_is_well_and_its_clock_is_ours(postgres_url: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data", database=postgres_url)
    found = said(store.database, settings)
    assert {what: finding.outcome for what, finding in found.items()} == {
        "database": Outcome.OK,
        "rules in force": Outcome.OK,
    }
    assert not settings.data.exists(), "in a container nothing can be written there"
    assert said(clock.clocks, settings)["clock against the database"].detail == "the same"


def test_a_database_that_was_stopped_does_not_answer(private_postgres: Store, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, database=private_postgres.new_database())
    private_postgres.server.stop()
    for check in (store.database, store.freshness):
        finding = only(said(check, settings))
        assert finding.outcome is Outcome.FAIL and "does not answer" in finding.detail


@pytest.mark.parametrize("wrong", [{"username": "nobody-here"}, {"database": "not_there"}])
def test_a_database_that_refuses_us_is_told_in_its_words_and_without_our_password(
    postgres_url: str, tmp_path: Path, wrong: dict[str, str]
) -> None:
    url = make_url(postgres_url).set(password="a-secret", **wrong).render_as_string(hide_password=False)
    finding = only(said(store.database, settings_in(tmp_path, database=url)))
    assert finding.outcome is Outcome.FAIL
    assert next(iter(wrong.values())) in finding.detail
    assert "a-secret" not in finding.detail + finding.remedy


@dataclass
class Shards:
    """What the store has of them."""

    settings: Settings

    def saved(self, shard: int, log_age_s: float = 0.0, age_s: float = 0.0) -> None:
        row = {"shard": shard, "fence": 1, "owner": "detect-1", "offset": 1, "status": {}}
        times = {"saved_wall_ms": wall_ms() - 1000 * age_s, "log_ms": int(wall_ms() - 1000 * log_age_s)}
        database = Database(self.settings.database)
        with database.writing() as connection:
            connection.execute(schema.shards.insert(), row | times)
        database.dispose()

    def said(self) -> dict[str, Outcome]:
        return {what: finding.outcome for what, finding in said(store.freshness, self.settings).items()}


@pytest.fixture(params=["PostgreSQL", "SQLite"])
def shards(request: pytest.FixtureRequest, tmp_path: Path) -> Shards:
    url = request.getfixturevalue("postgres_url") if request.param == "PostgreSQL" else ""
    settings = settings_in(tmp_path, database=url, kafka=KafkaSettings(shards=SHARDS))
    database = Database(settings.database)
    database.migrate()
    database.dispose()
    return Shards(settings)


def test_shards_that_nobody_has_judged_are_told(shards: Shards) -> None:
    assert shards.said() == {"shards": Outcome.WARN}


def test_shards_that_are_saved_and_up_to_date_are_well(shards: Shards) -> None:
    for shard in range(SHARDS):
        shards.saved(shard)
    assert shards.said() == {"checkpoints": Outcome.OK, "log time": Outcome.OK}


def test_a_shard_that_nobody_has_claimed_is_told(shards: Shards) -> None:
    shards.saved(0)
    assert shards.said()["checkpoints"] is Outcome.WARN


def test_a_shard_that_is_saved_no_more_fails(shards: Shards) -> None:
    shards.saved(0)
    shards.saved(1, age_s=90)
    assert shards.said() == {"checkpoints": Outcome.FAIL, "log time": Outcome.OK}


def test_a_shard_that_is_behind_is_told(shards: Shards) -> None:
    shards.saved(0)
    shards.saved(1, log_age_s=90)
    assert shards.said() == {"checkpoints": Outcome.OK, "log time": Outcome.WARN}
