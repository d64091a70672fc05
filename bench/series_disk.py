"""How much disk do the series take?

A day of a fleet in the usual mix, each device with a message every interval of its own, written as a series worker
writes it into an InfluxDB of its own, and rolled up. Bytes are what its buckets have on disk when it has stopped and
written everything to its files.

raw_bytes_per_message: a message is a point, with all its values as fields. minute_ and hour_bytes_per_device_day: what
the tasks make of them, with the summaries of classes in streets.

Beside it, the naive way: each value a point of its own, with its indicator as a tag.
"""

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.parts.common import fleet_of_size, options, show
from city.city import City
from city.readings import Batch
from streams.series import buckets
from streams.series.lines import ReadingLines
from streams.series.rollups import rollup
from tests.servers.influxdb import INFLUXDB, ORG, TOKEN, server_in, set_up
from tests.wall import influx_of

BLOCK = 512
SOON = {"INFLUXD_STORAGE_CACHE_SNAPSHOT_WRITE_COLD_DURATION": "1s"}
AT_REST_S = 3.0
"""When nothing has changed in the write-ahead log for so long, all is in files."""
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def main(devices: int, hours: int) -> None:
    city, fleet = fleet_of_size(devices)
    lines = list(_lines(city, hours))
    raw, minute, hour = _bytes_of(lines, hours)
    naive, _, _ = _bytes_of(list(_naive(lines)), 0)
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
    for line in lines:
        series, fields, at = line.split(" ")
        tags = series[series.index(",") :]
        for name, value in (field.split("=") for field in fields.split(",")):
            yield f"value{tags},indicator={name} value={value} {at}"


def _bytes_of(lines: list[str], hours: int) -> list[int]:
    """On disk, of the buckets of points, minutes and hours, when lines were written and so many hours rolled up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = server_in(INFLUXDB.find(own=True), folder, SOON)
        server.start()
        set_up(server.address)
        influx = influx_of(f"http://{server.address}", TOKEN, ORG, "qianshao")
        list(buckets.init(influx, dict.fromkeys(vars(influx.options.buckets).values(), 0)))
        influx.write(lines)
        for _ in rollup(influx, BEGAN, BEGAN + timedelta(hours=hours)):
            pass
        api = influx.client.buckets_api()
        numbers = [api.find_bucket_by_name(bucket).id for bucket in vars(influx.options.buckets).values()]
        _come_to_rest(folder / "engine" / "wal")
        server.kill()
        return [_used(folder / "engine" / "data" / number) for number in numbers]


def _come_to_rest(log: Path) -> None:
    before, now = -1, _used(log)
    while before != now:
        time.sleep(AT_REST_S)
        before, now = now, _used(log)


def _used(folder: Path) -> int:
    """Blocks, and not sizes: series files are made large, and empty."""
    return sum(path.stat().st_blocks * BLOCK for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main(*((100, 6) if options(__doc__).parse_args().quick else (300, 24)))
