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
from city.generate.places import split
from city.lasting import lasting
from city.readings import Batch
from city.tables import read_city, shipped_pack
from qianshao.settings import Settings
from rules.language.load import load_pack
from rules.language.pack import Pack

START_MS = 1_700_000_000_000
ROUND_MS = 60_000  # every device sends once a round
CALM = {
    "water_depth": 3.0,
    "rain_total": 100.0,
    "queue_len": 4.0,
    "packet_loss": 0.04,
    "stage": 1.0,
    "reservoir_stage": 20.0,
    "tide": 1.0,
    "seepage_head": 5.0,
    "dam_displacement": 1.0,
    "displacement": 2.0,
    "crack_width": 1.0,
    "tilt": 0.01,
    "soil_moisture": 20.0,
    "wind_speed": 3.0,
    "methane_lel": 1.0,
    "outlet_pressure": 250.0,
    "pipe_pressure": 0.35,
    "settlement": 1.0,
    "sewer_fill_ratio": 40.0,
    "response_ratio": 30.0,
    "vehicle_gross": 20.0,
    "combustible_lel": 2.0,
    "tank_level": 50.0,
    "tank_temp_margin": 30.0,
    "tank_pressure_ratio": 50.0,
    "hopper_temp": 30.0,
    "oxygen": 20.9,
    "crane_moment_ratio": 50.0,
    "pit_wall_disp": 5.0,
    "pm10": 60.0,
    "pm25": 40.0,
    "nh3n": 0.4,
    "residual_current": 80.0,
    "hydrant_pressure": 0.4,
    "ebike_batt_temp": 28.0,
    "crowd_density": 0.5,
    "manhole_headroom": 200.0,
}
"""Values of a quiet day, in the indicators' units, of what a type of device is there for."""
STATIONS = 60
"""Of a thousand devices, how many are of the types that are neither gauges, sentries nor cameras."""


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
        plain = base()[0]
        types = [t.slug for t in plain.catalogue.device_types if t.feed == "telemetry"]
        stations = split(devices * STATIONS // 1000, [1.0] * len(types))
        mixed = generate_fleet(plain, FleetRequest.of_size(devices - sum(stations)), 1)
        city = generate_fleet(mixed, FleetRequest(telemetry=dict(zip(types, stations, strict=True))), 2)
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
    chosen = []
    for kind in fleet.kinds:
        named = [i for i in city.catalogue.reported(*kind) if i.id in CALM]
        chosen.append((named[0].number, CALM[named[0].id]) if named else (_beat(city), 1.0))
    return np.array([n for n, _ in chosen], np.uint16), np.array([v for _, v in chosen])


def _beat(city: City) -> int:
    return next(i.number for i in city.catalogue.indicators if i.id == "beat")
