"""The wall: whether InfluxDB answers, knows our token, and has buckets and tasks; whether Grafana has the boards."""

from collections.abc import Iterator
from dataclasses import replace

from dashboards.sync import Step
from qianshao.boards import grafana_of, sync_of
from qianshao.doctor.findings import ANSWER_WITHIN_S, Finding, failure, warning, well
from qianshao.processes.series import influx_options, retention_s
from qianshao.settings import Settings
from streams.series.influx import Influx
from streams.series.rollups import tasks as tasks_of

INIT = "run `qianshao series init`"


def influxdb(settings: Settings) -> Iterator[Finding]:
    """Raises Unavailable where it does not answer, or not to us."""
    influx = Influx(replace(influx_options(settings), timeout_s=ANSWER_WITHIN_S))
    try:
        influx.ping()
        yield well("InfluxDB", influx.options.url)
        yield _buckets(influx, settings)
        yield _tasks(influx)
    finally:
        influx.close()


def grafana(settings: Settings) -> Iterator[Finding]:
    """Raises Unavailable where it does not answer, and SettingError where it does not let us."""
    there = grafana_of(settings)
    try:
        yield well("Grafana", f"{settings.grafana.url}, version {there.version()}")
        yield _boards(sync_of(settings, there).plan())
    finally:
        there.close()


def _boards(steps: list[Step]) -> Finding:
    by_hand = [step.uid for step in steps if step.drift is not None]
    if by_hand:
        remedy = "`qianshao dashboards drift` says what; take it into the code, or `apply` undoes it"
        return warning("boards", f"changed by hand: {', '.join(by_hand)}", remedy)
    if steps:
        return warning("boards", f"not as the code has them: {len(steps)}", "run `qianshao dashboards apply`")
    return well("boards", "as the code has them")


def _buckets(influx: Influx, settings: Settings) -> Finding:
    api, wanted = influx.client.buckets_api(), retention_s(settings)
    missing = [name for name in wanted if influx.ask(lambda name=name: api.find_bucket_by_name(name)) is None]
    if missing:
        return failure("buckets", f"not there: {', '.join(missing)}", INIT)
    return well("buckets", ", ".join(wanted))


def _tasks(influx: Influx) -> Finding:
    api, wanted = influx.client.tasks_api(), list(tasks_of(influx.options.buckets))
    found = {name: influx.ask(lambda name=name: api.find_tasks(name=name)) for name in wanted}
    missing = [name for name, tasks in found.items() if not tasks]
    if missing:
        return failure("tasks", f"not there: {', '.join(missing)}", INIT)
    idle = [name for name, tasks in found.items() if tasks[0].status != "active"]
    if idle:
        return warning("tasks", f"not active: {', '.join(idle)}", "activate them, or minutes and hours stay empty")
    return well("tasks", ", ".join(wanted))
