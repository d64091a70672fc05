"""A storm night in Bao'an, written into a store as the workers would: what tests and pictures of the page look at."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from fastapi import FastAPI
from msgspec.structs import replace
from sqlalchemy import update

from alerts.deadlines import load_policy
from alerts.store import schema as t
from alerts.store.database import Database
from alerts.store.dead_letters import DeadLetterStore, Letter
from alerts.store.incidents import IncidentStore
from alerts.tickets import TicketState
from city.city import City
from city.clock import Clock, wall_ms
from city.generate import FleetRequest, generate_fleet
from city.levels import Level
from city.registry import Device, ParentKind
from city.sharding import shard_of_zone
from city.tables import read_city, shipped_pack
from city.transitions import Nature, SubjectKind, Transition
from tests.waiting import PATIENCE_S

NOW_MS = 1_694_112_720_000  # 2023-09-08 02:52 in Shenzhen
MINUTE_MS = 60_000
SHARDS = 4
BLIND_SHARD = shard_of_zone("BA-Z-shiyan", SHARDS)


@cache
def baoan() -> City:
    """Bao'an with some 600 devices, in 34 of its 61 areas."""
    return generate_fleet(read_city(shipped_pack("baoan")), FleetRequest.of_size(600), seed=7)


def played(speed: float = 1.0) -> Clock:
    """A clock that begins at NOW_MS, now."""
    return Clock(NOW_MS, wall_ms(), speed)


