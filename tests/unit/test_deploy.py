"""docker-compose.yml, Dockerfile and deploy/ say what production promises. tests/servers runs what can be run here."""

import configparser
import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from city.errors import SettingError
from qianshao.cli import app
from qianshao.settings import Settings
from tests.environment import plain_environment
from tests.servers.deployed import compose, deployed_kafka_properties, service_environment

ROOT = Path(__file__).parents[2]
PROGRAM = ("ingest", "detect", "incidents", "series", "archive", "web")
MORE = ("ingest-2", "detect-2", "detect-3", "series-2")
ONE_SHOT = ("series-init", "dashboards")
OF_PROFILES = {name: ["scaled"] for name in MORE} | {"simulate": ["simulate"]}
OURS = (*PROGRAM, *MORE, *ONE_SHOT, "simulate")
SERVERS = ("mosquitto", "kafka", "postgres", "influxdb", "grafana")
SERVICES: dict[str, dict[str, Any]] = compose()["services"]


def setting_names(model: type[BaseModel] = Settings, prefix: str = "QIANSHAO_") -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names |= setting_names(inner, f"{prefix}{name.upper()}__")
        else:
            names.add(prefix + name.upper())
    return names


def test_all_of_the_system_is_there_and_more_of_it_and_playing_are_asked_for() -> None:
    assert set(SERVICES) == {*OURS, *SERVERS}
    assert {name: each["profiles"] for name, each in SERVICES.items() if "profiles" in each} == OF_PROFILES


def test_images_are_pinned_by_version() -> None:
    images = {service["image"].removeprefix("${QIANSHAO_REGISTRY:-}") for service in SERVICES.values()}
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    python = re.findall(r"^ARG PYTHON=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert set(bases) == {"${PYTHON}"} and len(bases) == 2 and len(python) == 1
    assert SERVICES["web"]["build"]["args"] == {"PYTHON": f"${{QIANSHAO_PYTHON_IMAGE:-{python[0]}}}"}
    assert len(images) == len(SERVERS) + 1
    for image in (*images, *python):
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z-]+)?$", image), image


@pytest.mark.parametrize("name", [*PROGRAM, *MORE, *SERVERS])
def test_a_service_that_runs_on_is_watched_and_started_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", ONE_SHOT)
def test_what_ends_by_itself_is_tried_again_until_it_ends_well(name: str) -> None:
    assert SERVICES[name]["restart"] == "on-failure"
    assert SERVICES[name]["healthcheck"] == {"disable": True}


@pytest.mark.parametrize("name", [*OURS, *SERVERS])
def test_a_service_may_do_and_use_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].partition(":")[0]) > 0
    assert {"cpus", "memory"} <= service["deploy"]["resources"]["limits"].keys()
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", OURS)
def test_a_service_offers_its_metrics_on_the_inner_network(name: str) -> None:
    environment = service_environment(name)
    assert environment["QIANSHAO_METRICS__HOST"] == "0.0.0.0" and environment["QIANSHAO_METRICS__PORT"] == "9100"


def test_nothing_is_published_but_mqtt_with_tls_and_to_this_machine_the_page_and_grafana() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {
        "mosquitto": ["${QIANSHAO_MQTT_ADDRESS:-0.0.0.0}:8883:8883"],
        "web": ["127.0.0.1:${QIANSHAO_WEB_PORT:-8088}:8088"],
        "grafana": ["127.0.0.1:${QIANSHAO_GRAFANA_PORT:-3000}:3000"],
    }
    assert compose()["networks"]["inside"] == {"internal": True}
    assert {name for name in SERVICES if SERVICES[name]["networks"] != ["inside"]} == {"mosquitto", "web", "grafana"}


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_the_program_is_set_by_settings_that_exist(name: str) -> None:
    environment = service_environment(name)
    assert environment["QIANSHAO_PROFILE"] == "production"
    assert environment.keys() - setting_names() == {"QIANSHAO_CONFIG"}
    assert all(isinstance(value, str) for value in environment.values())


