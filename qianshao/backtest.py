"""`qianshao rules backtest`: the archive through the engine and the desk, as a pack would have judged it."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count

from alerts.book import Book, Incident
from alerts.deadlines import load_policy
from alerts.incidents import Desk
from city.city import City
from city.fleet import fleet_of
from city.lasting import lasting
from city.sharding import fleets_of_shards
from city.transitions import Transition
from qianshao.processes.archive import folder_of
from qianshao.settings import Settings
from rules.authoring.backtest import Comparison, Judged, RuleCount, Spell, compare, count, in_log_order, judge, spells
from rules.engine.shard import Shard
from rules.language.pack import Pack
from streams.archive.catalogue import Gap
from streams.archive.folder import ArchiveFolder
from streams.archive.replay import Loss, Replay


@dataclass(frozen=True)
class Backtest:
    """What a pack makes of a part of the archive. `transitions`: also those before `start_ms`, where the engine warmed
    up; `alerts`, `live` (as they were told): those that stood at `start_ms` or came later. `seconds`: how long judging
    took."""

    pack: Pack
    start_ms: int | None
    end_ms: int | None
    judged: list[Judged]
    transitions: list[Transition]
    alerts: list[Spell]
    live: list[Spell]
    book: Book
    losses: list[Loss]
    gaps: list[Gap]
    seconds: float

    @property
    def readings(self) -> int:
        return sum(each.readings for each in self.judged)

    @property
    def outcomes(self) -> Counter[str]:
        return sum((each.outcomes for each in self.judged), Counter())

    @property
    def comparison(self) -> Comparison:
        return compare(self.live, self.alerts)

    @property
    def counts(self) -> list[RuleCount]:
        return count(self.alerts)

    @property
    def incidents(self) -> list[Incident]:
        """Incidents that were open at `start_ms` or later, by when they opened."""
        found = [i for i in self.book.incidents.values() if i.merged_into is None and self._counts(i)]
        return sorted(found, key=lambda incident: (incident.opened_ms, incident.id))

    @property
    def span_ms(self) -> tuple[int, int]:
        """What was asked for; where no end was, to the first and the last change of an alert."""
        times = [told.event_ms for told in self.transitions] or [0]
        start = min(times) if self.start_ms is None else self.start_ms
        return start, max(times) if self.end_ms is None else self.end_ms

    def _counts(self, incident: Incident) -> bool:
        recovered_ms = incident.recovered_ms
        return self.start_ms is None or recovered_ms is None or recovered_ms >= self.start_ms


def backtest(
    settings: Settings, city: City, pack: Pack, start_ms: int | None, end_ms: int | None, warm_up_ms: int
) -> Backtest:
    """Judge the archive's readings of a span of log time by a pack, from `warm_up_ms` earlier on. Shards are judged
    side by side, on as many cores as there are. Raises NothingThere, SettingError, ConfigErrors."""
    folder = folder_of(settings)
    from_ms = None if start_ms is None else start_ms - warm_up_ms
    replay = Replay(folder, ArchiveFolder(folder).read(), city.time_zone, from_ms, end_ms)
    began_s = time.perf_counter()
    judged = judge_shards(replay, city, pack)
    seconds = time.perf_counter() - began_s
    transitions = in_log_order(each.transitions for each in judged)
    book = Book()
    desk = Desk(city, load_policy(settings.city), book)
    for transition in transitions:
        desk.take(transition)
    return Backtest(
        pack=pack,
        start_ms=start_ms,
        end_ms=end_ms,
        judged=judged,
        transitions=transitions,
        alerts=spells(transitions, start_ms),
        live=spells(replay.alerts(), start_ms),
        book=book,
        losses=replay.losses,
        gaps=replay.gaps,
        seconds=seconds,
    )


def judge_shards(replay: Replay, city: City, pack: Pack) -> list[Judged]:
    """Every shard of a replay through an engine of its own."""
    with lasting():
        engines = [Shard(city, fleet, pack) for fleet in fleets_of_shards(fleet_of(city), replay.shards)]
    with ThreadPoolExecutor(cpu_count()) as cores:
        work = [cores.submit(judge, engine, replay.said(shard)) for shard, engine in enumerate(engines)]
        return [each.result() for each in work]
