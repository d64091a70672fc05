"""Minutes and hours of points: the Flux of the tasks that make them, and of making them again.

Every five minutes: how things stand, minute by minute, and summaries of what devices said, by class and street. Every
hour: minutes and hours of each device by itself, cameras left out, since each series costs half a millisecond of that,
however little there is in it, and twenty kilobytes. Therefore one after the other, too. Boards ask the raw bucket for
the last days of a device.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from math import ceil, floor
from zlib import crc32

from city.series import SAID, STANDINGS, Buckets, Measurement, Statistic
from streams.series.influx import Influx

STEP, HOUR = timedelta(minutes=5), timedelta(hours=1)
"""How often each task runs. STEP is what one summary sums up, too: gauges speak every five minutes."""
HOUR_S = HOUR.total_seconds()
REACH = 2
"""How far back a task looks, in its own steps. What comes later than that, `qianshao series rollup` takes in."""
STANDINGS_AT_ONCE, SUMMARIES_AT_ONCE, HOURS_AT_ONCE = timedelta(hours=2), timedelta(hours=1), timedelta(hours=12)
"""What one query makes again: whole windows, of which it holds so many as it can in a moment."""
SUMMED_BY = ("class", "street", "_field")
WORDS = ("name", "lat", "lon", "since_ms")
"""Fields of standings that are no quantities: they are in the raw bucket."""


def tasks(buckets: Buckets) -> dict[str, str]:
    """The tasks of a city's buckets: name to Flux."""
    minutes = [standings_flux(buckets, _ago(REACH, STEP), "now()"), summaries_flux(buckets, _steps_before_now())]
    found = [_task(f"{buckets.raw} minutes", STEP, timedelta(seconds=20), minutes)]
    for number, (name, flux) in enumerate(BY_THE_HOUR.items()):
        offset = timedelta(minutes=7 + 10 * number)
        found.append(_task(f"{buckets.raw} {name}", HOUR, offset, [flux(buckets, _ago(REACH, HOUR), "now()")]))
    return dict(found)


def rollup(influx: Influx, start: datetime, stop: datetime) -> Iterator[datetime]:
    """Make minutes and hours of a range again, of the whole hours that it touches, since an hour is made of all of its
    minutes; how far it has come, now and then. Raises Unavailable."""
    first, last = _hour(floor(start.timestamp() / HOUR_S)), _hour(ceil(stop.timestamp() / HOUR_S))
    minutes = ((standings_flux, STANDINGS_AT_ONCE), (_summaries_of, SUMMARIES_AT_ONCE))
    for flux, at_once in (*minutes, *((flux, HOURS_AT_ONCE) for flux in BY_THE_HOUR.values())):
        begin = first
        while begin < last:
            end = min(begin + at_once, last)
            for _ in influx.query(flux(influx.options.buckets, begin.isoformat(), end.isoformat())):
                pass
            begin = end
            yield begin


def standings_flux(buckets: Buckets, start: str, stop: str) -> str:
    """What makes minutes of how things stood in a range: the worst of each. `start`, `stop`: Flux times or
    durations."""
    words = " and ".join(f'r._field != "{name}"' for name in WORDS)
    standings = f"{_points(buckets.raw, start, stop, STANDINGS)} |> filter(fn: (r) => {words})"
    return _step(_windows(standings, Statistic.MAX, "1m"), buckets.minute)


def summaries_flux(buckets: Buckets, steps: Iterable[tuple[str, str]]) -> str:
    """What makes one point of each step of all devices of a class in a street: mean, least and most. `steps`: from and
    to, Flux times. Each is asked for by itself: the storage puts series together only over a whole range."""
    written = [
        _step(f"summary(how: {how}, start: {start}, stop: {stop})", buckets.minute, how.of(Measurement.SUMMARY))
        for start, stop in steps
        for how in Statistic
    ]
    points = _points(buckets.raw, "start", "stop", SAID)
    return "\n".join(
        [
            f"summary = (how, start, stop) => {points} |> group(columns: {_list(SUMMED_BY)}) |> how()",
            f"  |> keep(columns: {_list((*SUMMED_BY, '_value'))})",
            "  |> map(fn: (r) => ({r with _time: start}))",
            *written,
        ]
    )


