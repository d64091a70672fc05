"""How fast is a history judged again: readings a second from Parquet through the engine, on all cores, and how much
memory that takes?

It makes a history of its own in a temporary folder, of a hundred thousand devices that report once a minute, as the
archive process would have written it and put it together: a hundred million readings, which is a gigabyte or two and
takes some minutes. Beside it the naive way, on the first tenth: the database sorts each shard's rows by their place in
the log, and the same engine judges them between the same ticks.
"""

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np

from bench.parts.common import base, fleet_of_size, options, show
from bench.parts.days import ROUND_MS, START_MS, rounds
from city.city import City
from city.fleet import Fleet
from city.log import BATCH, KIND, READINGS, TICK
from city.readings import SCHEMA, Batch, Tick, encode, encode_tick
from city.sharding import fleets_of_shards, shard_of_rows
from qianshao.backtest import judge_shards
from rules.authoring.backtest import judge
from rules.engine.shard import Shard
from rules.engine.warm import warm_up
from streams.app import Record
from streams.archive.draft import Draft
from streams.archive.folder import ArchiveFolder
from streams.archive.keeping import Keeper
from streams.archive.replay import Replay

DEVICES, QUICK_DEVICES = 100_000, 10_000
READINGS_WANTED, QUICK_READINGS = 100_000_000, 2_000_000
SHARDS = 4
SECOND_MS = 1_000
NAIVE_SHARE = 10
"""Of all records, so many times fewer are judged the naive way."""
INGEST = "ingest-1"


class Message:
    """What Faust would want back."""

    value: bytes | None = None


def history(folder: Path, city: City, fleet: Fleet, wanted: int) -> tuple[ArchiveFolder, int]:
    """At least so many readings, round by round; each round is a file of each class."""
    archive, made = ArchiveFolder(folder), 0
    draft = Draft(city, 0, archive.change(lambda catalogue: catalogue.with_log("bench", SHARDS)).positions)
    keeper = Keeper(archive, city.time_zone, 0)
    shard_of = shard_of_rows(fleet, SHARDS)
    offsets = [0] * SHARDS
    for number, (whole,) in enumerate(rounds(city, fleet, wanted, wanted, np.random.default_rng(1))):
        for record in records(whole, shard_of[np.searchsorted(fleet.number, whole.device)], number, offsets):
            draft.take(record)
        made += len(whole)
        archive.append(*draft.cut())
        if made >= wanted:
            break
    keeper.keep()
    return archive, made


def records(whole: Batch, shard: Any, number: int, offsets: list[int]) -> Iterator[Record]:
    """A round as the log has it: in each shard, a second's readings and then a tick."""
    seconds = START_MS + number * ROUND_MS + SECOND_MS * np.arange(1, ROUND_MS // SECOND_MS + 1)
    for of in range(SHARDS):
        mine = Batch(*(column[shard == of] for column in whole.columns))
        cuts = [0, *np.searchsorted(mine.event_ms, seconds).tolist()]
        for place, clock_ms in enumerate(seconds.tolist()):
            if cuts[place] < cuts[place + 1]:
                yield record(of, offsets, encode(mine[cuts[place] : cuts[place + 1]]), BATCH)
            yield record(of, offsets, encode_tick(Tick(INGEST, clock_ms, SECOND_MS, True)), TICK)


def record(shard: int, offsets: list[int], value: bytes, kind: bytes) -> Record:
    offsets[shard] += 1
    return Record(READINGS, shard, offsets[shard] - 1, value, {KIND: kind}, Message(), 0)


def naive_per_s(archive: ArchiveFolder, city: City, fleet: Fleet, last: int) -> float:
    """Readings a second where the database puts each shard's rows up to an offset in order."""
    engines = [Shard(city, of, base()[1]) for of in fleets_of_shards(fleet, SHARDS)]
    began = time.perf_counter()
    with ThreadPoolExecutor(cpu_count()) as cores:
        work = [cores.submit(judge, engine, sorted_by_duckdb(archive, n, last)) for n, engine in enumerate(engines)]
        readings = sum(each.result().readings for each in work)
    return readings / (time.perf_counter() - began)


def sorted_by_duckdb(archive: ArchiveFolder, shard: int, last: int) -> Iterator[Batch | Tick]:
    asked = f'where shard = {shard} and "offset" <= {last} order by "offset"'
    database = duckdb.connect()
    ticks = database.sql(f"select * from {source(archive, 'ticks')} {asked}").to_arrow_table().to_pylist()
    rows = database.sql(f'select * from {source(archive, READINGS)} {asked}, "row"').to_arrow_table()
    offset, columns = rows["offset"].to_numpy(), [rows[name].to_numpy() for name in SCHEMA.names]
    whole, done = Batch(*columns), 0
    for tick in ticks:
        until = int(np.searchsorted(offset, tick["offset"]))
        yield whole[done:until]
        yield Tick(tick["ingest"], tick["clock_ms"], tick["step_ms"], tick["up"])
        done = until


def source(archive: ArchiveFolder, table: str) -> str:
    paths = [str(archive.folder / file.path) for file in archive.read().of(table)]
    return f"read_parquet({paths})"


def memory_mb() -> float:
    """The most that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    quick = options(__doc__).parse_args().quick
    warm_up()
    devices, wanted = (QUICK_DEVICES, QUICK_READINGS) if quick else (DEVICES, READINGS_WANTED)
    city, fleet = fleet_of_size(devices)
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        archive, made = history(Path(folder), city, fleet, wanted)
        wrote_s, before_mb = time.perf_counter() - began, memory_mb()
        files = archive.read().files
        began = time.perf_counter()
        judged = judge_shards(Replay(archive.folder, archive.read(), city.time_zone), city, base()[1])
        seconds, after_mb = time.perf_counter() - began, memory_mb()
        records_of_shard = max(span.last for file in files for span in file.spans) + 1
        naive = naive_per_s(archive, city, fleet, records_of_shard // NAIVE_SHARE)
        naive_mb = memory_mb()
    assert sum(each.readings for each in judged) == made
    show(
        "backtest",
        readings_per_s=round(made / seconds),
        ratio_to_naive=round(made / seconds / naive, 1),
        naive_readings_per_s=round(naive),
        readings=made,
        ticks=sum(each.ticks for each in judged),
        transitions=sum(len(each.transitions) for each in judged),
        seconds=round(seconds, 1),
        memory_mb=round(after_mb),
        memory_before_mb=round(before_mb),
        naive_memory_mb=round(naive_mb),
        devices=len(fleet),
        files=len(files),
        bytes_per_reading=round(sum(file.bytes for file in files) / made, 1),
        written_per_s=round(made / wrote_s),
    )


if __name__ == "__main__":
    main()
