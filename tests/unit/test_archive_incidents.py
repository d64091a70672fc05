"""Incidents in the archive: as the store has them, each once, however often they change."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alerts.store.database import Database
from alerts.store.incidents import IncidentStore
from city.levels import Level
from streams.archive.folder import ArchiveFolder
from streams.archive.standing import Incidents
from tests.unit.stories import Teller, district, policy

ZONE = "Asia/Shanghai"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'desk.db'}")
    database.migrate()
    return database


@pytest.fixture
def folder(tmp_path: Path) -> ArchiveFolder:
    return ArchiveFolder(tmp_path / "archive")


def kept(folder: ArchiveFolder) -> dict[str, tuple[str, int, bool]]:
    """Class, level now and whether it is open of each incident, by its title."""
    found = {}
    for file in folder.read().of("incidents"):
        for row in pq.read_table(folder.folder / file.path).to_pylist():
            assert row["title"] not in found
            found[row["title"]] = (file.risk_class, row["level"], row["open"])
    return found


def test_what_changes_takes_the_place_of_what_was_and_the_rest_stays(database: Database, folder: ArchiveFolder) -> None:
    store, teller, incidents = (
        IncidentStore(database, district(), policy()),
        Teller(),
        Incidents(database, folder, ZONE),
    )
    store.record([teller.says("depth", "G1", Level.YELLOW), teller.says("offline", "C1", Level.BLUE)], [], 0.0)
    assert len(incidents.copy()) == 2
    store.record([teller.says("depth", "G1", Level.RED)], [], 0.0)
    (changed,) = incidents.copy()
    assert changed.risk_class == "waterlogging"
    assert sorted(kept(folder).values()) == [("video", Level.BLUE, True), ("waterlogging", Level.RED, True)]
    assert [removed.path for removed in folder.read().removed] != [changed.path]


def test_what_has_not_changed_is_not_written_again_after_a_restart_either(
    database: Database, folder: ArchiveFolder
) -> None:
    store, teller = IncidentStore(database, district(), policy()), Teller()
    store.record([teller.says("depth", "G1", Level.YELLOW)], [], 0.0)
    first = Incidents(database, folder, ZONE)
    assert len(first.copy()) == 1
    assert first.copy() == Incidents(database, folder, ZONE).copy() == []


def test_without_any_incident_there_is_nothing_to_write(database: Database, folder: ArchiveFolder) -> None:
    assert Incidents(database, folder, ZONE).copy() == []
