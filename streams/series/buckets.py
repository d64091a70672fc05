"""Where InfluxDB keeps the series, for how long, and the tasks that make minutes and hours of points."""

from collections.abc import Iterator

from influxdb_client import BucketRetentionRules, TaskCreateRequest, TaskUpdateRequest
from influxdb_client.domain.bucket import Bucket
from influxdb_client.domain.organization import Organization

from city.errors import SettingError
from streams.series.influx import Influx
from streams.series.rollups import tasks


def init(influx: Influx, retention_s: dict[str, int]) -> Iterator[str]:
    """Make what is missing, mend what differs, leave the rest. What was done, a line each. Raises Unavailable, or
    SettingError where there is no such organisation."""
    buckets, org = influx.options.buckets, find_organisation(influx)
    for name, seconds in retention_s.items():
        yield _ensure_bucket(influx, org, name, seconds)
    for name, flux in tasks(buckets).items():
        yield _ensure_task(influx, org, name, flux)


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
