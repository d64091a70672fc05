"""Sight determines what of the city we can see: which shards are judged in time, and which areas that leaves dark.

A page that shows nothing because nothing is wrong must look different from one that shows nothing because nobody looks.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from alerts.console.moment import Moment
from alerts.console.queries import ShardLine
from alerts.console.words import shown
from city.city import City
from city.registry import PARENT_KINDS
from city.sharding import shard_of_zone

STALE_MS = 60_000  # wall time without a checkpoint after which nobody seems to judge a shard
LAGGING_MS = 60_000  # wall time that the log may be behind the clock


class Seeing(Enum):
    """How well a shard is seen. All but `seen` and `lagging` leave its areas dark."""

    SEEN = "seen"
    LAGGING = "lagging"
    BLIND = "blind"
    STARTING = "starting"
    STALE = "stale"

    @property
    def zh(self) -> str:
        return _ZH[self]

    @property
    def dark(self) -> bool:
        return self not in (Seeing.SEEN, Seeing.LAGGING)


_ZH = {
    Seeing.SEEN: "正常",
    Seeing.LAGGING: "滞后",
    Seeing.BLIND: "盲区",
    Seeing.STARTING: "尚无存档",
    Seeing.STALE: "判定停摆",
}


@dataclass(frozen=True)
class RulesTold:
    """By which rules a shard is judged, as its worker told. `number`: of the version that was published, None where it
    is the folder of the settings. `refused`: the version that ought to judge and does not load there, and `why`."""

    pack: str
    version: str
    meaning: str
    number: int | None = None
    refused: int | None = None
    why: str = ""

    @property
    def zh(self) -> str:
        return f"{self.pack} {self.version}" + (f" 第 {self.number} 版" if self.number else "")


def rules_told(status: Mapping[str, Any]) -> RulesTold | None:
    """None while its worker has not told."""
    rules = status.get("rules")
    if not rules:
        return None
    refused = rules.get("refused") or {}
    names = {name: str(rules[name]) for name in ("pack", "version", "meaning")}
    return RulesTold(
        **names, number=rules.get("number"), refused=refused.get("version"), why=str(refused.get("why", ""))
    )


@dataclass(frozen=True)
class ShardSight:
    """A shard as the page shows it. `lag_s`: how far its log was behind the clock when it was saved, played seconds;
    `outcomes`: readings by outcome since its worker started; `streets`: whose devices live on it; `rules`: that judge
    it."""

    shard: int
    seeing: Seeing
    through: tuple[str, ...]
    last_reading_ms: int | None
    lag_s: int
    saved_wall_ms: int
    outcomes: dict[str, int]
    streets: tuple[str, ...]
    rules: RulesTold | None = None


def sight_of(line: ShardLine, at: Moment, streets: tuple[str, ...]) -> ShardSight:
    """A shard's sight at a moment. Once a play is over, nobody need save its shards any more."""
    unsaved_ms = 0.0 if at.over else at.wall_ms - line.saved_wall_ms
    saved_at_ms = at.now_ms - unsaved_ms * at.speed
    lag_ms = max(0.0, saved_at_ms - line.log_ms) if line.log_ms is not None else 0.0
    through = tuple(str(name) for name in line.status.get("blind_through", ()))
    if unsaved_ms > STALE_MS:
        seeing = Seeing.STALE
    elif line.log_ms is None:
        seeing = Seeing.STARTING
    elif through:
        seeing = Seeing.BLIND
    else:
        seeing = Seeing.LAGGING if lag_ms > LAGGING_MS * at.speed else Seeing.SEEN
    return ShardSight(
        shard=line.shard,
        seeing=seeing,
        through=through,
        last_reading_ms=line.status.get("last_reading_ms"),
        lag_s=round(lag_ms / 1000),
        saved_wall_ms=int(line.saved_wall_ms),
        outcomes={name: int(count) for name, count in line.status.get("outcomes", {}).items()},
        streets=streets,
        rules=rules_told(line.status),
    )


def shards_of_areas(city: City, shards: int) -> dict[str, int]:
    """The shard that each monitored area with devices lives on, when there are so many shards."""
    areas = {city.area_of(device).id for device in city.devices.values() if device.in_service}
    return {area: shard_of_zone(city.areas[area].zone, shards) for area in sorted(areas)} if shards else {}


def dark_devices(city: City, parents: frozenset[str]) -> Mapping[str, int]:
    """Devices by area that hang on one of these failed parents."""
    if not parents:
        return {}
    return Counter(
        city.area_of(device).id
        for device in city.devices.values()
        if device.in_service and any(device.parent(kind) in parents for kind in PARENT_KINDS)
    )


def worst(sights: Iterable[ShardSight]) -> list[ShardSight]:
    """Shards in order of how badly they are seen."""
    order = [Seeing.STALE, Seeing.BLIND, Seeing.STARTING, Seeing.LAGGING, Seeing.SEEN]
    return sorted(sights, key=lambda sight: (order.index(sight.seeing), sight.shard))


@dataclass(frozen=True)
class Alarm:
    """Something that makes the page itself untrustworthy, shown above everything else. `link`: to more of it."""

    title: str
    detail: str
    since_ms: int | None
    link: str = ""


def alarms(sights: list[ShardSight], blind_since_ms: int | None) -> Iterator[Alarm]:
    """One alarm for each way in which shards are not seen, the worst first."""
    if not sights:
        yield Alarm("没有任何判定数据", "判定进程还没有存过档, 全区处于盲区: 地图上的平静不代表安全", None)
    for seeing, say in _SAY.items():
        those = [sight for sight in sights if sight.seeing is seeing]
        if those:
            shards = "、".join(str(number) for number in sorted(sight.shard for sight in those))
            through = "、".join(dict.fromkeys(shown(name, 40) for sight in those for name in sight.through))
            detail = say.format(shards=shards, through=through)
            yield Alarm(
                f"{seeing.zh}: {_where(those, sights)}", detail, blind_since_ms if seeing is Seeing.BLIND else None
            )


def refusals(sights: list[ShardSight]) -> Iterator[Alarm]:
    """One alarm for each published version that does not load where it ought to judge."""
    refused: dict[int, list[ShardSight]] = {}
    for sight in sights:
        if sight.rules is not None and sight.rules.refused is not None:
            refused.setdefault(sight.rules.refused, []).append(sight)
    for version, those in sorted(refused.items()):
        shards = "、".join(str(sight.shard) for sight in sorted(those, key=lambda sight: sight.shard))
        still = "、".join(sorted({sight.rules.zh for sight in those if sight.rules}))
        why = next(sight.rules.why for sight in those if sight.rules)
        detail = f"分片 {shards} 的判定进程载入失败, 仍按 {shown(still, 80)} 判定: {shown(why, 200)}"
        yield Alarm(f"新规则没有生效: 第 {version} 版", detail, None, "/rules")


_SAY = {
    Seeing.STALE: "分片 {shards} 超过 1 分钟没有存档: 判定进程可能已停, 请立即通知运维",
    Seeing.BLIND: "经 {through} 收不到数据 (分片 {shards}): 没有告警不代表没有险情",
    Seeing.STARTING: "分片 {shards} 刚启动, 还没有第一次存档",
    Seeing.LAGGING: "分片 {shards} 的判定落后于时钟, 告警会迟到",
}


def _where(those: list[ShardSight], sights: list[ShardSight]) -> str:
    """The streets that live on those shards."""
    if len(those) == len(sights):
        return "全区"
    streets = dict.fromkeys(street for sight in those for street in sight.streets)
    return "、".join(streets) or "、".join(f"分片 {sight.shard}" for sight in those)
