"""The stations' side of an ingest process: how much of theirs may be under way to the log, and what is counted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from city.errors import SettingError
from ingest.metrics import WireMetrics
from ingest.wires import WireOptions, Wires
from simulators.wire import hj212, sl651
from tests.servers.places import free_port
from tests.unit.station_desk import NOW_MS, TIDE, WATER, StationDesk, address
from tests.unit.test_ingest_tcp import happened

MOST = 10


@dataclass
class Side:
    """The side of stations, with a log that confirms when it is told to. sizes: of the frames taken in."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    sizes: list[int] = field(default_factory=list)
    waiting: list[Callable[[], None]] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=lambda: {"hj212": free_port(), "sl651": free_port()})

    def wires(self) -> Wires:
        options = WireOptions(ports=self.ports, most_under_way=MOST)
        return Wires(options, StationDesk().stations, WireMetrics(self.registry), lambda: NOW_MS, self.taken)

    def taken(self, size: int, confirmed: Callable[[], None]) -> None:
        self.sizes.append(size)
        self.waiting.append(confirmed)

    def confirm(self) -> None:
        waiting, self.waiting = self.waiting, []
        for confirmed in waiting:
            confirmed()

    def counted(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@asynccontextmanager
async def opened(side: Side) -> AsyncIterator[Wires]:
    wires = side.wires()
    await wires.open()
    yield wires
    wires.stop_reading()
    wires.close()


async def test_too_much_under_way_stops_stations_of_both_protocols_until_the_log_has_half_of_it() -> None:
    side, answered = Side(), sl651.packet(address(TIDE), sl651.LINK, NOW_MS)
    async with opened(side) as wires:
        _, flood = await asyncio.open_connection("127.0.0.1", side.ports["hj212"])
        reader, quiet = await asyncio.open_connection("127.0.0.1", side.ports["sl651"])
        frame = hj212.packet(address(WATER), {"w01001": 7.0}, NOW_MS, flag=4)
        flood.write(frame * MOST)
        await happened(lambda: len(side.sizes) == MOST)
        assert side.sizes == [len(frame)] * MOST
        assert all(server.paused for server in wires.servers.values())
        quiet.write(answered)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(side.sizes) == MOST
        side.confirm()
        await happened(lambda: len(side.sizes) == MOST + 1)
        side.confirm()
        assert (await reader.readexactly(25))[10:15].hex() == "2f80080200"


async def test_what_comes_is_counted_by_protocol() -> None:
    side = Side()
    async with opened(side):
        _, writer = await asyncio.open_connection("127.0.0.1", side.ports["sl651"])
        whole = sl651.packet(address(TIDE), sl651.TIMED, NOW_MS, sl651.element(0x20, 4.0))
        writer.write(b"rubbish" + whole)
        await happened(lambda: len(side.sizes) == 2)
        assert side.counted("qianshao_ingest_frames_total", protocol="sl651", whole="yes") == 1
        assert side.counted("qianshao_ingest_frames_total", protocol="sl651", whole="no") == 1
        assert side.counted("qianshao_ingest_ignored_values_total", protocol="sl651") == 1
        assert side.counted("qianshao_ingest_connections", protocol="sl651") == 1
        side.confirm()
        writer.close()
        await happened(lambda: side.counted("qianshao_ingest_connections", protocol="sl651") == 0)


async def test_without_ports_there_are_no_servers() -> None:
    side = Side(ports={})
    assert side.wires().servers == {}


async def test_a_port_that_is_taken_is_told_by_its_setting() -> None:
    side = Side()
    async with opened(side):
        with pytest.raises(SettingError, match=r"ingest\.hj212_port"):
            await Side(ports=side.ports).wires().open()