@pytest.mark.parametrize("name", [name for name in OURS if name != "ingest-2"])
def test_the_settings_of_a_service_are_accepted_with_secrets_and_refused_without(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in service_environment(name).items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(SettingError, match=r"there is no file /run/secrets/"):
        Settings()
    monkeypatch.delenv("QIANSHAO_CONFIG")  # the secrets are in that file; here they are given one by one
    with pytest.raises(ValueError, match=r"production needs mqtt\.username"):
        Settings()
    monkeypatch.setenv("QIANSHAO_MQTT__USERNAME", "_ingest")
    monkeypatch.setenv("QIANSHAO_MQTT__PASSWORD", "0f9c1d")
    with pytest.raises(ValueError, match="PostgreSQL"):
        Settings()
    monkeypatch.setenv("QIANSHAO_DATABASE", "postgresql+pg8000://qianshao:0f9c1d@postgres/qianshao")
    if "QIANSHAO_INFLUX__URL" in service_environment(name):
        with pytest.raises(ValueError, match=r"production needs an influx\.token"):
            Settings()
        monkeypatch.setenv("QIANSHAO_INFLUX__TOKEN", "0f9c1d")
    assert Settings().kafka.servers == "kafka:9092"


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_that_exists(name: str) -> None:
    words = " ".join(SERVICES[name]["command"]).partition("qianshao ")[2].split()
    command = list(takewhile(lambda word: word.islower() and not word.startswith(("-", "/")), words))
    assert command
    assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0


def test_each_ingest_has_a_name_and_topics_of_its_own_and_the_second_is_refused_without_topics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingests = [service_environment(name) for name in ("ingest", "ingest-2")]
    assert [each["QIANSHAO_INGEST__NAME"] for each in ingests] == ["ingest-1", "ingest-2"]
    assert [each["QIANSHAO_INGEST__FILTERS"] for each in ingests] == ['["citysafety/#"]', "[]"]
    monkeypatch.setenv("QIANSHAO_INGEST__FILTERS", "[]")
    with pytest.raises(ValueError, match=r"ingest\.filters"):
        Settings()


def test_workers_name_themselves_so_that_there_can_be_many() -> None:
    for name in ("detect", "detect-2", "detect-3"):
        assert "QIANSHAO_DETECT__NAME" not in service_environment(name)
        assert "QIANSHAO_DETECT__NAME=detect-$$HOSTNAME" in SERVICES[name]["command"][-1]
    assert not any("container_name" in service for service in SERVICES.values())


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    variables = dict(re.findall(r"\$\{(\w+)(:?[-?])", text))
    page = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name in variables if f"| `{name}` |" not in page] == []
    assert {name for name, how in variables.items() if how == ":?"} == {"QIANSHAO_SECRETS", "QIANSHAO_FLEET_FOLDER"}
    for secret in compose()["secrets"].values():
        assert secret["file"].startswith("${QIANSHAO_SECRETS:?")
    for service in SERVICES.values():
        given = service.get("environment", {}).items()
        passwords = {name: value for name, value in given if re.search("PASSWORD|TOKEN|SECRET", name)}
        assert all(value.startswith("/run/secrets/") for value in passwords.values())


def test_every_secret_that_is_declared_is_used_and_the_other_way_round() -> None:
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == compose()["secrets"].keys()


@pytest.mark.parametrize("name", [*OURS, *SERVERS])
def test_a_service_is_given_the_secrets_whose_files_it_names_and_no_others(name: str) -> None:
    text = str(SERVICES[name])
    if name == "grafana":
        text += (ROOT / "deploy" / "grafana" / "grafana.ini").read_text()
    assert set(re.findall(r"/run/secrets/([\w.-]+)", text)) == set(SERVICES[name].get("secrets", [])) | (
        {"mqtt-ca.crt"} if name in OURS else set()
    )


def test_secrets_are_kept_out_of_the_repository_and_the_image() -> None:
    assert "secrets/" in (ROOT / "deploy" / ".gitignore").read_text().splitlines()
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    let_in = [line[1:] for line in lines if line.startswith("!")]
    assert not any(fnmatch(path, pattern) for path in ("deploy", ".env", "var", ".git") for pattern in let_in)
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in found} | {"dashboards"} < set(let_in)


def test_the_image_installs_hashed_wheels_as_nobody_special_and_compiles_the_kernels() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes --only-binary=:all:" in text
    assert text.index("USER 10001:10001") < text.index("qianshao doctor --compile")
    assert "apt-get" not in text
    assert "NUMBA_CACHE_DIR=/var/cache/qianshao" in text
    assert all("kernels:/var/cache/qianshao" in SERVICES[name]["volumes"] for name in (*PROGRAM, *MORE))


@pytest.mark.parametrize("name", [*OURS, *SERVERS])
def test_whoever_writes_into_a_volume_owns_it(name: str) -> None:
    """A new volume gets the owner of the folder that the image has in its place."""
    owned = re.findall(r"/var/(?:cache|lib)/qianshao[\w/]*", (ROOT / "Dockerfile").read_text())
    for volume in SERVICES[name].get("volumes", []):
        if name in OURS and isinstance(volume, str):
            assert volume.partition(":")[2] in owned


def test_the_broker_lets_nobody_in_without_a_name_and_without_tls() -> None:
    lines = (ROOT / "deploy" / "mosquitto" / "mosquitto.conf").read_text().splitlines()
    assert "allow_anonymous false" in lines and "allow_anonymous true" not in lines
    listeners = sum(line.startswith("listener ") for line in lines)
    assert listeners == 2
    assert (
        sum(line.startswith("certfile ") for line in lines) == sum(line.startswith("keyfile ") for line in lines) == 2
    )


