"""Archives for tests: what a log says, written as the archive process writes it, without a log."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from city.city import City
from city.fleet import fleet_of
from city.log import ALERTS, BATCH, KIND, READINGS, TICK
from city.readings import Batch, Tick, encode, encode_tick
from city.sharding import shard_of_rows
from city.transitions import Transition, encode_transition
from qianshao.offline import Observer
from streams.app import Record
from streams.archive.draft import Draft
from streams.archive.folder import ArchiveFolder
from streams.archive.replay import Replay

LOG = "the log"


class Message:
    """What a record's message is to who archives it: nothing."""

    value: bytes | None = None


def record(topic: str, partition: int, offset: int, value: bytes, kind: bytes = b"") -> Record:
    return Record(topic, partition, offset, value, {KIND: kind} if kind else {}, Message(), 0)


@dataclass
class Scribe(Observer):
    """Keeps a play as the records of a log. `told`: what the engines said while it was played."""

    city: City
    shards: int
    records: list[Record] = field(default_factory=list)
    told: list[Transition] = field(default_factory=list)

    def __post_init__(self) -> None:
        fleet = fleet_of(self.city)
        self._shard_of = dict(zip(fleet.number.tolist(), shard_of_rows(fleet, self.shards).tolist(), strict=True))
        self._next: dict[tuple[str, int], int] = {}

    def readings(self, batch: Batch) -> None:
        self._write(READINGS, self._shard_of[int(batch.device[0])], encode(batch), BATCH)

    def tick(self, tick: Tick) -> None:
        for shard in range(self.shards):
            self._write(READINGS, shard, encode_tick(tick), TICK)

    def transition(self, transition: Transition) -> None:
        self.told.append(transition)
        self._write(ALERTS, crc32(transition.alert.encode()) % self.shards, encode_transition(transition))

    def _write(self, topic: str, partition: int, value: bytes, kind: bytes = b"") -> None:
        offset = self._next.get((topic, partition), 0)
        self._next[topic, partition] = offset + 1
        self.records.append(record(topic, partition, offset, value, kind))


def archived(
    folder: Path, city: City, records: Iterable[Record], shards: int, at_once: int = 1000, log: str = LOG
) -> ArchiveFolder:
    """Records in a folder, written after every so many of them."""
    archive = ArchiveFolder(folder)
    known = archive.change(lambda catalogue: catalogue.with_log(log, shards))
    draft = Draft(city, known.logs.index(log), known.positions)
    for number, each in enumerate(records):
        if draft.is_new(each):
            draft.take(each)
        if (number + 1) % at_once == 0:
            archive.append(*draft.cut())
    archive.append(*draft.cut())
    return archive


def replay_of(archive: ArchiveFolder, start_ms: int | None = None, end_ms: int | None = None) -> Replay:
    return Replay(archive.folder, archive.read(), "Asia/Shanghai", start_ms, end_ms)
