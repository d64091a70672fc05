"""A played scenario in a store and in InfluxDB, written by the very code that writes it in life, without brokers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

from alerts.deadlines import load_policy
from alerts.store.database import Database
from alerts.store.incidents import IncidentStore
from alerts.store.schema import shards
from city.city import City
from city.clock import wall_ms
from city.readings import Batch, Tick
from city.series import Buckets
from city.tables import read_city, shipped_pack
from city.transitions import Transition
from dashboards.boards.frame import Board
from dashboards.store import Store
from dashboards.wall import boards
from ingest.dead_letters import DeadLetter
from qianshao.offline import Observer, play_offline
from qianshao.settings import Settings
from rules.language.load import load_pack
from simulators.scenario import Scenario, load_scenario
from streams.series import buckets
from streams.series.census import Census
from streams.series.history import History
from streams.series.influx import Influx, InfluxOptions
from streams.series.lines import ReadingLines, letter_line, tick_line, transition_line
from streams.series.rollups import rollup
from streams.series.sampler import Sampler
from tests.asking import Asker
from tests.reports import reports_until
from tests.servers.influxdb import Influx as Server

SHARDS = 4
TICK_MS = 1_000
AT_ONCE = 20_000
HOUR_MS = 3_600_000
FIXTURES = Path(__file__).with_name("fixtures")


@dataclass
class Wall:
    """`end_ms`: log time of the play's end, and as far as everything was written."""

    influx: Influx
    city: City
    scenario: Scenario
    database: Database
    end_ms: int


@dataclass
class _Scribe(Observer):
    """Looks on, and writes what a series worker would have written."""

    lines_of: ReadingLines
    write: Callable[[list[str]], object]
    lines: list[str] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)

    def readings(self, batch: Batch) -> None:
        lines, unknown = self.lines_of.of(batch)
        assert not unknown
        self.lines += lines
        if len(self.lines) > AT_ONCE:
            self.flush()

    def transition(self, transition: Transition) -> None:
        self.transitions.append(transition)
        self.lines.append(transition_line(transition))

    def letter(self, letter: DeadLetter) -> None:
        self.lines.append(letter_line(letter, len(self.lines)))

    def flush(self) -> None:
        refused = self.write(self.lines)
        assert not refused, refused
        self.lines = []


def play_onto(
    influx: Influx,
    folder: Path,
    name: str,
    began_ms: int | None = None,
    lasting_ms: int | None = None,
    pack: str = "baoan",
) -> Wall:
    """Play a scenario, by the clock of its file or from `began_ms` on, to its end or for so long, and write it all."""
    list(buckets.init(influx, dict.fromkeys(vars(influx.options.buckets).values(), 0)))
    scenario = load_scenario(name)
    scenario = scenario if began_ms is None else scenario.moved_to(began_ms)
    city = _with_a_contact_less(scenario.populate(read_city(shipped_pack(pack))))
    rules = load_pack(Settings().rules.parent / pack, city.catalogue)
    policy = load_policy(shipped_pack(pack))
    end_ms = scenario.end_ms if lasting_ms is None else scenario.start_ms + lasting_ms
    scribe = _Scribe(ReadingLines(city), influx.write)
    emissions = takewhile(lambda emission: emission.at_ms < end_ms, scenario.play(city))
    play_offline(emissions, city, rules, policy, SHARDS, TICK_MS, end_ms, scribe)
    scribe.lines += [line for line in _ticks(end_ms) if line]
    scribe.lines += reports_until(end_ms)
    scribe.flush()
    database = Database(f"sqlite:///{folder / 'wall.db'}")
    database.migrate()
    store = IncidentStore(database, city, policy)
    for start in range(0, len(scribe.transitions), 500):
        store.record(scribe.transitions[start : start + 500], [], float(start))
    _judged_until(database, end_ms, {"pack": rules.name, "version": rules.version, "meaning": rules.meaning})
    sampler = Sampler(History(database), Census(city), min(t.log_ms for t in scribe.transitions) - 1)
    while lines := sampler.lines():
        refused = influx.write(lines)
        assert not refused, refused
    return Wall(influx, city, scenario, database, end_ms)


@dataclass(frozen=True)
class Play:
    """So many minutes of a scenario of tests/fixtures, in a shipped city."""

    pack: str
    scenario: str
    minutes: int


EVERYTHING = Play("baoan", "wall.yaml", 120)
"""Something of everything happens."""


@dataclass(frozen=True)
class Shown:
    """A city's boards, and an InfluxDB that holds its play."""

    wall: Wall
    boards: list[Board]
    server: Server

    def asker(self, board: Board, hours: float = 2.0) -> Asker:
        influx = self.wall.influx.options
        start_ms = self.wall.end_ms - int(hours * HOUR_MS)
        return Asker(influx.url, influx.token, influx.org, start_ms, self.wall.end_ms, chosen(board, self.wall.city))

    def board(self, name: str) -> Board:
        return next(board for board in self.boards if board.uid == f"qs-{self.wall.city.id}-{name}")


def chosen(board: Board, city: City) -> dict[str, str]:
    """What the variables of a board are set to: the first place of its class at which devices stand."""
    slug = board.uid.partition("class-")[2] or "waterlogging"
    stand = [site for site in city.sites.values() if city.areas[site.area].risk_class == slug]
    site = next(
        (s for s in stand if any(d.site == s.id for d in city.devices.values())), next(iter(city.sites.values()))
    )
    area = city.areas[site.area]
    devices = "|".join(device.id for device in city.devices.values() if device.site == site.id)
    place = {"area": area.id, "site": site.id, "street": area.admin, "community": city.grids[site.grid].parent}
    return place | {"device": f"({devices})"}


def shown(server: Server, folder: Path, play: Play = EVERYTHING) -> Shown:
    """Play onto new buckets of a server, so that the play ends now."""
    influx = influx_of(server.url, server.token, server.org, server.new_bucket())
    lasting_ms = play.minutes * 60_000
    began_ms = int(wall_ms()) - lasting_ms
    wall = play_onto(influx, folder, str(FIXTURES / play.scenario), began_ms, lasting_ms, play.pack)
    stop = datetime.fromtimestamp(wall.end_ms / 1000, UTC)
    list(rollup(influx, stop - timedelta(minutes=play.minutes), stop))
    store = Store(Buckets.named(influx.options.bucket), 30, 400)
    return Shown(wall, boards(wall.city, store), server)


def influx_of(url: str, token: str, org: str, bucket: str) -> Influx:
    return Influx(InfluxOptions(url, token, org, bucket))


def _ticks(end_ms: int) -> list[str | None]:
    start_ms = end_ms - 10 * 60_000
    return [
        tick_line(Tick("ingest-1", at_ms, TICK_MS, True), shard)
        for at_ms in range(start_ms, end_ms, TICK_MS)
        for shard in range(SHARDS)
    ]


def _judged_until(database: Database, log_ms: int, rules: dict[str, Any]) -> None:
    """Checkpoints of all shards, by rules that came into force an hour before."""
    status = {"readings": 1, "transitions": 1, "rules": {**rules, "loaded_wall_ms": float(log_ms - 3_600_000)}}
    same = {"fence": 1, "owner": "detect-1", "offset": 0, "log_ms": log_ms, "saved_wall_ms": float(log_ms)}
    with database.writing() as connection:
        connection.execute(shards.insert(), [{"shard": n, **same, "status": status} for n in range(SHARDS)])


def _with_a_contact_less(city: City) -> City:
    """The first site has only three of its four contacts."""
    return replace(city, contacts=dict(list(city.contacts.items())[1:]))
