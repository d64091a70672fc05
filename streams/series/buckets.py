"""Where InfluxDB keeps the series, for how long, and the tasks that make minutes of points and hours of minutes."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from zlib import crc32

from influxdb_client import BucketRetentionRules, TaskCreateRequest, TaskUpdateRequest
from influxdb_client.domain.bucket import Bucket
from influxdb_client.domain.organization import Organization

from city.errors import SettingError
from city.series import STANDINGS, Buckets, Measurement, Statistic
from streams.series.influx import Influx

STEP = timedelta(minutes=5)
"""How often minutes are made, and what one summary sums up: gauges speak every five minutes."""
REACH_STEPS, REACH_HOURS = 2, 3
"""How far back a task looks, in its own steps. What comes later than that, `qianshao series rollup` takes in."""
ROLLED_MINUTES, ROLLED_SUMMARIES, ROLLED_HOURS = timedelta(hours=2), timedelta(hours=1), timedelta(days=5)
"""What one query makes again: whole windows, of which it holds so many as it can in a moment."""
SUMMED_BY = ("class", "street", "_field")
WORDS = ("name", "lat", "lon", "since_ms")
"""Fields of standings that are no quantities: they are in the raw bucket."""


def init(influx: Influx, retention_s: dict[str, int]) -> Iterator[str]:
    """Make what is missing, mend what differs, leave the rest. What was done, a line each. Raises Unavailable, or
    SettingError where there is no such organisation."""
    buckets, org = influx.options.buckets, find_organisation(influx)
    for name, seconds in retention_s.items():
        yield _ensure_bucket(influx, org, name, seconds)
    for name, flux in tasks(buckets).items():
        yield _ensure_task(influx, org, name, flux)


def rollup(influx: Influx, start: datetime, stop: datetime) -> Iterator[datetime]:
    """Make minutes and hours of a range of whole hours again; how far it has come, now and then. Raises Unavailable."""
    for flux, at_once in ((minutes_flux, ROLLED_MINUTES), (_summary_of, ROLLED_SUMMARIES), (hours_flux, ROLLED_HOURS)):
        begin = start
        while begin < stop:
            end = min(begin + at_once, stop)
            for _ in influx.query(flux(influx.options.buckets, begin.isoformat(), end.isoformat())):
                pass
            begin = end
            yield begin


def tasks(buckets: Buckets) -> dict[str, str]:
    """The tasks of a city's buckets: name to Flux."""
    minutes, hours = f"{buckets.raw} minutes", f"{buckets.raw} hours"
    steps = [(_ago(n, STEP), _ago(n - 1, STEP)) for n in range(1, REACH_STEPS + 1)]
    return {
        minutes: "\n".join(
            [
                'import "date"',
                f'option task = {{name: "{minutes}", every: {_duration(STEP)}, offset: 20s}}',
                minutes_flux(buckets, _ago(REACH_STEPS, STEP), "now()"),
                summaries_flux(buckets, steps),
            ]
        ),
        hours: "\n".join(
            [
                'import "date"',
                f'option task = {{name: "{hours}", every: 1h, offset: 7m}}',
                hours_flux(buckets, _ago(REACH_HOURS, timedelta(hours=1)), "now()"),
            ]
        ),
    }


def minutes_flux(buckets: Buckets, start: str, stop: str) -> str:
    """What makes minutes of the points of a range: of each device the mean, of how things stand the worst. `start`,
    `stop`: Flux times or durations."""
    readings = _points(buckets.raw, start, stop, [Measurement.READING])
    words = " and ".join(f'r._field != "{name}"' for name in WORDS)
    standings = f"{_points(buckets.raw, start, stop, STANDINGS)} |> filter(fn: (r) => {words})"
    means = _windows(readings, Statistic.MEAN, "1m")
    return "\n".join(
        [
            _step(means, buckets.minute, Statistic.MEAN.of(Measurement.READING)),
            _step(_windows(standings, Statistic.MAX, "1m"), buckets.minute),
        ]
    )