@dataclass(frozen=True)
class Night:
    """A store and its city. What is told here is recorded at once."""

    database: Database
    city: City

    def record(self, *transitions: Transition) -> None:
        store = IncidentStore(self.database, self.city, load_policy(shipped_pack("baoan")))
        store.record(list(transitions), [], wall_ms=float(NOW_MS))

    def in_area(self, area: str) -> list[Device]:
        return [device for device in self.city.devices.values() if self.city.area_of(device).id == area]

    def flood(
        self, area: str, level: Level, minutes: float, depth_cm: float = 30.0, gauges: int = 1, **more: Any
    ) -> None:
        """Gauges of an area report water, so many minutes ago. `more`: other fields of what they say."""
        for device in self.in_area(area)[:gauges]:
            self.record(self.hazard(device, level, minutes, depth_cm, **more))

    def hazard(self, device: Device, level: Level, minutes: float, value: float = 30.0, **more: Any) -> Transition:
        """A device's reading raises its area."""
        area = self.city.area_of(device)
        title = "下穿通道积水深度" if area.risk_class == "underpass-flooding" else "积水深度"
        told: dict[str, Any] = {"value": value, "unit": "cm", "held_ms": 60_000, "title": title}
        return self._of(device, "depth", level, minutes, **told | {"group": "area", "group_key": area.id} | more)

    def fault(self, device: Device, level: Level, minutes: float, title: str = "一类视频点失联") -> Transition:
        told: dict[str, Any] = {"nature": Nature.DEVICE, "value": minutes * 60, "unit": "s", "group_key": device.id}
        return self._of(device, "offline", level, minutes, title=title, **told)

    def _of(self, device: Device, rule: str, level: Level, minutes: float, **more: Any) -> Transition:
        area = self.city.area_of(device)
        where = {"risk_class": area.risk_class, "admin": area.admin, "area": area.id, "site": device.site}
        return _transition(device.id, SubjectKind.DEVICE, rule, level, minutes, **where | more)

    def parent_down(self, kind: ParentKind, minutes: float) -> Iterator[Transition]:
        """The parent of a kind that most hangs on has failed, and everything that hangs on it went silent."""
        below: dict[str, list[Device]] = {}
        for device in self.city.devices.values():
            below.setdefault(device.parent(kind) or "", []).append(device)
        below.pop("", None)
        parent, devices = max(below.items(), key=lambda item: len(item[1]))
        yield _transition(
            parent,
            SubjectKind.PARENT,
            "parent",
            Level.ORANGE,
            minutes,
            nature=Nature.PARENT,
            title={"platform": "接入平台异常, 设备批量失联"}.get(kind.value, "断电断网, 下挂设备集体失联"),
            value=float(len(devices)),
            admin=self.city.parents[parent].admin,
            group=kind.value,
            group_key=parent,
        )
        for device in devices:
            yield replace(self.fault(device, Level.BLUE, minutes - 1), explained_by=parent)

    def blind(self, ingest: str, minutes: float) -> Transition:
        told: dict[str, Any] = {"nature": Nature.BLIND, "title": "监控盲区", "group_key": ingest}
        return _transition(ingest, SubjectKind.INGEST, "blind", Level.ORANGE, minutes, **told)

    def disabled(self, rule: str, minutes: float) -> Transition:
        """A rule has failed too often and judges no more."""
        told: dict[str, Any] = {"nature": Nature.RULE, "title": "规则停用", "group": "rule", "group_key": rule}
        return _transition(rule, SubjectKind.RULE, "rule-disabled", Level.YELLOW, minutes, **told)

    def checkpoint(self, shard: int, saved_wall_ms: float, log_ms: int | None, blind: tuple[str, ...] = ()) -> None:
        """A shard as the detector leaves it in the store."""
        outcomes = {
            "judged": 184_203 + shard * 7_411,
            "duplicate_or_late": 341,
            "quarantined": 7 + shard,
            "unjudged": 90_210,
        }
        last_reading_ms = None if log_ms is None else log_ms - 3_000
        status = {"last_reading_ms": last_reading_ms, "blind_through": list(blind), "outcomes": outcomes}
        row = {"shard": shard, "fence": 1, "owner": "detect-1", "offset": 10, "log_ms": log_ms, "status": status}
        row |= {"saved_wall_ms": saved_wall_ms}
        insert = self.database.insert(t.shards).values(row)
        with self.database.writing() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["shard"], set_=row))

    def checkpoints(self, saved_wall_ms: float, log_ms: int | None = NOW_MS, blind: int | None = None) -> None:
        """All shards, one of them possibly blind."""
        for shard in range(SHARDS):
            self.checkpoint(shard, saved_wall_ms, log_ms, ("ingest-2",) if shard == blind else ())

    def judged_by(self, pack: str, version: str, meaning: str, **told: Any) -> None:
        """All shards say that these rules judge them, since a while. `told`: what else they say of them."""
        rules = {"pack": pack, "version": version, "meaning": meaning, "loaded_wall_ms": wall_ms() - 40 * MINUTE_MS}
        rules |= told
        with self.database.writing() as connection:
            for row in connection.execute(t.shards.select()).all():
                said = update(t.shards).where(t.shards.c.shard == row.shard)
                connection.execute(said.values(status={**row.status, "rules": rules}))

    def refuse(self, reason: str, count: int = 1, topic: str = "", **told: Any) -> None:
        """Dead letters of a reason, one a minute, the newest now. `told`: other fields of a Letter."""
        letter = Letter(
            id="",
            reason=reason,
            detail=told.get("detail", f"{reason}: as the contract says"),
            device=told.get("device"),
            topic=topic or "citysafety/440306/440306017/waterlogging/BA-WL-0001/up",
            payload=told.get("payload", b"{}"),
            payload_bytes=len(told.get("payload", b"{}")),
            received_ms=NOW_MS,
            ingest="ingest-1",
        )
        own = [{"id": f"log/{reason}/{topic}/{i}", "received_ms": NOW_MS - i * MINUTE_MS} for i in range(count)]
        DeadLetterStore(self.database).record([Letter(**{**vars(letter), **each}) for each in own], [])

    def work_on(self, words: str, state: TicketState) -> None:
        """Somebody has taken up the tickets that speak of something."""
        with self.database.writing() as connection:
            spoken_of = t.tickets.c.title.contains(words)
            connection.execute(update(t.tickets).where(spoken_of).values(state=state.value))


def _transition(subject: str, kind: SubjectKind, rule: str, level: Level, minutes: float, **more: Any) -> Transition:
    at_ms = int(NOW_MS - minutes * MINUTE_MS)
    told: dict[str, Any] = {"title": rule, "nature": Nature.HAZARD, "level_from": Level.NONE, "cause": rule}
    return Transition(
        alert=f"{rule}/{subject}"[:32],
        rule=rule,
        rule_version="v1",
        subject_kind=kind,
        subject=subject,
        level_to=level,
        event_ms=at_ms,
        log_ms=at_ms,
        since_ms=at_ms,
        **told | more,
    )


def over(transition: Transition, minutes: float) -> Transition:
    """The same alert going back to none, so many minutes ago."""
    return then(transition, Level.NONE, minutes)


def then(transition: Transition, level: Level, minutes: float, **more: Any) -> Transition:
    """The same alert going to another level, or saying something else of the one it has."""
    at_ms = int(NOW_MS - minutes * MINUTE_MS)
    step = {"level_from": transition.level_to, "level_to": level, "event_ms": at_ms, "log_ms": at_ms}
    return replace(transition, **step, **more)


