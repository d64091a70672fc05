"""How many readings a second does the engine judge on one core, with the shipped rules?

At 1 k, 100 k and 1 M devices: batches of 4,096 and of 16, bytes a series, and the first call of a fresh process; beside
the plain reference interpreter on the same readings. Run: `python -m bench.engine [--quick]`.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.common import ROUND_MS, START_MS, base, fleet_of_size, quick, rounds, show
from city.readings import Batch, Tick
from rules.engine.shard import Shard
from tests.laws.reference import Interpreter

BATCH, SMALL = 4096, 16
REPEATS = 3
FIRST_CALL = """
import time, numpy as np
from bench.common import base, fleet_of_size, rounds, START_MS
from city.readings import Tick
from rules.engine.shard import Shard
city, fleet = fleet_of_size(1000)
batch = next(rounds(city, fleet, 16, 1, np.random.default_rng(1)))[0]
shard = Shard(city, fleet, base()[1])
began = time.perf_counter()
shard.tick(Tick("i", START_MS, 1000, True)); shard.apply(batch); shard.tick(Tick("i", START_MS + 1000, 1000, True))
print(time.perf_counter() - began)
"""


@dataclass
class Timed:
    rows: int = 0
    seconds: float = 0.0
    batches: int = 0

    @property
    def per_row_ns(self) -> float:
        return self.seconds / self.rows * 1e9


def judge(engine: Any, played: list[list[Batch]], later_ms: int = 0) -> Timed:
    """Time an engine on rounds of batches, with a tick before each round; the ticks are not counted."""
    timed = Timed()
    for number, batches in enumerate(played):
        engine.tick(Tick("bench", START_MS + later_ms + number * ROUND_MS, ROUND_MS, True))
        for batch in batches:
            began = time.perf_counter()
            engine.apply(batch)
            timed.seconds += time.perf_counter() - began
            timed.rows += len(batch)
            timed.batches += 1
    return timed


def later(played: list[list[Batch]], by_ms: int, seq: int) -> list[list[Batch]]:
    """The same rounds at a later time."""
    return [
        [Batch(b.device, b.indicator, b.event_ms + by_ms, b.value, b.seq + seq, b.flags) for b in batches]
        for batches in played
    ]


def best(devices: int, size: int, count: int, most: int) -> tuple[Timed, Shard]:
    """The best of REPEATS runs over the same readings, each at a later time."""
    city, fleet = fleet_of_size(devices)
    shard = Shard(city, fleet, base()[1])
    rng = np.random.default_rng(devices + size)
    played = [batches[:most] for batches in rounds(city, fleet, min(size, len(fleet)), count, rng)]
    runs = []
    for repeat in range(REPEATS):
        by_ms = repeat * (count + 2) * ROUND_MS
        runs.append(judge(shard, later(played, by_ms, repeat * count), by_ms))
    return min(runs, key=lambda timed: timed.per_row_ns), shard


def at(devices: int) -> dict[str, Any]:
    """Figures at one size of fleet."""
    count = max(2, (200_000 if quick() else 1_000_000) // devices)
    large, shard = best(devices, BATCH, count, most=500)
    small, _ = best(devices, SMALL, 2, most=1500)
    return {
        "devices": devices,
        "readings_per_s": round(1e9 / large.per_row_ns),
        "ns_per_reading": round(large.per_row_ns, 1),
        "batch_of_16_us": round(small.seconds / small.batches * 1e6, 2),
        "series": shard.series_count,
        "bytes_per_series": round(shard.nbytes / shard.series_count, 1),
    }


def reference_per_s(devices: int) -> float:
    """Readings a second of the reference interpreter, on the same kind of readings."""
    city, fleet = fleet_of_size(devices)
    played = list(rounds(city, fleet, min(BATCH, len(fleet)), 3, np.random.default_rng(7)))
    interpreter = Interpreter(city, fleet, base()[1])
    return 1e9 / judge(interpreter, played).per_row_ns


def first_call_s() -> float:
    """Seconds of the first tick, batch and tick of a fresh process, with the kernels in the cache."""
    done = subprocess.run([sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    sizes = (1_000, 100_000) if quick() else (1_000, 100_000, 1_000_000)
    best(1_000, BATCH, 2, most=10)  # load the kernels
    figures = [at(devices) for devices in sizes]
    naive = reference_per_s(1_000)
    show(
        "engine",
        sizes=figures,
        reference_readings_per_s=round(naive),
        times_reference=round(figures[0]["readings_per_s"] / naive, 1),
        largest_to_smallest_cost=round(figures[-1]["ns_per_reading"] / figures[0]["ns_per_reading"], 2),
        first_call_s=round(first_call_s(), 2),
    )


if __name__ == "__main__":
    main()
