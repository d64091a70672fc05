"""Devices of a journey: they publish all the time, some of them are always in trouble, and what the broker has
acknowledged is written down."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from functools import cache
from itertools import count
from pathlib import Path
from typing import NamedTuple, Self

from city.city import City
from city.clock import Clock, wall_ms
from city.generate import FleetRequest, generate_fleet
from city.registry import Device
from city.tables import read_city, shipped_pack
from ingest.registry import topic_prefix
from simulators.ledger import read_ledger
from simulators.message import Emission
from simulators.publisher import Published, PublisherOptions, publish
from tests.servers.process import Server

PERIOD_MS = 1_000
"""Of each device's messages."""
STAGGER_MS, TROUBLE_MS = 400, 8_000
"""Trouble walks through the district: it comes to the next device so soon, and stays with each so long."""
REFUSED_ONE_IN = 40
SENTRY = "electronic-sentry"
SENTRY_SAYS = ("beat", "forced_open", "tamper", "fire_linkage", "held_open")
GAUGE_SAYS = ("water_depth", "battery_voltage")
DRAIN_S = 60.0


@cache
def bao_an() -> City:
    """Bao'an with 120 sentries and 60 water gauges."""
    return generate_fleet(read_city(shipped_pack("baoan")), FleetRequest(water_gauges=60, sentries=120), seed=1)


class Trace(NamedTuple):
    """What must be found of a message: readings of these indicators, or, if there are none, a dead letter."""

    device: str
    seq: int
    indicators: tuple[str, ...]
    crc: int


class Devices:
    """All devices of a city, publishing over MQTT from `start` to `finish`; or until they are left, which waits for
    nobody: a test that failed must not go on publishing, nor keep the run from ending."""

    def __init__(self, city: City, ledger: Path) -> None:
        self._city, self._ledger = city, ledger
        self._devices = sorted(city.devices.values(), key=lambda device: hash_of(device.id))
        self._says: dict[tuple[str, int], tuple[str, ...]] = {}
        self._over, self._left = threading.Event(), threading.Event()
        self._published: Future[Published] = Future()
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._left.set()

    def start(self, broker: Server) -> None:
        options = PublisherOptions(broker.host, broker.port, drain_s=DRAIN_S, stop_s=0)
        threading.Thread(target=self._publish, args=(options,), name="devices", daemon=True).start()

    def finish(self) -> Published:
        """Say no more, and wait until the broker has acknowledged everything."""
        self._over.set()
        return self._published.result(timeout=2 * DRAIN_S)

    def _publish(self, options: PublisherOptions) -> None:
        try:
            self._published.set_result(publish(self._emissions(), options, Clock(), self._left, self._ledger))
        except Exception as error:  # noqa: BLE001  (for who waits for us)
            self._published.set_exception(error)

    def acknowledged(self) -> list[Trace]:
        """What must be found of all that was published. To be asked once everything is acknowledged."""
        return [Trace(e.device, e.seq, self._says[e.device, e.seq], e.crc) for e in read_ledger(self._ledger)]

    def _emissions(self) -> Iterator[Emission]:
        start_ms = int(wall_ms())
        for number in count():
            for place, device in enumerate(self._devices):
                if self._over.is_set():
                    return
                at_ms = start_ms + number * PERIOD_MS + place * PERIOD_MS // len(self._devices)
                cycle_ms = STAGGER_MS * len(self._devices)
                in_trouble = (at_ms - start_ms - place * STAGGER_MS) % cycle_ms < TROUBLE_MS
                body = self._body(device, place, number, in_trouble)
                if body:
                    self.sent += 1
                    yield self._emission(device, number, at_ms, body)

    def _body(self, device: Device, place: int, number: int, in_trouble: bool) -> dict[str, object]:
        """What a device has to say; nothing, where its trouble is to be silent."""
        refused = {"phone": "13800000000"} if (number + place) % REFUSED_ONE_IN == 0 else {}
        if device.type != SENTRY:
            self._says[device.id, number] = () if refused else GAUGE_SAYS
            return {"report": "timed", "depth_cm": 50 if in_trouble else 1, "batt_v": 12.5, **refused}
        if in_trouble and place % 2:
            return {}
        self._says[device.id, number] = () if refused else SENTRY_SAYS
        return {"kind": "hb", **({"alarm": "tamper"} if in_trouble else {}), **refused}

    def _emission(self, device: Device, seq: int, at_ms: int, body: dict[str, object]) -> Emission:
        head = {"v": 1, "device_id": device.id, "seq": seq, "ts": at_ms}
        topic = f"{topic_prefix(self._city, self._city.sites[device.site].area)}{device.id}/up"
        return Emission(at_ms, topic, json.dumps(head | body).encode(), False, device.id, seq, at_ms)


def hash_of(device_id: str) -> int:
    """A number by which devices are mixed, the same in every run."""
    return int.from_bytes(device_id.encode(), "big") % 7919
