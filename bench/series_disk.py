"""How much disk do the series take?

A day of a fleet in the usual mix, each device with a message every interval of its own, written as a series worker
writes it into an InfluxDB of its own, and rolled up. Bytes are what its buckets have on disk once nothing waits in the
write-ahead log.

raw_bytes_per_message: a message is a point, with all its values as fields. minute_ and hour_bytes_per_device_day: what
the tasks make of them, with the summaries of classes in streets.

Beside it, the naive way: each value a point of its own, with its indicator as a tag.
"""

import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.parts.common import fleet_of_size, options, show
from city.city import City
from city.readings import Batch
from city.series import Measurement
from streams.series import buckets
from streams.series.influx import Influx
from streams.series.lines import ReadingLines
from tests.servers.influxdb import INFLUXDB, ORG, TOKEN, server_in, set_up
from tests.wall import influx_of

BUCKET, BLOCK = "qianshao", 512
AT_ONCE = {"INFLUXD_STORAGE_CACHE_SNAPSHOT_WRITE_COLD_DURATION": "1s"}
READING = re.compile(rf"^{Measurement.READING}(,\S+) (\S+) (\d+)$")
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def main(devices: int, hours: int) -> None:
    city, fleet = fleet_of_size(devices)
    lines = list(_lines(city, hours))
    with tempfile.TemporaryDirectory() as folder:
        with _influx(Path(folder) / "ours") as (influx, engine):
            influx.write(lines)
            for _ in buckets.rollup(influx, BEGAN, BEGAN + timedelta(hours=hours)):
                pass
            raw, minute, hour = (_bytes(influx, engine, name) for name in vars(influx.options.buckets).values())
        with _influx(Path(folder) / "naive") as (influx, engine):
            influx.write(list(_naive(lines)))
            naive = _bytes(influx, engine, BUCKET)
    days = hours / 24
    show(
        "series_disk",
        devices=len(fleet),
        hours=hours,
        messages=len(lines),
        messages_per_device_day=round(len(lines) / len(fleet) / days),
        raw_bytes_per_message=round(raw / len(lines), 1),
        minute_bytes_per_device_day=round(minute / len(fleet) / days),
        hour_bytes_per_device_day=round(hour / len(fleet) / days),
        naive_raw_bytes_per_message=round(naive / len(lines), 1),
    )


def _lines(city: City, hours: int) -> Iterator[str]:
    """What the devices say in so many hours: a value or two, that walk about as measured ones do."""
    lines_of, chance = ReadingLines(city), np.random.default_rng(1)
    types = {t.slug: t for t in city.catalogue.device_types}
    for device in city.devices.values():
        seconds = np.arange(0, hours * 3600, device.interval_s or types[device.type].interval_s)
        risk_class = city.area_of(device).risk_class
        told = [i.number for i in city.catalogue.reported(risk_class, device.type)][:2]
        yield from _of_device(lines_of, device.number, told, seconds, chance)


def _of_device(
    lines_of: ReadingLines, number: int, told: list[int], seconds: "np.ndarray", chance: np.random.Generator
) -> list[str]:
    n, k = len(seconds), len(told)
    walks = np.round(np.cumsum(chance.normal(0, 0.1, (n, k)), axis=0) + 10, 1)
    at_ms = np.repeat(seconds * 1000 + int(BEGAN.timestamp() * 1000), k)
    return lines_of.of(
        Batch(
            device=np.full(n * k, number, np.uint32),
            indicator=np.tile(np.array(told, np.uint16), n),
            event_ms=at_ms.astype(np.int64),
            value=walks.ravel(),
            seq=np.repeat(np.arange(n, dtype=np.uint32), k),
            flags=np.zeros(n * k, np.uint8),
        )
    )[0]


def _naive(lines: list[str]) -> Iterator[str]:
    for tags, fields, at in (found.groups() for line in lines if (found := READING.match(line))):
        for name, value in (field.split("=") for field in fields.split(",")):
            yield f"value{tags},indicator={name} value={value} {at}"


@contextmanager
def _influx(folder: Path) -> Iterator[tuple[Influx, Path]]:
    folder.mkdir()
    server = server_in(INFLUXDB.find(own=True), folder, AT_ONCE)
    server.start()
    try:
        set_up(server.address)
        influx = influx_of(f"http://{server.address}", TOKEN, ORG, BUCKET)
        list(buckets.init(influx, dict.fromkeys(vars(influx.options.buckets).values(), 0)))
        yield influx, folder / "engine"
    finally:
        server.kill()


def _bytes(influx: Influx, engine: Path, bucket: str) -> int:
    number = influx.client.buckets_api().find_bucket_by_name(bucket).id
    while any(path.stat().st_size for path in (engine / "wal" / number).rglob("*.wal")):
        time.sleep(0.2)
    used = [path.stat().st_blocks * BLOCK for path in (engine / "data" / number).rglob("*") if path.is_file()]
    return sum(used)  # not their sizes: series files are made large, and empty


if __name__ == "__main__":
    sys.exit(main(100, 6) if options(__doc__).parse_args().quick else main(300, 24))
