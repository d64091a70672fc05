"""The desk at which the tests of ingest try messages: an Intake over a small fleet of Bao'an, and its answers in words.

docs/mqtt.md shows integrators the same desk; that its script says what the page says is tested here.
"""

import io
import json
from contextlib import redirect_stdout
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from city.city import City
from city.generate import FleetRequest, generate_fleet
from city.readings import Flag
from city.tables import read_city, shipped_pack
from ingest.findings import CLOCK_ERROR, REFUSALS
from ingest.intake import Intake
from ingest.registry import Registry

PAGE = Path(__file__).parents[2] / "docs" / "mqtt.md"

GAUGE, OTHER_GAUGE, RAIN_GAUGE = "BA-WL-0003", "BA-WL-0002", "BA-RG-0001"
UNDERPASS, SENTRY = "BA-UP-0001", "BA-ES-0001"
CAMERA, OTHER_CAMERA, NVR = "BA-VC-000001", "BA-VC-000002", "BA-NVR-0001"
STATION = "BA-RIVER-LEVEL-0001"
WEATHER, WATERS, PLATFORM, CITIZENS = "BA-QX-0001", "BA-SW-0001", "BA-PT-0001", "BA-SP-0001"
SHARDS = 4


def ms(text: str) -> int:
    """A time as ISO 8601, in ms UTC."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


NOW_MS = ms("2025-05-06T13:42:10+08:00")

DEFAULTS: dict[str, dict[str, Any]] = {
    "waterlogging": {"report": "timed"},
    "sentry": {"kind": "stat"},
    "video": {},
    "telemetry": {},
    "signal": {},
    "report": {},
    "gateway": {},
}


@cache
def baoan() -> City:
    """Bao'an with 200 devices and upstream sources, the fleet of the page's examples."""
    wanted = msgspec.structs.replace(FleetRequest.of_size(200), upstream=True)
    return generate_fleet(read_city(shipped_pack("baoan")), wanted, seed=1)


@cache
def _registry() -> Registry:
    return Registry(baoan(), SHARDS)


def feed_of(device: str) -> str:
    types = {t.slug: t.feed for t in baoan().catalogue.device_types}
    return types[baoan().devices[device].type]


def topic_of(device: str, kind: str = "up") -> str:
    registry = _registry()
    return f"{registry.topic_prefix[registry.row_of[device]].decode()}{device}/{kind}"


def message(device: str, seq: int = 1, ts: Any = NOW_MS, **fields: Any) -> dict[str, Any]:
    """A message of a device's feed with what is required, and some fields."""
    return {"v": 1, "device_id": device, "seq": seq, "ts": ts, **DEFAULTS[feed_of(device)], **fields}


class Reading(NamedTuple):
    device: str
    indicator: str
    ms: int
    value: float
    seq: int
    flags: Flag


class Desk:
    """Takes messages in, and says what became of them since it was last asked."""

    def __init__(self) -> None:
        self.intake = Intake(baoan(), SHARDS, "desk")
        self._devices = {d.number: d.id for d in baoan().devices.values()}
        self._indicators = {i.number: i.id for i in baoan().catalogue.indicators}

    def accept(self, topic: str | bytes, payload: Any, retained: bool = False, now_ms: int = NOW_MS) -> None:
        """Bytes go in as they are; anything else as JSON."""
        if not isinstance(payload, bytes):
            payload = json.dumps(payload, ensure_ascii=False).encode()
        self.intake.accept(topic.encode() if isinstance(topic, str) else topic, payload, retained, now_ms)

    def send(self, device: str, retained: bool = False, now_ms: int = NOW_MS, **fields: Any) -> None:
        """A message of the device on its own topic."""
        self.accept(topic_of(device), message(device, **fields), retained, now_ms)

    def readings(self) -> list[Reading]:
        """What was taken in, in the order in which it was."""
        rows = [row for shard in self.intake.buffers.rows for row in shard]
        self.intake.buffers.cut()
        return [
            Reading(self._devices[number], self._indicators[indicator], ms, value, seq, Flag(flags))
            for number, indicator, ms, value, seq, flags in rows
        ]

    def values(self, device: str) -> dict[str, float]:
        """What was measured by a device, without our own findings."""
        return {r.indicator: r.value for r in self.readings() if r.device == device and not _is_finding(r)}

    def findings(self, device: str) -> dict[str, float]:
        """What ingest found about a device: only what is new."""
        return {r.indicator: r.value for r in self.readings() if r.device == device and _is_finding(r)}

    def letters(self) -> list[Any]:
        letters, self.intake.letters = self.intake.letters, []
        return letters

    def reasons(self) -> list[str]:
        return [letter.reason.value for letter in self.letters()]


def known_desk() -> Desk:
    """A desk that has heard well of every device above, so that there is nothing to find."""
    desk = Desk()
    for device in (GAUGE, OTHER_GAUGE, RAIN_GAUGE, UNDERPASS, SENTRY, CAMERA, OTHER_CAMERA, NVR):
        desk.send(device)
    desk.readings()
    return desk


def _is_finding(reading: Reading) -> bool:
    return reading.indicator in (*REFUSALS, CLOCK_ERROR)


def test_the_pages_script_says_what_the_page_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    script = text.partition("```python\n")[2].partition("```")[0]
    said = io.StringIO()
    with redirect_stdout(said):
        exec(compile(script, str(PAGE), "exec"), {})
    refused, taken = said.getvalue().splitlines()
    assert f"`{refused}`" in text
    assert taken == "taken in: 2 readings"
