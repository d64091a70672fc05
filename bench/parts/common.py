"""What the benchmarks share: a fleet with its readings, and the line that they print."""

import argparse
import json
import os
import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from city.city import City
from city.fleet import Fleet, fleet_of
from city.generate import FleetRequest, generate_fleet
from city.lasting import lasting
from city.readings import Batch
from city.tables import read_city, shipped_pack
from qianshao.settings import Settings
from rules.language.load import load_pack
from rules.language.pack import Pack

START_MS = 1_700_000_000_000
ROUND_MS = 60_000  # every device sends once a round
CALM = {"water_depth": 3.0, "queue_len": 4.0, "packet_loss": 0.04}  # values of a quiet day, in the indicators' units


def options(about: str | None) -> argparse.ArgumentParser:
    """A benchmark's options. `about`: its docstring."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less of everything: ends within 30 s")
    return parser


def show(name: str, **figures: Any) -> None:
    """Print the one line."""
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load_1m": round(os.getloadavg()[0], 2)}
    print(json.dumps({"bench": name, **figures, "machine": machine}, ensure_ascii=False), flush=True)


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@cache
def base() -> tuple[City, Pack]:
    """The shipped city and rule pack."""
    city = read_city(shipped_pack("baoan"))
    return city, load_pack(Settings().rules, city.catalogue)


@cache
def fleet_of_size(devices: int) -> tuple[City, Fleet]:
    """A generated city of about so many devices, in the usual mix."""
    with lasting():
        city = generate_fleet(base()[0], FleetRequest.of_size(devices), 1)
        return city, fleet_of(city)


def rounds(
    city: City, fleet: Fleet, size: int, count: int, rng: np.random.Generator, most: int | None = None
) -> Iterator[list[Batch]]:
    """`count` rounds of a quiet day: in each, every device sends a reading of what it is there for, in every eighth a
    beat, in random order, cut into batches of `size`, the last of which may be smaller. `most`: rows of a round."""
    main, value = _main_indicators(city, fleet)
    beat = np.full_like(main, _beat(city))
    for number in range(count):
        indicator = beat if number % 8 == 7 else main
        order, batches = rng.permutation(len(fleet))[:most], []
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            kind, n = fleet.kind[rows], len(rows)
            event_ms = START_MS + number * ROUND_MS + np.sort(rng.integers(0, ROUND_MS - 10_000, n))
            noise = 0.8 + 0.4 * rng.random(n)
            seq, flags = np.full(n, number, np.uint32), np.zeros(n, np.uint8)
            batches.append(Batch(fleet.number[rows], indicator[kind], event_ms, value[kind] * noise, seq, flags))
        yield batches


def _main_indicators(city: City, fleet: Fleet) -> tuple[Any, Any]:
    """By kind: the number of the indicator that it is there for (a beat if none of CALM), and a calm value."""
    known = {(i.risk_class, i.id): i.number for i in city.catalogue.indicators}
    chosen = []
    for risk_class, device_type in fleet.kinds:
        named = [
            name for name in CALM if (risk_class, name) in known and device_type not in ("nvr", "rain-gauge-tipping")
        ]
        chosen.append((known[(risk_class, named[0])], CALM[named[0]]) if named else (_beat(city), 1.0))
    return np.array([n for n, _ in chosen], np.uint16), np.array([v for _, v in chosen])


def _beat(city: City) -> int:
    return next(i.number for i in city.catalogue.indicators if i.id == "beat")