def device_minutes_flux(buckets: Buckets, start: str, stop: str) -> str:
    """What makes minutes of what each device measured: the mean."""
    points = _points(buckets.raw, start, stop, [Measurement.READING])
    return _step(_windows(points, Statistic.MEAN, "1m"), buckets.minute, Statistic.MEAN.of(Measurement.READING))


def device_hours_flux(how: Statistic, buckets: Buckets, start: str, stop: str) -> str:
    """What makes hours of what each device measured."""
    points = _points(buckets.raw, start, stop, [Measurement.READING])
    return _step(_windows(points, how, "1h"), buckets.hour, how.of(Measurement.READING))


def hours_flux(buckets: Buckets, start: str, stop: str) -> str:
    """What makes hours of minutes, of standings and summaries."""
    steps = [
        _step(_windows(_points(buckets.minute, start, stop, [how.of(Measurement.SUMMARY)]), how, "1h"), buckets.hour)
        for how in Statistic
    ]
    standings = _points(buckets.minute, start, stop, STANDINGS)
    return "\n".join([*steps, _step(_windows(standings, Statistic.MAX, "1h"), buckets.hour)])


BY_THE_HOUR: dict[str, Callable[[Buckets, str, str], str]] = {
    "hours": hours_flux,
    "device minutes": device_minutes_flux,
    **{f"device hours {how}": partial(device_hours_flux, how) for how in Statistic},
}


def _task(name: str, every: timedelta, offset: timedelta, scripts: Iterable[str]) -> tuple[str, str]:
    option = f'option task = {{name: "{name}", every: {_duration(every)}, offset: {_duration(offset)}}}'
    return name, "\n".join(['import "date"', option, *scripts])


def _steps_before_now() -> list[tuple[str, str]]:
    return [(_ago(n, STEP), _ago(n - 1, STEP)) for n in range(1, REACH + 1)]


def _summaries_of(buckets: Buckets, start: str, stop: str) -> str:
    begin, end = datetime.fromisoformat(start), datetime.fromisoformat(stop)
    times = [begin + n * STEP for n in range((end - begin) // STEP + 1)]
    return summaries_flux(buckets, [(a.isoformat(), b.isoformat()) for a, b in pairwise(times)])


def _ago(count: int, step: timedelta) -> str:
    """The beginning of a step: a range that began within one would make a point of a part of it."""
    this = f"date.truncate(t: now(), unit: {_duration(step)})"
    return f"date.sub(d: {_duration(count * step)}, from: {this})" if count else this


def _hour(number: int) -> datetime:
    return datetime.fromtimestamp(number * HOUR_S, UTC)


def _duration(span: timedelta) -> str:
    return f"{int(span.total_seconds())}s"


def _points(bucket: str, start: str, stop: str, measurements: Iterable[str]) -> str:
    asked = " or ".join(f'r._measurement == "{name}"' for name in measurements)
    return f'from(bucket: "{bucket}") |> range(start: {start}, stop: {stop}) |> filter(fn: (r) => {asked})'


def _windows(points: str, how: Statistic, every: str) -> str:
    """One of each window, at its beginning. Right after `_points` the storage does it, as fast as it reads."""
    return f'{points} |> aggregateWindow(every: {every}, fn: {how}, createEmpty: false, timeSrc: "_start")'


def _step(points: str, bucket: str, name: str = "") -> str:
    """What is written, under the name of the points or another. It gives back only how much that was."""
    named = f' |> set(key: "_measurement", value: "{name}")' if name else ""
    written = f'{points}{named} |> to(bucket: "{bucket}") |> count()'
    return f'{written} |> yield(name: "{crc32(written.encode()):08x}")'


def _list(names: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
