"""`qianshao rules shadow`: a candidate beside the rules in force, on the log that they judge."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alerts.deadlines import load_policy
from alerts.store.database import Database
from alerts.store.rules import RuleStore
from city.city import City
from city.clock import wall_ms
from city.errors import SettingError, Unavailable
from city.fleet import fleet_of
from city.readings import Batch, Tick
from city.sharding import fleets_of_shards
from qianshao.city_files import load_city
from qianshao.processes.lifecycle import stop_on_signals
from qianshao.settings import Settings
from qianshao.shadow_tickets import PaperDesk, apart
from qianshao.supervisor import LAST
from rules.authoring.diff import Change, compare
from rules.authoring.differing import as_data
from rules.authoring.shadow import Shadow
from rules.engine.state import NEVER
from rules.language.load import load_pack
from rules.language.pack import Pack
from streams.checkpoint import Checkpoint, CheckpointStore
from streams.rules import RulesInForce, RuleSource
from streams.shadow import Read, read_beside
from streams.topics import ensure_topics

KIND = "shadow"
Shards = dict[int, Checkpoint | None]


@dataclass(frozen=True)
class Until:
    """When it is enough: after so much log time in every shard; where the log ended when it began; else only when it
    is told to stop."""

    for_ms: int | None = None
    to_end: bool = False


def run_shadow(settings: Settings, folder: Path, until: Until, by: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Judge the log by a candidate beside the rules in force. Returns the report, which the store has too. `say`: told
    when it begins. Raises ConfigErrors, SettingError, Unavailable."""
    os.nice(LAST)
    city = load_city(settings)
    candidate = load_pack(folder, city.catalogue)
    return asyncio.run(_run(settings, city, candidate, until, by, say))


async def _run(
    settings: Settings, city: City, candidate: Pack, until: Until, by: str, say: Callable[[str], None]
) -> dict[str, Any]:
    stop, kafka, database = stop_on_signals(), settings.kafka, Database(settings.database)
    database.migrate()
    log_id = await ensure_topics(kafka.servers, kafka.shards, kafka.replicas)
    points = {shard: CheckpointStore(database).look(shard, log_id) for shard in range(kafka.shards)}
    source = RuleSource(RuleStore(database), city, settings.rules, KIND)
    live = judging([point.rules for point in points.values() if point], source)
    run = Shadowing.begin(settings, city, live.pack, candidate, points)
    say(f"compared with {live.pack.name} {live.pack.version} in {len(points)} shards; Ctrl-C ends it with a report")
    read = await read_beside(kafka.servers, run.offsets, run.take, run.enough(until), until.to_end, stop)
    report = run.report(read) | {"by": by, "replaced_meanwhile": _replaced(source, live)}
    report |= {"live": _head(live.pack, live.version), "candidate": _head(candidate), "time_zone": city.time_zone}
    return report | {"id": _keep(RuleStore(database), candidate, report)}


def _keep(store: RuleStore, candidate: Pack, report: dict[str, Any]) -> int | None:
    """Id of the report in the store; None where that does not answer: who waited for it shall have it all the same."""
    with suppress(Unavailable):
        return store.report(KIND, None, candidate.meaning, report["by"], int(wall_ms()), report)
    return None


def _replaced(source: RuleSource, live: RulesInForce) -> bool:
    """Whether other rules are in force now, as far as the store tells."""
    with suppress(Unavailable):
        return source.begin().sequence != live.sequence
    return False


def judging(told: list[dict[str, Any]], source: RuleSource) -> RulesInForce:
    """The rules that all shards were judged by last. Raises SettingError where they were not the same, or are gone."""
    meanings = {rules["meaning"]: int(rules.get("sequence", 0)) for rules in told if rules}
    if not meanings:
        return source.begin()
    if len(meanings) > 1:
        raise SettingError("rules", "the shards are judged by different rules", "wait until the workers agree")
    ((meaning, sequence),) = meanings.items()
    found = source.earlier(sequence)
    if found is None or found.pack.meaning != meaning:
        told_by = f"publication {sequence}" if sequence else "the folder of the settings"
        raise SettingError("rules", f"what the shards are judged by is no longer in {told_by}", "start detect anew")
    return found


@dataclass
class Shadowing:
    """All shards. `began_ms`: log time of each when it was first known."""

    shadows: dict[int, Shadow]
    offsets: dict[int, int]
    live_desk: PaperDesk
    candidate_desk: PaperDesk
    changes: list[dict[str, str]]
    began_ms: dict[int, int] = field(default_factory=dict)
    readings: int = 0

    @classmethod
    def begin(cls, settings: Settings, city: City, live: Pack, candidate: Pack, shards: Shards) -> "Shadowing":
        """From the states and offsets of checkpoints, from nothing where there is none."""
        fleets, policy = fleets_of_shards(fleet_of(city), len(shards)), load_policy(settings.city)
        shadows = {
            shard: Shadow(city, fleets[shard], live, candidate, point.state if point else None)
            for shard, point in shards.items()
        }
        changed = [c for c in compare(live, candidate) if c.change is not Change.TEXT]
        return cls(
            shadows=shadows,
            offsets={shard: point.offset if point else -1 for shard, point in shards.items()},
            live_desk=PaperDesk(city, policy),
            candidate_desk=PaperDesk(city, policy),
            changes=[{"rule": change.rule, "change": change.change.value} for change in changed],
        )

    def take(self, shard: int, entry: Batch | Tick) -> None:
        """What comes next in a shard."""
        shadow = self.shadows[shard]
        if isinstance(entry, Batch):
            self.readings += len(entry)
            shadow.apply(entry)
            return
        for said in shadow.tick(entry):
            self.live_desk.take(said.live)
            self.candidate_desk.take(said.candidate)
        self.began_ms.setdefault(shard, shadow.log_ms if shadow.start_ms == NEVER else shadow.start_ms)

    def enough(self, until: Until) -> Callable[[], bool]:
        """Whether every shard has come so far in log time."""

        def reached() -> bool:
            ms = until.for_ms
            return ms is not None and all(
                shard in self.began_ms and shadow.log_ms - self.began_ms[shard] >= ms
                for shard, shadow in self.shadows.items()
            )

        return reached

    def report(self, read: Read) -> dict[str, Any]:
        """In what they differed."""
        for shadow in self.shadows.values():
            said = shadow.settle()
            self.live_desk.take(said.live)
            self.candidate_desk.take(said.candidate)
        meaning, reset = ([getattr(s, name) for s in self.shadows.values()] for name in ("meaning", "reset"))
        return {
            "kind": KIND,
            "from_ms": min(self.began_ms.values(), default=None),
            "until_ms": max((self.shadows[shard].log_ms for shard in self.began_ms), default=None),
            "shards": len(self.shadows),
            "readings": self.readings,
            "read": vars(read),
            "changes": self.changes,
            "differences": as_data(meaning),
            "reset": as_data(reset),
            "filling": as_data(meaning, filling=True),
            "tickets": apart(self.live_desk, self.candidate_desk),
        }


def _head(pack: Pack, number: int | None = None) -> dict[str, Any]:
    return {"pack": pack.name, "version": pack.version, "meaning": pack.meaning, "number": number}
