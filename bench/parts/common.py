"""What the benchmarks share: a fleet with its readings, and the line that they print."""

import argparse
import json
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

from city.city import City
from city.fleet import Fleet, fleet_of
from city.generate import FleetRequest, generate_fleet
from city.generate.places import split
from city.lasting import lasting
from city.tables import read_city, shipped_pack
from qianshao.settings import Settings
from rules.language.load import load_pack
from rules.language.pack import Pack

STATIONS = 60
"""Of a thousand devices, how many are of the types that are neither gauges, sentries nor cameras."""


def options(about: str | None) -> argparse.ArgumentParser:
    """A benchmark's options. `about`: its docstring."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less of everything")
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
