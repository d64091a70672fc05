"""How long do the questions of the wall take?

Every question of every board, asked one after the other of an InfluxDB that holds 30 days of 100,000 devices: of each
the board's own range, a day, a week and the 30 days, thrice, of which the middle one counts. Every device is in every
part of the index; whole, point for point, is what a board can ask for at once: how the city stood, the summaries, all
readings of the last full_minutes, and for as far back as boards go the devices of the busiest street that boards show
one by one. Asked is about that street, and in it about the largest place of each class.

worst_s: the slowest question. over_1s: how many took longer than a second. first_s: the slowest when it was asked for
the first time. board_s: the slowest board with all its questions at once, as a browser asks them. minutes_task_s: what
the task of minutes does every 300 s. hours_tasks_s: what the tasks of hours do, one after the other, for one hour;
every hour, they do so for two.

Beside it, the naive way: the greatest value of a class in each street over full_minutes, asked of the readings of all
its devices, and of our summaries.
"""

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

from bench.parts.common import fleet_of_size, options, show
from bench.parts.month import DAYS, HOUR_MS, MINUTE_MS, Month, written
from city.city import City
from city.clock import wall_ms
from city.registry import Site
from city.series import Measurement
from dashboards.boards.choices import FIRST_DEVICES
from dashboards.boards.frame import Board
from dashboards.render import as_json
from dashboards.store import Store
from dashboards.wall import boards
from streams.series import buckets
from streams.series.influx import Influx
from streams.series.rollups import BY_THE_HOUR, HOUR, REACH, STEP, standings_flux, summaries_flux
from tests.asking import Asker
from tests.servers.influxdb import ORG, TOKEN, influxdb
from tests.wall import influx_of

BUCKET = "qianshao"
MINUTES_KEPT_DAYS = 400
FULL_MS = 65 * MINUTE_MS
TIMES, SLOWEST = 3, 5
RANGES = (24.0, 24.0 * 7, 24.0 * DAYS)
PATIENT_S = 3_600.0
TOO_LONG_S = 1.0
AT_ONCE = 6
"""Connections of a browser to one host."""
DRAWN = ("waterlogging", "underpass-flooding", "community-checkpoint")
"""Classes of whose devices a board shows all of a street."""
NAIVE_CLASS, NAIVE_FIELD = "video-coverage", "packet_loss"


