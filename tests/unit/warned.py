"""A road with one gauge, a weather source that speaks to its street, and a platform of citizens: from their messages
through ingest and the rules of Bao'an to what is told of the road."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from city.city import City
from city.fleet import fleet_of
from city.readings import Tick
from city.tables import read_city, shipped_pack
from city.transitions import Nature, Transition
from ingest.intake import Intake
from ingest.registry import Registry
from rules.authoring.town import TownDevice, build_town
from rules.engine.shard import Shard
from rules.language.load import load_pack
from rules.language.pack import Pack

PACKS = Path(__file__).parents[2] / "rules" / "packs"
BEIJING = timezone(timedelta(hours=8))
START = datetime(2023, 9, 7, 17, tzinfo=BEIJING)
START_MS = round(START.timestamp() * 1000)
MINUTE_MS, STEP_MS = 60_000, 10_000
STREET, SOURCE, CITIZENS, GAUGE = "road", "QX", "SP", "WL1"
SENDER = "44030041600000"


def after(minutes: float) -> str:
    """A time of the evening as ISO 8601."""
    return (START + timedelta(minutes=minutes)).isoformat()


@cache
def road() -> City:
    baoan = read_city(shipped_pack("baoan"))
    here: dict[str, Any] = {"street": STREET, "site": "desk", "at": (0, 900)}
    town = [
        TownDevice(id=SOURCE, type="weather-source", risk_class="typhoon-wind", gateway=SOURCE, **here),
        TownDevice(id="QX-P", type="signal-point", risk_class="typhoon-wind", gateway=SOURCE, **here),
        TownDevice(id=CITIZENS, type="report-source", risk_class="typhoon-wind", **here),
        TownDevice(id=GAUGE, type="electronic-water-gauge", risk_class="waterlogging", street=STREET, interval_s=60),
    ]
    return replace(build_town(town, baoan.catalogue, "Asia/Shanghai"), signals=baoan.signals)


@cache
def pack() -> Pack:
    return load_pack(PACKS / "baoan", road().catalogue)


class Cap(NamedTuple):
    """A rain warning in CAP. sent: minutes after the start; of: id and minute of what it changes or takes back."""

    id: str
    sent: float
    colour: str = "红色"
    kind: str = "Alert"
    of: tuple[str, float] | None = None
    expires: float | None = None
    status: str = "Actual"
    place: str = STREET

    @property
    def xml(self) -> bytes:
        ends = f"<expires>{after(self.expires)}</expires>" if self.expires is not None else ""
        refers = f"<references>{SENDER},{self.of[0]},{after(self.of[1])}</references>" if self.of else ""
        return (
            '<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
            f"<identifier>{self.id}</identifier><sender>{SENDER}</sender><sent>{after(self.sent)}</sent>"
            f"<status>{self.status}</status><msgType>{self.kind}</msgType>{refers}"
            f"<info><event>暴雨</event><severity>Unknown</severity>{ends}"
            f"<parameter><valueName>color</valueName><value>{self.colour}</value></parameter>"
            f"<area><geocode><valueName>code</valueName><value>{self.place}</value></geocode></area></info></alert>"
        ).encode()


class Evening:
    """The road's evening. Messages are given when they come; then time goes on."""

    def __init__(self) -> None:
        self._intake = Intake(road(), 1, "ingest")
        self._registry = Registry(road(), 1)
        self._shard = Shard(road(), fleet_of(road()), pack())
        self._now_ms = START_MS
        self._seq = 0
        self.told: list[Transition] = []
        self._tick()

    def send(self, device: str, payload: bytes | dict[str, Any], at: float) -> None:
        """A message of a device that comes at a minute."""
        self.until(at)
        if isinstance(payload, dict):
            self._seq += 1
            said = {"v": 1, "device_id": device, "seq": self._seq, "ts": after(at)} | payload
            payload = json.dumps(said, ensure_ascii=False).encode()
        prefix = self._registry.topic_prefix[self._registry.row_of[device]].decode()
        self._intake.accept(f"{prefix}{device}/up".encode(), payload, False, self._now_ms)

    def warn(self, warnings: Iterable[Cap], at: float) -> None:
        for warning in warnings:
            self.send(SOURCE, warning.xml, at)

    def water(self, depth_cm: float, first: int, last: int) -> None:
        """The gauge says a depth every minute."""
        for minute in range(first, last + 1):
            self.send(GAUGE, {"report": "timed", "depth_cm": depth_cm}, minute)
        self.until(last + 1)

    def until(self, minute: float) -> None:
        while self._now_ms < START_MS + minute * MINUTE_MS:
            self._now_ms += STEP_MS
            self._tick()

    def refusals(self) -> list[str]:
        return [f"{letter.reason.value}: {letter.detail}" for letter in self._intake.letters]

    def of_the_road(self) -> list[tuple[str, str, bool, int]]:
        """Rule, level, doubt and minute of every hazard that was told at the gauge."""
        return [
            (t.rule, t.level_to.slug, t.suspected, (t.event_ms - START_MS) // MINUTE_MS)
            for t in self.told
            if t.subject == GAUGE and t.nature is Nature.HAZARD
        ]

    def _tick(self) -> None:
        for _, batch in self._intake.buffers.cut():
            self.told += self._shard.apply(batch)
        self.told += self._shard.tick(Tick("ingest", self._now_ms, STEP_MS, True))
