"""Two kinds of time that can be gone through again, watching: a scenario, and what the archive has."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from alerts.deadlines import load_policy
from alerts.store.rules import RuleStore
from city.city import City
from city.clock import ms_of
from city.errors import QianshaoError
from city.fleet import fleet_of
from city.readings import Batch, Tick
from city.sharding import fleets_of_shards
from city.tables import read_city
from city.transitions import Transition, decode_transition
from qianshao.city_files import load_city, load_rules
from qianshao.offline import Observer, play_offline
from qianshao.processes.archive import folder_of
from qianshao.score import OFFLINE_TICK_MS
from qianshao.settings import Settings
from qianshao.stores import opened
from rules.authoring.backtest import judge
from rules.engine.shard import Shard
from rules.language.pack import Pack, all_rules
from simulators.scenario import Scenario
from streams.archive.asking import Archive, Unread, day_to_begin_with, rows_in
from streams.archive.folder import ArchiveFolder
from streams.archive.replay import Replay
from streams.rules import RuleSource

AFTER_MS = 10 * 60_000
"""What is looked at after an alert's last transition."""
BEGAN = "since_ms >= coalesce($start, since_ms) and since_ms < coalesce($end, since_ms + 1)"


class NoSuchAlert(QianshaoError):
    """No alert of a play is called so, or nothing is known of how it came about."""


class Play(Protocol):
    """A time of a city that can be gone through as often as one likes."""

    @property
    def city(self) -> City: ...

    @property
    def unread(self) -> list[str]:
        """What could not be read so far, and why, in words."""

    def alert(self, wanted: str) -> list[Transition]:
        """All transitions of an alert: by its id, or as RULE@SUBJECT for the first of that rule there. Raises
        NoSuchAlert, ConfigErrors."""

    def rules_behind(self, told: Transition, /) -> Pack:
        """The rules by which it was told. Raises NoSuchAlert, ConfigErrors."""

    def go_through(self, pack: Pack, alert: list[Transition], observer: Observer, /) -> None:
        """Have everything judged by a pack that an alert may have come of. Raises NoSuchAlert where that cannot be."""


class ScenarioPlay:
    """A scenario, judged by the rules of the settings."""

    def __init__(self, settings: Settings, scenario: Scenario) -> None:
        self._settings, self._scenario = settings, scenario
        self.city = scenario.populate(read_city(settings.city))
        self._rules = load_rules(settings, self.city)
        self.unread: list[str] = []

    def alert(self, wanted: str) -> list[Transition]:
        told = _Told()
        self.go_through(self._rules, [], told)
        return _called(wanted, told.all, "the play", lambda: [t.rule for t in told.all])

    def rules_behind(self, _told: Transition, /) -> Pack:
        return self._rules

    def go_through(self, pack: Pack, _alert: list[Transition], observer: Observer, /) -> None:
        shards, policy, scenario = self._settings.kafka.shards, load_policy(self._settings.city), self._scenario
        emissions = scenario.play(self.city)
        play_offline(emissions, self.city, pack, policy, shards, OFFLINE_TICK_MS, scenario.end_ms, observer)


@dataclass
class ArchivePlay:
    """What the archive has: alerts that began from `start` on and before `end`, and the readings before them, from
    `warm_up_ms` earlier on."""

    settings: Settings
    start: datetime | None
    end: datetime | None
    warm_up_ms: int
    _unread: list[Unread] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises SettingError, ConfigErrors."""
        self.city = load_city(self.settings)
        self._folder = folder_of(self.settings)
        self._catalogue = ArchiveFolder(self._folder).read()

    @property
    def unread(self) -> list[str]:
        return [str(each) for each in self._unread]

    def alert(self, wanted: str) -> list[Transition]:
        zone = ZoneInfo(self.city.time_zone)
        start_ms, end_ms = (None if time is None else ms_of(time, zone) for time in (self.start, self.end))
        archive = Archive(self._folder, self._catalogue, self.city, day_to_begin_with(self.city, start_ms))
        began: dict[str, object] = {"start": start_ms, "end": end_ms}
        answer = archive.answer(
            f"select transition from alerts where {BEGAN} and (alert = $wanted or rule = $rule) "
            "order by event_ms, log_ms",
            {"wanted": wanted, "rule": wanted.partition("@")[0], **began},
        )
        told = [decode_transition(str(row["transition"])) for row in rows_in(answer)]
        most = f"select rule from alerts where {BEGAN} group by rule order by count(*) desc"
        self._unread += archive.unread
        return _called(
            wanted, told, "the archive", lambda: [str(row["rule"]) for row in rows_in(archive.answer(most, began))]
        )

    def rules_behind(self, told: Transition, /) -> Pack:
        with opened(self.settings) as database:
            database.migrate()
            store = RuleStore(database)
            source = RuleSource(store, self.city, self.settings.rules, "explain")
            for sequence in (0, *(each.sequence for each in reversed(store.ledger().publications))):
                rules = source.earlier(sequence)
                if rules is not None and _means(rules.pack, told):
                    return rules.pack
        raise NoSuchAlert(
            f"{told.alert} was told by {told.rule} of another meaning ({told.rule_version}) than it has in "
            f"{self.settings.rules}, or in what was published: set QIANSHAO_RULES to the folder that has it"
        )

    def go_through(self, pack: Pack, alert: list[Transition], observer: Observer, /) -> None:
        device = self.city.devices.get(alert[0].subject)
        if device is not None and not device.in_service:
            raise NoSuchAlert(f"{device.id} is out of service now: its readings are not judged again")
        first_ms, last_ms = min(t.event_ms for t in alert) - self.warm_up_ms, max(t.log_ms for t in alert) + AFTER_MS
        replay = Replay(self._folder, self._catalogue, self.city.time_zone, first_ms, last_ms)
        for shard, fleet in enumerate(fleets_of_shards(fleet_of(self.city), replay.shards)):
            if device is None or device.number in fleet.number:
                engine = Shard(self.city, fleet, pack)
                for told in judge(engine, _shown(replay.said(shard), observer)).transitions:
                    observer.transition(told)
        self._unread += [Unread(loss.path, loss.why, loss.rows) for loss in replay.losses]


def _called(wanted: str, told: list[Transition], where: str, rules: Callable[[], list[str]]) -> list[Transition]:
    """Of transitions those of the alert that is asked for. `rules`: that have others."""
    rule, _, subject = wanted.partition("@")
    first = next((t for t in told if wanted == t.alert or (t.rule, t.subject) == (rule, subject)), None)
    if first is None:
        near = [*dict.fromkeys(f"{t.rule}@{t.subject}" for t in told if t.rule == rule)] or [*dict.fromkeys(rules())]
        raise NoSuchAlert(f"{where} has no alert {wanted!r}; it has e.g. {', '.join(near[:5]) or 'none'}")
    return [t for t in told if t.alert == first.alert]


def _means(pack: Pack, told: Transition) -> bool:
    return any((rule.id, rule.version) == (told.rule, told.rule_version) for rule in all_rules(pack))


def _shown(said: Iterable[Batch | Tick], observer: Observer) -> Iterator[Batch | Tick]:
    for each in said:
        if isinstance(each, Tick):
            observer.tick(each)
        else:
            observer.readings(each)
        yield each


class _Told(Observer):
    """Keeps what a play's engines say."""

    def __init__(self) -> None:
        self.all: list[Transition] = []

    def transition(self, transition: Transition) -> None:
        self.all.append(transition)
