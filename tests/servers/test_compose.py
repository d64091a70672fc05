"""docker-compose.yml is read without a complaint by both who read it in the field: docker-compose 1.29, as Debian 12
has it, and the library of today's Docker Compose, which holds it against the Compose specification's JSON Schema."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.environment import plain_environment
from tests.servers.compose import COMPOSE_GO, DOCKER_COMPOSE
from tests.servers.deployed import ROOT, compose
from tests.servers.missing import MissingError
from tests.servers.report import skip
from tests.servers.shellcheck import SHELLCHECK
from tests.servers.sources import Kind

pytestmark = pytest.mark.servers

FILE = ROOT / "docker-compose.yml"
TOLD = {"QIANSHAO_SECRETS": "/etc/qianshao/secrets", "QIANSHAO_FLEET_FOLDER": "/etc/qianshao/fleet"}
PROFILES = ("scaled", "simulate")
ONE_MACHINE = {name for name, service in compose()["services"].items() if "profiles" not in service}


def program(kind: Kind) -> str:
    try:
        return str(kind.find().program)
    except MissingError as error:
        skip(error)


def config(*profiles: str, told: Mapping[str, str] = TOLD) -> subprocess.CompletedProcess[str]:
    """docker-compose config."""
    command = [program(DOCKER_COMPOSE), "--file", str(FILE), *(f"--profile={name}" for name in profiles), "config"]
    return run(command, told)


def check(*profiles: str, told: Mapping[str, str] = TOLD) -> subprocess.CompletedProcess[str]:
    """The same of compose-go."""
    return run([program(COMPOSE_GO), str(FILE), *profiles], told)


def run(command: list[str], told: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=plain_environment() | told, capture_output=True, text=True)


def project(*profiles: str, told: Mapping[str, str] = TOLD) -> dict[str, Any]:
    """As Docker Compose understands it: variables filled in, only the services of these profiles."""
    return json.loads(check(*profiles, told=told).stdout)


@pytest.mark.parametrize("profiles", [(), PROFILES])
@pytest.mark.parametrize("read", [config, check])
def test_it_is_read_without_a_complaint(read: Any, profiles: tuple[str, ...]) -> None:
    done = read(*profiles)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("read", [config, check])
def test_it_refuses_to_start_until_it_is_told_where_secrets_and_devices_are(read: Any, name: str) -> None:
    done = read(told={key: value for key, value in TOLD.items() if key != name})
    assert done.returncode != 0
    assert {"QIANSHAO_SECRETS": "init-secrets", "QIANSHAO_FLEET_FOLDER": "name the folder"}[name] in done.stderr


@pytest.mark.parametrize("wrong", ["healthcheck: {every: 5s}", "depends_on: [nobody]"])
def test_what_is_wrong_would_be_found(wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(f"services:\n  web:\n    image: qianshao:0.1.0\n    {wrong}\n")
    for command in ([program(DOCKER_COMPOSE), "--file", str(file), "config"], [program(COMPOSE_GO), str(file)]):
        assert run(command, {}).returncode != 0


def test_one_machine_needs_no_profile_and_each_profile_adds_to_it() -> None:
    assert project()["services"].keys() == ONE_MACHINE
    assert project("simulate")["services"].keys() == ONE_MACHINE | {"simulate"}
    scaled = ONE_MACHINE | {"ingest-2", "detect-2", "detect-3", "series-2"}
    assert project("scaled")["services"].keys() == scaled


def test_the_topics_of_each_ingest_can_be_said_from_outside() -> None:
    told = {"QIANSHAO_INGEST_1": '["citysafety/440306/440306017/#"]', "QIANSHAO_INGEST_2": '["citysafety/440306/+/#"]'}
    services = project("scaled", told=TOLD | told)["services"]
    given = [services[name]["environment"]["QIANSHAO_INGEST__FILTERS"] for name in ("ingest", "ingest-2")]
    assert given == list(told.values())


def test_topics_may_stand_in_an_environment_file_as_divide_prints_them(tmp_path: Path) -> None:
    printed = subprocess.run([sys.executable, "-m", "qianshao", "city", "divide", "2"], capture_output=True, text=True)
    (tmp_path / "topics.env").write_text(printed.stdout)
    command = [program(DOCKER_COMPOSE), "--file", str(FILE), "--env-file", str(tmp_path / "topics.env")]
    services = yaml.safe_load(run([*command, "--profile=scaled", "config"], TOLD).stdout)["services"]
    given = [services[name]["environment"]["QIANSHAO_INGEST__FILTERS"] for name in ("ingest", "ingest-2")]
    assert given == [line.partition("=")[2].strip("'") for line in printed.stdout.splitlines()]
    assert all(json.loads(filters) for filters in given)


def test_the_start_is_ordered_by_health_as_far_back_as_the_servers() -> None:
    services = project("scaled", "simulate")["services"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            runs_on = services[needed]["restart"] == "unless-stopped"
            expected = "service_healthy" if runs_on else "service_completed_successfully"
            assert how["condition"] == expected, f"{name} needs {needed}"
    assert services["grafana"]["depends_on"].keys() == {"influxdb", "series-init", "dashboards"}
    assert services["series"]["depends_on"].keys() == {"kafka", "postgres", "series-init"}
    assert services["ingest"]["depends_on"].keys() == {"kafka", "mosquitto"}


def test_every_file_of_the_checkout_that_is_mounted_is_there() -> None:
    mounted = [
        volume["source"]
        for service in project("scaled", "simulate")["services"].values()
        for volume in service.get("volumes", [])
        if volume["type"] == "bind" and volume["source"].startswith(str(ROOT))
    ]
    assert len(set(mounted)) == 4
    assert [path for path in mounted if not Path(path).exists()] == []


def test_where_the_processor_is_short_judging_goes_before_looking_on() -> None:
    services = project("scaled")["services"]
    last = {name for name, service in services.items() if service.get("cpu_shares")}
    assert last == {"influxdb", "series", "series-2", "series-init", "archive", "dashboards", "grafana"}
    assert {services[name]["cpu_shares"] for name in last} == {256}


def test_volumes_keep_their_names_whatever_the_folder_of_the_checkout_is_called() -> None:
    assert {volume["name"] for volume in project()["volumes"].values()} == {
        f"qianshao_{name}" for name in compose()["volumes"]
    }


@pytest.mark.parametrize("script", sorted(path.relative_to(ROOT) for path in (ROOT / "deploy").rglob("*.sh")), ids=str)
def test_the_scripts_of_operators_have_no_mistakes_that_shellcheck_knows(script: Path) -> None:
    done = run([program(SHELLCHECK), "--external-sources", str(ROOT / script)], dict(os.environ))
    assert done.stdout == ""