def new_night(folder: Path) -> Night:
    """A store in which nothing has happened, and nobody has judged anything."""
    file = folder / "night.db"
    file.write_bytes(_migrated())
    return Night(Database(f"sqlite:///{file}"), baoan())


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        night_in(f"sqlite:///{file}").database.dispose()
        return file.read_bytes()


def night_in(url: str) -> Night:
    """The same in a database of any kind."""
    database = Database(url)
    database.migrate()
    return Night(database, baoan())


def storm_night(folder: Path) -> Night:
    """A few reds and oranges, a failed platform and NVR, many device faults, a blind shard, refused messages."""
    night = new_night(folder)
    _waters(night)
    _faults(night)
    night.work_on("沙井老墟", TicketState.DISPOSING)
    night.work_on("福永大道", TicketState.DISPATCHED)
    night.work_on("前进路", TicketState.ACCEPTED)
    night.work_on("三围", TicketState.ACCEPTED)
    night.checkpoints(wall_ms() - 1_200, blind=BLIND_SHARD)
    night.record(night.blind("ingest-2", 4))
    night.refuse("range", 41, payload=b'{"v":1,"device_id":"BA-WL-0012","seq":8812,"report":"timed","depth_cm":999.9}')
    night.refuse("unknown-device", 6, "citysafety/440306/440306022/video-coverage/ghost-9/hb", device="ghost-9")
    night.refuse("unit", 3, payload=b'{"v":1,"device_id":"BA-WL-0007","seq":12,"report":"added","depth_cm":420}')
    night.refuse("not-json", 2, payload=b"\xff\xfe\x00 half a mess")
    return night


def _waters(night: Night) -> None:
    red = ("设置警示标志", "启动泵站", "封闭道路", "疏散滞留车辆和行人")
    night.flood("BA-R01-01", Level.RED, 11, 46.5, gauges=2, actions=red)
    night.flood("BA-R01-06", Level.RED, 23, 41.2, gauges=2)
    night.flood("BA-R05-02", Level.RED, 6, 31.0)
    night.flood("BA-R01-04", Level.ORANGE, 31, 33.0, gauges=2)
    night.flood("BA-R01-08", Level.ORANGE, 9, 28.4, actions=red[:2], suspected=True)
    night.flood("BA-R01-03", Level.YELLOW, 37, 19.6, gauges=2, suspected=True)
    night.flood("BA-R01-05", Level.YELLOW, 52, 17.0)
    night.flood("BA-R05-01", Level.YELLOW, 18, 16.1)
    night.flood("BA-R01-09", Level.BLUE, 14, 11.8)
    night.flood("BA-R01-02", Level.BLUE, 3, 10.4)
    queue = night.in_area("BA-R14-05")[0]
    night.record(night.hazard(queue, Level.BLUE, 20, 12, title="入口排队", unit="1"))
    ebbed = night.hazard(night.in_area("BA-R01-07")[0], Level.ORANGE, 95, 29.1)
    night.record(ebbed, over(ebbed, 25))


def _faults(night: Night) -> None:
    night.record(*night.parent_down(ParentKind.PLATFORM, 16))
    night.record(*night.parent_down(ParentKind.GATEWAY, 42))
    levels = cycle([Level.BLUE, Level.BLUE, Level.YELLOW, Level.BLUE, Level.ORANGE])
    cameras = [device for device in night.city.devices.values() if device.type.startswith("ipc")][::6]
    for i, (device, level) in enumerate(zip(cameras[:70], levels, strict=False)):
        night.record(night.fault(device, level, 5 + 2 * i))
    for i, area in enumerate(("BA-R01-01", "BA-R01-02", "BA-R01-03")):
        night.record(night.fault(night.in_area(area)[0], Level.BLUE, 30 + i, "监测设备失联"))


@contextmanager
def serving(app: FastAPI, port: int = 0) -> Iterator[str]:
    """The address of an app that a thread serves, on any port or a certain one."""
    config = uvicorn.Config(app, "127.0.0.1", port, log_level="warning", timeout_graceful_shutdown=1)
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[Any] | None = None) -> None:
            await super().startup(sockets=sockets)
            started.set()

        async def shutdown(self, sockets: list[Any] | None = None) -> None:
            app.state.hang_up()
            await super().shutdown(sockets=sockets)

    server = Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(PATIENCE_S)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
