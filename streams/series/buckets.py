"""Where InfluxDB keeps the series, for how long, and the tasks that make minutes of points and hours of minutes."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from influxdb_client import BucketRetentionRules, TaskCreateRequest, TaskUpdateRequest
from influxdb_client.domain.bucket import Bucket
from influxdb_client.domain.organization import Organization

from city.errors import SettingError
from city.series import STANDINGS, Buckets, Measurement, Statistic
from streams.series.influx import Influx

REACH_MINUTES, REACH_HOURS = 3, 3
"""How far back a task looks, in its own windows. What comes later than that, `qianshao series rollup` takes in."""
ROLLED_MINUTES, ROLLED_HOURS = timedelta(hours=2), timedelta(days=5)
"""What one query makes again: whole windows, of which it holds so many as it can in a moment."""
SUMMED_BY = ("class", "street", "_field")
WORDS = ("name", "lat", "lon", "since_ms")
"""Fields of standings that are no quantities: they are in the raw bucket."""


def init(influx: Influx, retention_s: dict[str, int]) -> Iterator[str]:
    """Make what is missing, mend what differs, leave the rest. What was done, a line each. Raises Unavailable, or
    SettingError where there is no such organisation."""
    buckets, org = influx.options.buckets, _organisation(influx)
    for name, seconds in retention_s.items():
        yield _ensure_bucket(influx, org, name, seconds)
    for name, flux in tasks(buckets).items():
        yield _ensure_task(influx, org, name, flux)


def rollup(influx: Influx, start: datetime, stop: datetime) -> Iterator[datetime]:
    """Make minutes and hours of a range again; how far it has come, now and then. Raises Unavailable."""
    for flux, at_once in ((minutes_flux, ROLLED_MINUTES), (hours_flux, ROLLED_HOURS)):
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
    return {
        minutes: f'option task = {{name: "{minutes}", every: 1m, offset: 20s}}\n'
        + minutes_flux(buckets, f"-{REACH_MINUTES}m", "now()"),
        hours: f'option task = {{name: "{hours}", every: 1h, offset: 5m}}\n'
        + hours_flux(buckets, f"-{REACH_HOURS}h", "now()"),
    }


def minutes_flux(buckets: Buckets, start: str, stop: str) -> str:
    """What makes minutes of the points of a range: of each device the mean; of all devices of a class in a street mean,
    least and most; of how things stand the worst. `start`, `stop`: Flux times or durations.

    Each step asks for itself: the storage aggregates only for who is alone with what it reads.
    """
    readings = _points(buckets.raw, start, stop, [Measurement.READING])
    alike = f"{readings} |> group(columns: {_list(SUMMED_BY)})"
    steps = [_step(readings, Statistic.MEAN, "1m", buckets.minute, Statistic.MEAN.of(Measurement.READING))]
    steps += [_step(alike, how, "1m", buckets.minute, how.of(Measurement.SUMMARY), SUMMED_BY) for how in Statistic]
    words = " and ".join(f'r._field != "{name}"' for name in WORDS)
    standings = _points(buckets.raw, start, stop, STANDINGS)
    steps.append(_step(f"{standings} |> filter(fn: (r) => {words})", Statistic.MAX, "1m", buckets.minute))
    return _numbered(steps)


def hours_flux(buckets: Buckets, start: str, stop: str) -> str:
    """What makes hours of a range: of each device all three, of its points; of the rest what the minutes say."""
    readings = _points(buckets.raw, start, stop, [Measurement.READING])
    steps = [_step(readings, how, "1h", buckets.hour, how.of(Measurement.READING)) for how in Statistic]
    for how in Statistic:
        summaries = _points(buckets.minute, start, stop, [how.of(Measurement.SUMMARY)])
        steps.append(_step(summaries, how, "1h", buckets.hour))
    steps.append(_step(_points(buckets.minute, start, stop, STANDINGS), Statistic.MAX, "1h", buckets.hour))
    return _numbered(steps)


def _points(bucket: str, start: str, stop: str, measurements: Iterable[str]) -> str:
    asked = " or ".join(f'r._measurement == "{name}"' for name in measurements)
    return f'from(bucket: "{bucket}") |> range(start: {start}, stop: {stop}) |> filter(fn: (r) => {asked})'


def _step(points: str, how: Statistic, every: str, bucket: str, name: str = "", by: tuple[str, ...] = ()) -> str:
    """What a task writes, under the name of the points or another. It gives back only how much that was. `by`: the tags
    that are left, where the points were put together; `min` and `max` would keep those of one of them."""
    window = f'aggregateWindow(every: {every}, fn: {how}, createEmpty: false, timeSrc: "_start")'
    kept = f" |> keep(columns: {_list((*by, '_measurement', '_time', '_value'))})" if by else ""
    named = f' |> set(key: "_measurement", value: "{name}")' if name else ""
    return f'{points} |> {window}{kept}{named} |> to(bucket: "{bucket}") |> count()'


def _numbered(steps: list[str]) -> str:
    return "\n".join(f'{step} |> yield(name: "{number}")' for number, step in enumerate(steps, 1))


def _list(names: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _organisation(influx: Influx) -> Organization:
    name = influx.options.org
    found = influx.ask(lambda: influx.client.organizations_api().find_organizations(org=name))
    if not found:
        raise SettingError("influx.org", f"InfluxDB has no organisation {name!r}", "name the one it was set up with")
    return found[0]


def _ensure_bucket(influx: Influx, org: Organization, name: str, seconds: int) -> str:
    api = influx.client.buckets_api()
    rules = [BucketRetentionRules(type="expire", every_seconds=seconds)]
    found: Bucket | None = influx.ask(lambda: api.find_bucket_by_name(name))
    if found is None:
        influx.ask(lambda: api.create_bucket(bucket_name=name, org_id=org.id, retention_rules=rules))
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