@dataclass(frozen=True)
class Asked:
    """A question of a board, and how long it took, each time."""

    board: str
    panel: str
    days: float
    seconds: list[float]

    @property
    def usual_s(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Bench:
    """The month, written."""

    month: Month
    influx: Influx
    written: int
    written_s: float

    def asker(self, board: Board, hours: float) -> Asker:
        options, end_ms = self.influx.options, self.month.end_ms
        start_ms = end_ms - int(hours * HOUR_MS)
        return Asker(options.url, options.token, options.org, start_ms, end_ms, chosen(board, self.month.city))

    def one_by_one(self, every: list[Board], ranges: tuple[float, ...]) -> Iterator[Asked]:
        """Each question of each board, TIMES in a row, over its own range and others, in hours."""
        for board in every:
            for hours in sorted({own_hours(board), *ranges}):
                asker = self.asker(board, hours)
                for panel, query in questions(board):
                    seconds = [_timed(partial(asker.ask, query)) for _ in range(TIMES)]
                    yield Asked(board.uid, panel, hours / 24, seconds)

    def at_once(self, board: Board) -> float:
        """Seconds until a board that is opened has all its answers."""
        asker = self.asker(board, own_hours(board))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return _timed(lambda: list(pool.map(asker.ask, [query for _, query in questions(board)])))

    def minutes_task_s(self) -> float:
        """What the task of minutes does every five of them."""
        stop, names = _floor(self.month.end_ms, STEP), self.influx.options.buckets
        times = [(stop - n * STEP).isoformat() for n in range(REACH, -1, -1)]
        steps = summaries_flux(names, list(pairwise(times)))
        return self._answered_s(standings_flux(names, times[0], times[-1]), steps)

    def hours_tasks_s(self) -> float:
        """What the tasks of hours do every hour, but for one hour instead of two."""
        stop, names = _floor(self.month.end_ms, HOUR), self.influx.options.buckets
        span = ((stop - HOUR).isoformat(), stop.isoformat())
        return self._answered_s(*(flux(names, *span) for flux in BY_THE_HOUR.values()))

    def greatest_s(self, ours: bool) -> float:
        """The greatest value of a class in each street, of summaries or of the readings themselves."""
        end_ms, names = self.month.end_ms, self.influx.options.buckets
        start, stop = (
            datetime.fromtimestamp(ms / 1000, UTC).isoformat() for ms in (end_ms - self.month.full_ms, end_ms)
        )
        bucket, name = (names.minute, "summary_max") if ours else (names.raw, Measurement.CAMERA)
        flux = f"""from(bucket: "{bucket}") |> range(start: {start}, stop: {stop})
            |> filter(fn: (r) => r._measurement == "{name}" and r._field == "{NAIVE_FIELD}")
            |> filter(fn: (r) => r.class == "{NAIVE_CLASS}")
            |> group(columns: ["street"]) |> aggregateWindow(every: 5m, fn: max, createEmpty: false)"""
        return statistics.median(self._answered_s(flux) for _ in range(TIMES))

    def _answered_s(self, *scripts: str) -> float:
        patient = Influx(replace(self.influx.options, timeout_s=PATIENT_S))
        return _timed(lambda: [list(patient.query(flux)) for flux in scripts])


@contextmanager
def filled(devices: int) -> Iterator[Bench]:
    """An InfluxDB of its own with a month that ends now."""
    city, _ = fleet_of_size(devices)
    with influxdb(own=True, durable=True) as server:
        influx = influx_of(server.url, TOKEN, ORG, BUCKET)
        names = influx.options.buckets
        list(buckets.init(influx, {names.raw: 0, names.minute: MINUTES_KEPT_DAYS * 86_400, names.hour: 0}))
        month = Month(city, drawn(city), at_chosen_sites(city), int(wall_ms()), FULL_MS)
        count, began = 0, time.monotonic()
        for name, lines in ((names.raw, month.raw()), (names.minute, month.minutes()), (names.hour, month.hours())):
            count += written(lines, influx_of(server.url, TOKEN, ORG, name).write)
        yield Bench(month, influx, count, time.monotonic() - began)


def busiest_street(city: City) -> str:
    """The street of most devices."""
    return Counter(city.area_of(device).admin for device in city.devices.values()).most_common(1)[0][0]


def drawn(city: City) -> frozenset[str]:
    """Devices of the busiest street whose curves boards draw all at once."""
    street = busiest_street(city)
    areas = {device.id: city.area_of(device) for device in city.devices.values()}
    return frozenset(name for name, area in areas.items() if area.admin == street and area.risk_class in DRAWN)


def at_chosen_sites(city: City) -> frozenset[str]:
    """Devices of the sites that boards are asked about."""
    sites = {chosen_site(city, risk_class.slug).id for risk_class in city.catalogue.classes}
    return frozenset(device.id for device in city.devices.values() if device.site in sites)


def chosen_site(city: City, risk_class: str) -> Site:
    """The site of a class with most devices, in the busiest street if there is one."""
    street, counts = busiest_street(city), Counter(device.site for device in city.devices.values())
    of_class = [s for s in city.sites.values() if city.areas[s.area].risk_class == risk_class]
    return max(of_class, key=lambda s: (city.areas[s.area].admin == street, counts[s.id]))


def chosen(board: Board, city: City) -> dict[str, str]:
    """What the variables of a board are set to."""
    site = chosen_site(city, board.uid.partition("class-")[2] or "waterlogging")
    places = Counter(city.grids[city.sites[device.site].grid].parent for device in city.devices.values())
    return {
        "area": site.area,
        "site": site.id,
        "street": busiest_street(city),
        "community": places.most_common(1)[0][0],
        "device": f"({'|'.join([d.id for d in city.devices.values() if d.site == site.id][:FIRST_DEVICES])})",
    }


def questions(board: Board) -> list[tuple[str, str]]:
    """What panels, annotations and variables ask, by their titles."""
    shown = as_json(board)
    panels = [(panel["title"], target["query"]) for panel in shown["panels"] for target in panel.get("targets", [])]
    marks = [(mark["name"], mark["target"]["query"]) for mark in shown["annotations"]["list"]]
    variables = [v for v in shown["templating"]["list"] if v["type"] == "query"]
    return [*panels, *marks, *((v["label"], v["query"]["query"]) for v in variables)]


def own_hours(board: Board) -> float:
    """The range that a board shows at first, such as now-6h."""
    begins = as_json(board)["time"]["from"]
    return float(begins.removeprefix("now-").removesuffix("h"))


def _floor(ms: int, step: timedelta) -> datetime:
    seconds = ms // 1000
    return datetime.fromtimestamp(seconds - seconds % step.total_seconds(), UTC)


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def main(devices: int, ranges: tuple[float, ...]) -> None:
    with filled(devices) as bench:
        every = boards(bench.month.city, Store(bench.influx.options.buckets, DAYS, MINUTES_KEPT_DAYS))
        asked = sorted(bench.one_by_one(every, ranges), key=lambda each: -each.usual_s)
        opened = {board.uid: bench.at_once(board) for board in every}
        slowest = max(opened, key=lambda uid: opened[uid])
        show(
            "wall_queries",
            devices=len(bench.month.city.devices),
            days=DAYS,
            lines=bench.written,
            written_per_s=round(bench.written / bench.written_s),
            questions=len(asked),
            over_1s=sum(each.usual_s > TOO_LONG_S for each in asked),
            worst_s=round(asked[0].usual_s, 3),
            p50_s=round(statistics.median(each.usual_s for each in asked), 4),
            first_s=round(max(each.seconds[0] for each in asked), 3),
            slowest=[f"{e.board} {e.panel} {e.days:g}d {e.usual_s:.3f}" for e in asked[:SLOWEST]],
            board_s=round(opened[slowest], 2),
            slowest_board=slowest,
            minutes_task_s=round(bench.minutes_task_s(), 1),
            hours_tasks_s=round(bench.hours_tasks_s(), 1),
            full_minutes=FULL_MS // MINUTE_MS,
            greatest_s=round(bench.greatest_s(ours=True), 3),
            naive_greatest_s=round(bench.greatest_s(ours=False), 3),
        )


if __name__ == "__main__":
    main(*((5_000, RANGES[-1:]) if options(__doc__).parse_args().quick else (100_000, RANGES)))
