"""The one settings object: sane where nothing is set, guarded in production, the same in a child process."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from city.errors import SettingError
from qianshao.settings import WEAK_PASSWORDS, ClockSettings, KafkaSettings, MqttSettings, Settings
from tests.environment import plain_environment

ROOT = Path(__file__).parents[2]
GOOD = {
    "profile": "production",
    "database": "postgresql+pg8000://qianshao:0f9c1d7e@postgres/qianshao",
    "mqtt": {"host": "broker.example", "username": "_ingest", "password": "0f9c1d7e", "tls_ca": "ca.crt"},
}


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ.keys() - plain_environment().keys():
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def production(**changes: Any) -> Settings:
    """Settings of a production that would start, but for some changes; those of `mqtt` one by one."""
    mqtt = GOOD["mqtt"] | changes.pop("mqtt", {})
    return Settings(**{**GOOD, **changes, "mqtt": mqtt})


def loaded(environment: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """The settings as a new process in a folder finds them: the configuration file's name is read at import."""
    code = "from qianshao.settings import Settings; print(Settings().model_dump_json())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=plain_environment() | environment, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_embedded_runs_without_any_setting_on_this_machine_alone(tmp_path: Path) -> None:
    settings = Settings()
    assert settings.profile == "embedded"
    assert {settings.mqtt.host, settings.web.host} == {"127.0.0.1"}
    assert settings.kafka.servers.startswith("127.0.0.1:")
    assert settings.database == f"sqlite:///{tmp_path}/var/qianshao.db"
    assert settings.city.is_dir() and settings.rules.is_dir()
    ports = [settings.mqtt.port, settings.mqtt.port_v311, settings.web.port, int(settings.kafka.servers.split(":")[1])]
    assert len(set(ports)) == 4


def test_the_database_follows_the_data_folder(tmp_path: Path) -> None:
    assert Settings(data=tmp_path / "elsewhere").database == f"sqlite:///{tmp_path}/elsewhere/qianshao.db"


def test_production_starts_with_names_passwords_tls_and_postgresql() -> None:
    assert production().profile == "production"


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"mqtt": {"username": None}}, "username"),
        ({"mqtt": {"username": ""}}, "username"),
        ({"mqtt": {"password": None}}, "password"),
        *(({"mqtt": {"password": password}}, "password") for password in sorted(WEAK_PASSWORDS)),
        ({"mqtt": {"tls_ca": None}}, "tls_ca"),
        ({"database": ""}, "PostgreSQL"),
        ({"database": "sqlite:///city.db"}, "PostgreSQL"),
        *(
            ({"database": f"postgresql+pg8000://qianshao:{password}@postgres/qianshao"}, "password")
            for password in sorted(WEAK_PASSWORDS)
        ),
        ({"database": "postgresql+pg8000://postgres/qianshao"}, "password"),
    ],
)
def test_production_refuses_anonymous_mqtt_default_passwords_and_sqlite(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        production(**wrong)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "mosquitto"])
def test_production_may_speak_plainly_to_a_broker_beside_it(host: str) -> None:
    assert production(mqtt={"host": host, "tls_ca": None}).mqtt.tls_ca is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"kafka": {"shards": 0}},
        {"kafka": {"session_s": 5}},
        {"mqtt": {"receive_maximum": 65536}},
        {"mqtt": {"version": "3"}},
        {"ingest": {"tick_s": 0}},
        {"profile": "staging"},
        {"unknown": 1},
    ],
)
def test_values_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_settings_are_the_same_in_a_child_process(tmp_path: Path) -> None:
    settings = production(
        data=tmp_path / "数据",
        fleet=tmp_path,
        ingest={"name": "ingest-2", "filters": ["citysafety/440306/#", "citysafety/441900/#"], "linger_ms": 2.5},
        kafka=KafkaSettings(servers="a:9092,b:9092", shards=16),
        clock=ClockSettings(file=tmp_path / "clock.json"),
    )
    assert loaded(settings.environment(), tmp_path) == json.loads(settings.model_dump_json())


def test_the_environment_goes_before_the_file_and_the_file_before_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "qianshao.toml").write_text('[mqtt]\nhost = "of-the-file"\nport = 1\n[web]\nport = 2\n')
    found = loaded({"QIANSHAO_MQTT__HOST": "of-the-environment"}, tmp_path)
    assert (found["mqtt"]["host"], found["mqtt"]["port"], found["web"]["port"]) == ("of-the-environment", 1, 2)
    assert found["mqtt"]["receive_maximum"] == MqttSettings().receive_maximum


def test_the_file_may_be_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "qianshao.toml").write_text("[web]\nport = 1\n")
    (tmp_path / "other.toml").write_text('database = "postgresql+pg8000://a:b@c/d"\n[web]\nport = 2\n')
    found = loaded({"QIANSHAO_CONFIG": str(tmp_path / "other.toml")}, tmp_path)
    assert (found["web"]["port"], found["database"]) == (2, "postgresql+pg8000://a:b@c/d")


def test_arguments_go_before_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIANSHAO_DATABASE", "sqlite:///of-the-environment.db")
    assert Settings(database="sqlite:///of-the-argument.db").database == "sqlite:///of-the-argument.db"


def test_the_filters_of_ingest_are_a_json_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIANSHAO_INGEST__FILTERS", '["citysafety/440306/440306017/#"]')
    assert Settings().ingest.filters == ("citysafety/440306/440306017/#",)


def dotted_names(model: type[BaseModel] = Settings, prefix: str = "") -> list[str]:
    names: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names += dotted_names(inner, f"{prefix}{name}.")
        else:
            names.append(prefix + name)
    return names


def test_the_page_for_operators_has_every_setting_with_its_default() -> None:
    page = (ROOT / "docs" / "operations.md").read_text().partition("\n## 4. ")[2].partition("\n## 5. ")[0]
    rows = dict(re.findall(r"^\| `([a-z0-9_.]+)` \| ([^|]+) \|", page, re.MULTILINE))
    assert rows.keys() == set(dotted_names())
    defaults = Settings()
    for name, shown in rows.items():
        value: Any = defaults
        for part in name.split("."):
            value = getattr(value, part)
        if isinstance(value, int | float | str) and name != "database":
            assert shown.strip() == f"`{value}`", name


@pytest.mark.parametrize("wrong", [{"mqtt": {"hots": "broker"}}, {"kafka": {"shard": 8}}, {"profil": "production"}])
def test_a_name_that_is_no_setting_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Settings(**wrong)


def test_a_settings_file_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QIANSHAO_CONFIG", "nowhere.toml")
    with pytest.raises(SettingError, match=r"no file nowhere\.toml"):
        Settings()


@pytest.mark.parametrize("command", [["city", "check"], ["doctor"], ["demo", "--json"], ["ingest"]])
def test_a_wrong_setting_is_one_line_whatever_the_command(command: list[str]) -> None:
    environment = {**os.environ, "QIANSHAO_MQTT__HOTS": "broker"}
    done = subprocess.run(
        [sys.executable, "-m", "qianshao", *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["mqtt.hots: Extra inputs are not permitted"]
