"""The desk at which stations and platforms are tried: an Intake over a few devices of Bao'an with addresses."""

from functools import cache
from typing import NamedTuple

import msgspec

from city.city import City
from city.generate import FleetRequest, generate_fleet
from city.readings import Flag
from city.tables import read_city, shipped_pack
from ingest.adapters.hj212 import HJ212
from ingest.adapters.sl651 import SL651
from ingest.adapters.wire import Splitter, WireProtocol
from ingest.dead_letters import DeadLetter
from ingest.intake import Intake
from ingest.stations import Accepted, Stations
from tests.unit.test_ingest_desk import ms

NOW_MS = ms("2025-05-06T13:42:10+08:00")
PEER = "10.0.0.5:40122"
RIVER, RESERVOIR, RAIN, GAUGE = "BA-RIVER-LEVEL-0001", "BA-RESERVOIR-LEVEL-0001", "BA-RG-0001", "BA-WL-0001"
TIDE, WATER, AIR, DUST = "BA-TIDE-GAUGE-0001", "BA-WATER-QUALITY-0001", "BA-AIR-STATION-0001", "BA-TSP-NOISE-0001"
CAMERA, OTHER_CAMERA, PLATFORM = "BA-VC-000001", "BA-VC-000002", "BA-PF-video-xinan"
STATIONS = ("river-level", "reservoir-level", "tide-gauge", "water-quality", "air-station", "tsp-noise")
SHARED = (RIVER, RAIN)
"""On one telemetry unit: what the river station's address tells is of one or the other."""


@cache
def town() -> City:
    """A few devices with addresses, two of them on one unit."""
    cameras = FleetRequest(cameras_class1=3, streets=["xinan"], addresses=True)
    others = FleetRequest(water_gauges=2, rain_gauges=1, telemetry=dict.fromkeys(STATIONS, 1), addresses=True)
    city = generate_fleet(generate_fleet(read_city(shipped_pack("baoan")), cameras, seed=1), others, seed=2)
    rain = msgspec.structs.replace(city.devices[RAIN], address=city.devices[RIVER].address)
    city.devices[RAIN] = rain  # type: ignore[index]
    assert city.problems() == []
    return city


def address(device: str) -> str:
    found = town().devices[device].address
    assert found is not None
    return found


class Reading(NamedTuple):
    device: str
    indicator: str
    ms: int
    value: float
    flags: Flag


class StationDesk:
    """Takes in what stations send, and says what became of it since it was last asked."""

    def __init__(self) -> None:
        self.intake = Intake(town(), 4, "desk")
        self.stations = Stations(self.intake)
        self._devices = {d.number: d.id for d in town().devices.values()}
        self._indicators = {i.number: i.id for i in town().catalogue.indicators}

    def hear(self, protocol: WireProtocol, stream: bytes, now_ms: int = NOW_MS) -> list[Accepted]:
        """What a connection brings, all of it."""
        splitter = Splitter(protocol.cut)
        pieces = splitter.feed(stream)
        while splitter.begun:
            pieces += splitter.give_up()
        return [self.stations.accept(protocol, piece, PEER, now_ms) for piece in pieces]

    def hj212(self, stream: bytes, now_ms: int = NOW_MS) -> list[Accepted]:
        return self.hear(HJ212, stream, now_ms)

    def sl651(self, stream: bytes, now_ms: int = NOW_MS) -> list[Accepted]:
        return self.hear(SL651, stream, now_ms)

    def platform(self, payload: bytes, device: str = PLATFORM, now_ms: int = NOW_MS) -> None:
        """A payload on a platform's own topic."""
        registry = self.intake.registry
        topic = registry.topic_prefix[registry.row_of[device]] + device.encode() + b"/hb"
        self.intake.accept(topic, payload, False, now_ms)

    def readings(self, findings: bool = False) -> list[Reading]:
        """What was taken in, by device, indicator and time; without our own findings, unless they are asked for."""
        rows = [row for shard in self.intake.buffers.rows for row in shard]
        self.intake.buffers.cut()
        told = [
            Reading(self._devices[number], self._indicators[indicator], at_ms, value, Flag(flags))
            for number, indicator, at_ms, value, _, flags in rows
        ]
        ours = ("refused_format", "refused_range", "refused_unit", "refused_clock", "clock_error")
        return [r for r in told if findings or r.indicator not in ours]

    def values(self, device: str) -> dict[str, float]:
        return {r.indicator: r.value for r in self.readings() if r.device == device}

    def letters(self) -> list[DeadLetter]:
        letters, self.intake.letters = self.intake.letters, []
        return letters

    def reasons(self) -> list[str]:
        return [letter.reason.value for letter in self.letters()]