def summaries_flux(buckets: Buckets, steps: Iterable[tuple[str, str]]) -> str:
    """What makes one point of each step of all devices of a class in a street: mean, least and most. `steps`: from and
    to, Flux times. Each is asked for by itself: the storage puts series together only over a whole range."""
    points = _points(buckets.raw, "start", "stop", [Measurement.READING])
    written = [
        _step(f"summary(how: {how}, start: {start}, stop: {stop})", buckets.minute, how.of(Measurement.SUMMARY))
        for start, stop in steps
        for how in Statistic
    ]
    return "\n".join(
        [
            f"summary = (how, start, stop) => {points} |> group(columns: {_list(SUMMED_BY)}) |> how()",
            f"  |> keep(columns: {_list((*SUMMED_BY, '_value'))})",
            "  |> map(fn: (r) => ({r with _time: start}))",
            *written,
        ]
    )


def _summary_of(buckets: Buckets, start: str, stop: str) -> str:
    begin, end = datetime.fromisoformat(start), datetime.fromisoformat(stop)
    times = [begin + n * STEP for n in range((end - begin) // STEP + 1)]
    return summaries_flux(buckets, [(a.isoformat(), b.isoformat()) for a, b in pairwise(times)])


def _ago(count: int, step: timedelta) -> str:
    """The beginning of a step: a range that began within one would make a point of a part of it."""
    this = f"date.truncate(t: now(), unit: {_duration(step)})"
    return f"date.sub(d: {_duration(count * step)}, from: {this})" if count else this


def _duration(span: timedelta) -> str:
    return f"{int(span.total_seconds()) // 60}m"


def hours_flux(buckets: Buckets, start: str, stop: str) -> str:
    """What makes hours of a range: of each device all three, of its points; of the rest what the minutes say."""
    readings = _points(buckets.raw, start, stop, [Measurement.READING])
    steps = [_step(_windows(readings, how, "1h"), buckets.hour, how.of(Measurement.READING)) for how in Statistic]
    for how in Statistic:
        summaries = _points(buckets.minute, start, stop, [how.of(Measurement.SUMMARY)])
        steps.append(_step(_windows(summaries, how, "1h"), buckets.hour))
    standings = _points(buckets.minute, start, stop, STANDINGS)
    return "\n".join([*steps, _step(_windows(standings, Statistic.MAX, "1h"), buckets.hour)])


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


def find_organisation(influx: Influx) -> Organization:
    """That of the settings. Raises Unavailable or SettingError."""
    name = influx.options.org
    found = [org for org in influx.ask(influx.client.organizations_api().find_organizations) if org.name == name]
    if not found:
        raise SettingError("influx.org", f"InfluxDB has no organisation {name!r}", "name the one it was set up with")
    return found[0]


def _ensure_bucket(influx: Influx, org: Organization, name: str, seconds: int) -> str:
    api = influx.client.buckets_api()
    rules = [BucketRetentionRules(type="expire", every_seconds=seconds)]
    found: Bucket | None = influx.ask(lambda: api.find_bucket_by_name(name))
    if found is None:
        influx.ask(lambda: api.create_bucket(bucket_name=name, org=org, retention_rules=rules))
        return f"bucket {name}: created, {_kept(seconds)}"
    before = found.retention_rules[0].every_seconds if found.retention_rules else 0
    if before == seconds:
        return f"bucket {name}: there, {_kept(seconds)}"
    found.retention_rules = rules
    influx.ask(lambda: api.update_bucket(bucket=found))
    return f"bucket {name}: changed, {_kept(seconds)} instead of {_kept(before)}"


def _kept(seconds: int) -> str:
    return f"kept for {seconds // 86_400} days" if seconds else "kept for ever"


def _ensure_task(influx: Influx, org: Organization, name: str, flux: str) -> str:
    api = influx.client.tasks_api()
    found = influx.ask(lambda: api.find_tasks(name=name, org_id=org.id))
    if not found:
        request = TaskCreateRequest(org_id=org.id, flux=flux, status="active")
        influx.ask(lambda: api.create_task(task_create_request=request))
        return f"task {name}: created"
    if found[0].flux == flux:
        return f"task {name}: there"
    influx.ask(lambda: api.update_task_request(found[0].id, TaskUpdateRequest(flux=flux)))
    return f"task {name}: changed"
