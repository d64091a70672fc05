"""docker-compose.yml, Dockerfile and deploy/ say what production promises. tests/servers runs what can be run here."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from city.errors import SettingError
from qianshao.cli import app
from qianshao.settings import Settings
from tests.servers.deployed import compose, deployed_kafka_properties, service_environment

ROOT = Path(__file__).parents[2]
PROGRAM = ("ingest", "detect", "incidents", "web")
SERVERS = ("mosquitto", "kafka", "postgres")
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


def test_all_of_the_system_is_there_and_playing_is_asked_for() -> None:
    assert set(SERVICES) == {*PROGRAM, *SERVERS, "simulate"}
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["simulate"]


def test_images_are_pinned_by_version() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(images) == len(SERVICES) + 2
    for image in images:
        assert re.search(r":\d+\.\d+(\.\d+)?(-[a-z-]+)?$", image), image


@pytest.mark.parametrize("name", [*PROGRAM, *SERVERS])
def test_a_service_is_watched_restrained_and_started_again(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].partition(":")[0]) > 0
    assert {"cpus", "memory"} <= service["deploy"]["resources"]["limits"].keys()
    assert service["logging"]["options"]["max-size"]


def test_nothing_is_published_but_mqtt_with_tls_and_the_page_to_this_machine() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {
        "mosquitto": ["${QIANSHAO_MQTT_ADDRESS:-0.0.0.0}:8883:8883"],
        "web": ["127.0.0.1:${QIANSHAO_WEB_PORT:-8088}:8088"],
    }
    assert compose()["networks"]["inside"] == {"internal": True}
    assert all(
        SERVICES[name]["networks"] == ["inside"] for name in ("kafka", "postgres", "detect", "incidents", "ingest")
    )


@pytest.mark.parametrize("name", [*PROGRAM, "simulate"])
def test_a_service_of_the_program_is_set_by_settings_that_exist(name: str) -> None:
    environment = service_environment(name)
    assert environment["QIANSHAO_PROFILE"] == "production"
    assert environment.keys() - setting_names() == {"QIANSHAO_CONFIG"}
    assert all(isinstance(value, str) for value in environment.values())


@pytest.mark.parametrize("name", [*PROGRAM, "simulate"])
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
    assert Settings().kafka.servers == "kafka:9092"


@pytest.mark.parametrize("name", [*PROGRAM, "simulate"])
def test_a_service_runs_a_command_that_exists(name: str) -> None:
    command = " ".join(SERVICES[name]["command"])
    found = re.search(r"qianshao ([a-z]+)", command)
    assert found is not None
    assert CliRunner().invoke(app, [found.group(1), "--help"]).exit_code == 0


def test_only_ingest_has_a_fixed_name_and_detect_can_be_scaled() -> None:
    assert service_environment("ingest")["QIANSHAO_INGEST__NAME"] == "ingest-1"
    assert "QIANSHAO_DETECT__NAME" not in service_environment("detect")
    assert "QIANSHAO_DETECT__NAME=detect-$$HOSTNAME" in SERVICES["detect"]["command"][-1]
    assert not any("container_name" in service for service in SERVICES.values())


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    variables = dict(re.findall(r"\$\{(\w+)(:?[-?])", text))
    assert {name for name, how in variables.items() if how == ":-"} == {
        "QIANSHAO_SHARDS",
        "QIANSHAO_MQTT_ADDRESS",
        "QIANSHAO_WEB_PORT",
    }
    assert {name for name, how in variables.items() if how == ":?"} == {"QIANSHAO_SECRETS", "QIANSHAO_FLEET_FOLDER"}
    for secret in compose()["secrets"].values():
        assert secret["file"].startswith("${QIANSHAO_SECRETS:?")
    for service in SERVICES.values():
        passwords = {name: value for name, value in service.get("environment", {}).items() if "PASSWORD" in name}
        assert all(value.startswith("/run/secrets/") for value in passwords.values())


def test_every_secret_that_a_service_uses_is_declared() -> None:
    declared = compose()["secrets"].keys()
    for service in SERVICES.values():
        assert set(service.get("secrets", [])) <= declared


def test_secrets_are_kept_out_of_the_repository_and_the_image() -> None:
    assert "secrets/" in (ROOT / "deploy" / ".gitignore").read_text().splitlines()
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    let_in = [line[1:] for line in lines if line.startswith("!")]
    assert not any(fnmatch(path, pattern) for path in ("deploy", ".env", "var", ".git") for pattern in let_in)
    packages = {"alerts", "city", "ingest", "qianshao", "rules", "simulators", "streams"}
    assert packages < set(let_in)


def test_the_image_installs_hashed_wheels_as_nobody_special_and_compiles_the_kernels() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes --only-binary=:all:" in text
    assert text.index("USER 10001:10001") < text.index("qianshao doctor --compile")
    assert "apt-get" not in text
    cache = re.search(r"NUMBA_CACHE_DIR=(\S+)", text)
    assert cache is not None and all(f"kernels:{cache.group(1)}" in SERVICES[name]["volumes"] for name in PROGRAM)


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


def test_hooks_before_a_commit_fetch_nothing() -> None:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    assert all(hook["language"] == "system" for hook in repositories[0]["hooks"])
