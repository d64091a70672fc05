"""The log into the archive, on a real Kafka: killed at any time, nothing is missing in it and nothing twice; and what
it has is judged again to the same alerts, by the same ids."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alerts.store.database import Database
from city.log import BATCH
from city.readings import Batch, Tick
from qianshao.backtest import judge_shards
from qianshao.city_files import load_rules
from qianshao.processes.archive import folder_of
from qianshao.settings import ArchiveSettings, KafkaSettings, Settings
from qianshao.supervisor import Child
from streams.archive.folder import ArchiveFolder
from streams.archive.replay import Replay
from tests.journeys.account import said_beside_the_log
from tests.journeys.district import SHARDS, settings_of
from tests.journeys.record import Record
from tests.journeys.workers import Log, Workers, workers
from tests.servers.process import Server
from tests.waiting import until

pytestmark = pytest.mark.servers

START_S, CAUGHT_UP_S = 60, 60


@dataclass
class Archiving:
    """An archive process on a log, and a detect worker that judges it."""

    log: Log
    settings: Settings
    child: Child
    company: Workers

    def start(self) -> None:
        self.child.start()
        until(lambda: self.child.ready, START_S, self.child.log_file.read_text)

    @property
    def archive(self) -> ArchiveFolder:
        return ArchiveFolder(folder_of(self.settings))

    def replay(self) -> Replay:
        return Replay(self.archive.folder, self.archive.read(), self.log.city.time_zone)

    def written(self) -> int:
        """Readings and ticks that the catalogue has."""
        return sum(file.rows for file in self.archive.read().files if file.table in ("readings", "ticks"))

    def has(self, record: Record) -> bool:
        return self.written() == sum(len(each) if isinstance(each, Batch) else 1 for of in record.said for each in of)


@pytest.fixture
def archiving(private_kafka: Server, tmp_path: Path) -> Iterator[Archiving]:
    log = Log(private_kafka.address)
    kafka = KafkaSettings(servers=log.kafka, shards=SHARDS, fetch_wait_ms=500)
    archive = ArchiveSettings(folder="archive", flush_s=0.2)
    settings = settings_of(tmp_path, log.city, kafka=kafka, archive=archive)
    Database(settings.database).migrate()
    child = Child("archive", settings, tmp_path, ("run",))
    with workers(settings, log) as company:
        yield Archiving(log, settings, child, company)
    child.kill()


def test_killed_again_and_again_it_has_everything_once_and_in_order(archiving: Archiving) -> None:
    log = archiving.log
    for _ in range(3):
        archiving.start()
        before = archiving.written()
        log.go_on(seconds=10)
        until(lambda before=before: archiving.written() > before, CAUGHT_UP_S)  # type: ignore[misc]
        archiving.child.kill()
    log.write((0, BATCH, b"garbage"))
    log.go_on(seconds=5)
    archiving.start()
    record = log.read()
    until(lambda: archiving.has(record), CAUGHT_UP_S, archiving.child.log_file.read_text)
    replay = archiving.replay()
    for shard in range(SHARDS):
        assert rows(replay.said(shard)) == rows(iter(record.said[shard]))
    assert replay.losses == replay.gaps == []


def rows(said: Iterator[Batch | Tick]) -> list[object]:
    """A reading or tick at a time."""
    found: list[object] = []
    for each in said:
        found += [each] if isinstance(each, Tick) else zip(*(c.tolist() for c in each.columns), strict=True)
    return found


def test_told_to_stop_it_first_writes_what_the_log_has_by_then(archiving: Archiving) -> None:
    archiving.settings.archive.flush_s = 3600.0
    archiving.start()
    archiving.log.go_on(seconds=5)
    archiving.child.stop()
    assert archiving.has(archiving.log.read()), archiving.child.log_file.read_text()


def test_the_archive_is_judged_again_to_the_alerts_that_were_told(archiving: Archiving) -> None:
    log, company = archiving.log, archiving.company
    company.start("one")
    log.go_on(seconds=30)
    company.until(log.said, "all that follows from the log is said")
    company.stop()
    archiving.start()
    record = log.read()
    until(lambda: archiving.has(record), CAUGHT_UP_S)
    archiving.child.stop()
    replay, pack = archiving.replay(), load_rules(archiving.settings, log.city)
    again = [told for judged in judge_shards(replay, log.city, pack) for told in judged.transitions]
    live = {told.id: told for told in record.alerts}
    beside = {told.id: told for told in said_beside_the_log(record, again)}
    assert {told.id: told for told in again} | beside == live != beside
    assert {told.id: told for told in replay.alerts()} == live