def test_kafka_makes_no_topic_by_itself_and_keeps_only_so_much() -> None:
    properties = deployed_kafka_properties()
    assert properties["auto.create.topics.enable"] == "false"
    assert int(properties["log.retention.hours"]) >= 24
    assert int(properties["log.retention.bytes"]) >= 10 * int(properties["log.segment.bytes"])


@pytest.fixture
def grafana() -> configparser.ConfigParser:
    read = configparser.ConfigParser(interpolation=None)
    text = (ROOT / "deploy" / "grafana" / "grafana.ini").read_text()
    read.read_string(f"[top]\n{text}")
    return read


def test_grafana_lets_nobody_in_without_a_name_and_nobody_name_himself(grafana: configparser.ConfigParser) -> None:
    assert grafana.getboolean("auth.anonymous", "enabled") is False
    assert grafana.getboolean("users", "allow_sign_up") is False
    assert grafana["users"]["auto_assign_org_role"] == "Viewer"
    for name in ("admin_password", "secret_key"):
        assert grafana["security"][name].startswith("$__file{/run/secrets/grafana-")


def test_grafana_asks_nobody_outside(grafana: configparser.ConfigParser) -> None:
    off = {
        "analytics": ("reporting_enabled", "check_for_updates", "check_for_plugin_updates", "feedback_links_enabled"),
        "news": ("news_feed_enabled",),
        "snapshots": ("external_enabled",),
        "public_dashboards": ("enabled",),
    }
    assert [(s, name) for s, names in off.items() for name in names if grafana.getboolean(s, name)] == []
    assert grafana.getboolean("security", "disable_gravatar") and grafana.getboolean("plugins", "preinstall_disabled")
    ground = json.loads(grafana["geomap"]["default_baselayer_config"].strip("`"))
    assert ground["config"]["url"].startswith("/public/") and "http" not in str(ground)


def test_grafana_speaks_chinese_on_beijing_time_and_raises_no_alerts(grafana: configparser.ConfigParser) -> None:
    assert grafana["users"]["default_language"] == "zh-Hans"
    assert grafana["date_formats"]["default_timezone"] == "Asia/Shanghai"
    assert grafana.getboolean("unified_alerting", "enabled") is False


def test_grafana_finds_boards_and_token_where_they_are_mounted(tmp_path: Path) -> None:
    def folders(name: str) -> dict[str, str]:
        mounted = [volume.split(":") for volume in SERVICES[name]["volumes"] if isinstance(volume, str)]
        return {volume: target for volume, target, *_ in mounted}

    def here(path: str) -> Path:
        """What Grafana sees there, in what was exported to `tmp_path`."""
        volume = next(volume for volume, target in folders("grafana").items() if path.startswith(f"{target}/"))
        written = folders("dashboards")[volume] + path.removeprefix(folders("grafana")[volume])
        return Path(written.replace("/var/lib/qianshao/grafana", str(tmp_path)))

    words = [word.replace("/var/lib/qianshao/grafana", str(tmp_path)) for word in SERVICES["dashboards"]["command"]]
    influx = {key: value for key, value in service_environment("dashboards").items() if "INFLUX" in key}
    subprocess.run([sys.executable, "-m", *words], env=plain_environment() | influx, check=True, capture_output=True)
    assert folders("grafana")["grafana-provisioning"] == "/etc/grafana/provisioning"
    boards, sources = (yaml.safe_load(path.read_text()) for path in sorted(tmp_path.glob("provisioning/*/*.yaml")))
    providers, (source,) = boards["providers"], sources["datasources"]
    assert all(list(here(provider["options"]["path"]).glob("*.json")) for provider in providers)
    token = source["secureJsonData"]["token"].removeprefix("$__file{").removesuffix("}")
    made = SERVICES["series-init"]["command"][-1]
    assert token.removeprefix(folders("grafana")["grafana-token"]) == made.removeprefix(
        folders("series-init")["grafana-token"]
    )


def test_grafana_only_reads_what_is_made_for_it() -> None:
    mounted = [volume.split(":") for volume in SERVICES["grafana"]["volumes"]]
    assert [volume[0] for volume in mounted if volume[2:] != ["ro"]] == ["grafana"]
    made = {v.split(":")[0] for name in ONE_SHOT for v in SERVICES[name]["volumes"] if isinstance(v, str)}
    assert {volume[0] for volume in mounted if volume[0].startswith("grafana-")} == made - {"kernels"}


def test_hooks_before_a_commit_fetch_nothing() -> None:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    assert all(hook["language"] == "system" for hook in repositories[0]["hooks"])
