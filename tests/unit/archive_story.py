"""A log that the tests of the archive tell second by second, of a district small enough to hold in one's head."""

from dataclasses import dataclass
from functools import cache

from city.city import City
from city.log import BATCH, READINGS, TICK
from city.readings import Batch, Tick, batch_of, encode, encode_tick
from streams.app import Record
from tests.archives import record
from tests.unit.stories import district

MIDNIGHT_MS = 1_694_102_400_000  # 2023-09-08 in Shanghai
SECOND_MS, MINUTE_MS = 1_000, 60_000
SHARDS = 2


@cache
def city() -> City:
    found = district()
    return City(**{**vars(found), "time_zone": "Asia/Shanghai"})


def number_of(device: str) -> int:
    return city().devices[device].number


def batch(at_ms: int, *devices: str, value: float = 1.0) -> Batch:
    n = len(devices)
    return batch_of([number_of(d) for d in devices], [1] * n, [at_ms] * n, [value] * n, list(range(n)), [0] * n)


@dataclass
class Story:
    """A log that is told second by second, in both shards: water and video in one record."""

    now_ms: int = MIDNIGHT_MS - MINUTE_MS
    seconds: int = 0

    def go_on(self, seconds: int) -> list[Record]:
        records = []
        for _ in range(seconds):
            for shard in range(SHARDS):
                at = 2 * self.seconds
                said = batch(self.now_ms, "G1", "C1", "G2", value=float(self.seconds))
                records.append(record(READINGS, shard, at, encode(said), BATCH))
                tick = Tick("ingest-1", self.now_ms, SECOND_MS, True, self.now_ms + 0.5)
                records.append(record(READINGS, shard, at + 1, encode_tick(tick), TICK))
            self.seconds += 1
            self.now_ms += SECOND_MS
        return records
