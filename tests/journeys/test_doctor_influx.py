"""What `qianshao doctor` says of InfluxDB: whether it knows us, and has what the wall needs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from influxdb_client import TaskUpdateRequest

from qianshao.doctor import clock, wall
from qianshao.doctor.findings import Outcome
from qianshao.processes.series import influx_options, init
from qianshao.settings import InfluxSettings, Settings
from streams.series.influx import Influx as Client
from tests.journeys.findings import Said, only, said, settings_in
from tests.servers.influxdb import Influx

pytestmark = pytest.mark.servers


def settings_of(influx: Influx, folder: Path, **more: Any) -> Settings:
    right = {"url": influx.url, "token": influx.token, "org": influx.org, "bucket": influx.new_bucket()}
    return settings_in(folder, influx=InfluxSettings(**{**right, **more}))


def outcomes(found: dict[str, Said]) -> dict[str, Outcome]:
    return {what: finding.outcome for what, finding in found.items()}


def test_what_init_has_made_is_well(influxdb_server: Influx, tmp_path: Path) -> None:
    settings = settings_of(influxdb_server, tmp_path)
    list(init(settings))
    found = said(wall.influxdb, settings)
    assert outcomes(found) == dict.fromkeys(("InfluxDB", "buckets", "tasks"), Outcome.OK)
    assert said(clock.clocks, settings)["clock against InfluxDB"].outcome is Outcome.OK


def test_what_was_never_made_fails_and_the_command_that_makes_it_is_named(
    influxdb_server: Influx, tmp_path: Path
) -> None:
    found = said(wall.influxdb, settings_of(influxdb_server, tmp_path))
    assert outcomes(found) == {"InfluxDB": Outcome.OK, "buckets": Outcome.FAIL, "tasks": Outcome.FAIL}
    assert {found[what].remedy for what in ("buckets", "tasks")} == {"run `qianshao series init`"}


def test_a_bucket_that_is_gone_is_named(influxdb_server: Influx, tmp_path: Path) -> None:
    settings = settings_of(influxdb_server, tmp_path)
    list(init(settings))
    client, gone = Client(influx_options(settings)), f"{settings.influx.bucket}_1h"
    api = client.client.buckets_api()
    api.delete_bucket(api.find_bucket_by_name(gone))
    client.close()
    finding = said(wall.influxdb, settings)["buckets"]
    assert (finding.outcome, finding.detail) == (Outcome.FAIL, f"not there: {gone}")


def test_a_task_that_was_switched_off_is_told(influxdb_server: Influx, tmp_path: Path) -> None:
    settings = settings_of(influxdb_server, tmp_path)
    list(init(settings))
    client, name = Client(influx_options(settings)), f"{settings.influx.bucket} minutes"
    api = client.client.tasks_api()
    api.update_task_request(api.find_tasks(name=name)[0].id, TaskUpdateRequest(status="inactive"))
    client.close()
    finding = said(wall.influxdb, settings)["tasks"]
    assert (finding.outcome, finding.detail) == (Outcome.WARN, f"not active: {name}")


def test_a_token_that_it_does_not_know_is_told_and_not_shown(influxdb_server: Influx, tmp_path: Path) -> None:
    found = said(wall.influxdb, settings_of(influxdb_server, tmp_path, token="not-a-token"))
    failed = [finding for finding in found.values() if finding.outcome is Outcome.FAIL]
    assert len(failed) == 1 and "token" in failed[0].detail
    assert "not-a-token" not in failed[0].detail + failed[0].remedy


def test_one_that_was_stopped_does_not_answer(private_influxdb: Influx, tmp_path: Path) -> None:
    settings = settings_of(private_influxdb, tmp_path)
    private_influxdb.server.stop()
    finding = only(said(wall.influxdb, settings))
    assert finding.outcome is Outcome.FAIL and "does not answer" in finding.detail
    assert said(clock.clocks, settings)[f"InfluxDB at {private_influxdb.url}"].outcome is Outcome.FAIL


def test_buckets_are_those_of_the_settings(influxdb_server: Influx, tmp_path: Path) -> None:
    settings = settings_of(influxdb_server, tmp_path)
    list(init(settings))
    other = replace(influx_options(settings), bucket=influxdb_server.new_bucket())
    renamed = settings.model_copy(update={"influx": settings.influx.model_copy(update={"bucket": other.bucket})})
    assert said(wall.influxdb, renamed)["buckets"].outcome is Outcome.FAIL
