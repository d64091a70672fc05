"""How many readings a second does the engine judge on one core, with the shipped rules?

At 1 k, 100 k and 1 M devices, on a quiet day: batches of 4,096 and of 16, and bytes a series; at 100 k a storm too, in
which it rains and floods everywhere; the first call of a fresh process; and beside it the plain reference interpreter,
on the same readings. The figures at the front are those of 100 k devices. Takes a minute or two: so does the layout of
a million devices.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.parts.common import base, fleet_of_size, options, show
from bench.parts.days import BEATS, ROUND_MS, START_MS, rounds
from city.city import City
from city.fleet import Fleet
from city.readings import Batch, Tick
from rules.engine.plans import plan_kinds
from rules.engine.shard import Shard
from rules.engine.subjects import subjects_of
from rules.engine.warm import warm_up
from tests.laws.interpreter import Interpreter

BATCH, SMALL = 4096, 16
SECOND_MS = 1000
FLEET = 100_000
ROWS = 1_000_000
MANY = 1_000_000
STORM_ROUNDS = 16
READINGS = 10  # in a message, about
SPEAKING = 100_000
"""At most so many devices send in a round: a million with all their readings would take gigabytes."""
FIRST_CALL = """
import time, numpy as np
from bench.parts.common import base, fleet_of_size
from bench.parts.days import START_MS, rounds
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


def best(shard: Shard, played: list[list[Batch]], seconds: float, least: int) -> Timed:
    """The best of as many runs over the same readings as take so long, and of some at least: what else the machine does
    only ever adds to a run. Each is later than the one before, but one round's little, lest a million devices that
    send no beat in it fall silent."""
    runs: list[Timed] = []
    gap_ms = ROUND_MS
    while len(runs) < least or sum(run.seconds for run in runs) < seconds:
        by_ms = max(0, shard.log_ms - START_MS) + gap_ms
        runs.append(judge(shard, later(played, by_ms, by_ms // SECOND_MS), by_ms))
        gap_ms = ROUND_MS if len(played) > 1 else SECOND_MS
    return min(runs, key=lambda timed: timed.per_row_ns)


def at(devices: int, quick: bool) -> dict[str, Any]:
    """Figures at one size of fleet."""
    rows = ROWS // 4 if quick else ROWS
    seconds = 3.0
    if quick:
        seconds = 2.0 if devices == MANY else 0.2  # a virtual machine's new memory is slow at first
    city, fleet = fleet_of_size(devices)
    shard = Shard(city, fleet, base()[1])
    count = max(1, rows // devices // READINGS)
    rng = np.random.default_rng(devices)
    large = best(shard, list(rounds(city, fleet, BATCH, count, rng, SPEAKING)), seconds, least=12)
    small = best(shard, list(rounds(city, fleet, SMALL, 1, rng, SPEAKING // READINGS)), 0.2, least=2)
    return {
        "devices": devices,
        "readings_per_s": round(1e9 / large.per_row_ns),
        "ns_per_reading": round(large.per_row_ns, 1),
        "batch_16_us": round(small.seconds / small.batches * 1e6, 2),
        "rules_per_reading": round(rules_per_reading(city, fleet), 2),
        "series": shard.series_count,
        "bytes_per_series": round(shard.nbytes / shard.series_count, 1),
    }


def storm_readings_per_s() -> float:
    """Readings a second of a storm's first quarter of an hour, with all that it raises."""
    city, fleet = fleet_of_size(FLEET)
    shard = Shard(city, fleet, base()[1])
    played = rounds(city, fleet, BATCH, STORM_ROUNDS, np.random.default_rng(5), SPEAKING, storm=True)
    timed = [judge(shard, [batches], number * ROUND_MS) for number, batches in enumerate(played)]
    return sum(t.rows for t in timed) / sum(t.seconds for t in timed)


def rules_per_reading(city: City, fleet: Fleet) -> float:
    """How many rules the engine looks at because of a reading of a round, on average of the rounds from one of beats to
    the next: those on its indicator, those on all that is derived from it, and those of absence that it may end."""
    pack = base()[1]
    plans = plan_kinds(pack, city.catalogue, subjects_of(fleet, pack, city).kinds)[: len(fleet.kinds)]
    signs = {i.number: i.id for i in city.catalogue.indicators if i.sign_of_life}
    met = np.zeros((len(plans), 1 + max(i.number for i in city.catalogue.indicators)))
    for kind, plan in enumerate(plans):
        for column in plan.columns:
            if column.derivation is None and column.indicator is not None:
                fed = sum(len(plan.columns[place].rules) for place in column.feeds)
                met[kind, column.indicator.number] = len(column.rules) + fed
        of = [pack.absences[row].of for row in plan.watches]
        for number, name in signs.items():
            met[kind, number] += sum(names is None or name in names for names in of)
    played = list(rounds(city, fleet, BATCH, BEATS, np.random.default_rng(1), SPEAKING // READINGS))
    found = np.concatenate([met[fleet.kind[rows_of(fleet, b)], b.indicator] for batches in played for b in batches])
    return float(found.mean())


def rows_of(fleet: Fleet, batch: Batch) -> Any:
    return np.searchsorted(fleet.number, batch.device)


def reference_per_s() -> float:
    """Readings a second of the reference interpreter, whose cost hardly depends on the number of devices."""
    city, fleet = fleet_of_size(1_000)
    played = list(rounds(city, fleet, BATCH, 8, np.random.default_rng(7)))
    return 1e9 / judge(Interpreter(city, fleet, base()[1]), played).per_row_ns


def first_call_s() -> float:
    """Seconds of the first tick, batch and tick of a fresh process, with the kernels in the cache."""
    done = subprocess.run([sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    quick = options(__doc__).parse_args().quick
    warm_up()
    few, fleet, many = (at(devices, quick) for devices in (1_000, FLEET, MANY))
    naive = reference_per_s()
    show(
        "engine",
        **{name: fleet[name] for name in ("readings_per_s", "batch_16_us")},
        rule_evaluations_per_s=round(fleet["readings_per_s"] * fleet["rules_per_reading"]),
        storm_readings_per_s=round(storm_readings_per_s()),
        ratio_to_reference=round(fleet["readings_per_s"] / naive, 1),
        bytes_per_series=fleet["bytes_per_series"],
        cost_ratio_1m_to_1k=round(many["ns_per_reading"] / few["ns_per_reading"], 2),
        first_call_s=round(first_call_s(), 2),
        reference_readings_per_s=round(naive),
        sizes=[few, fleet, many],
    )


if __name__ == "__main__":
    main()
