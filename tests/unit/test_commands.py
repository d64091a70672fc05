"""What the commands do for whoever types them: a city's folder that went through one stands in for the other, and
doctor names what is wrong and changes nothing."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from alerts.store.database import Database
from city.errors import ConfigErrors
from city.tables import overlay, read_city, shipped_pack
from qianshao.cli import app
from qianshao.settings import Settings
from tests.environment import plain_environment

BAOAN = shipped_pack("baoan")
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
REQUEST = re.compile(r"^```yaml\n(# fleet.yaml\n.*?)```", re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ.keys() - plain_environment().keys():
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def run(*command: str | Path) -> tuple[int, str]:
    """Exit code and what was printed."""
    done = CliRunner().invoke(app, [str(word) for word in command])
    return done.exit_code, done.output


@pytest.mark.parametrize("form", ["csv", "yaml"])
def test_an_exported_city_takes_the_place_of_the_one_it_came_from(tmp_path: Path, form: str) -> None:
    assert run("city", "export", tmp_path / "out", "--format", form)[0] == 0
    assert read_city(tmp_path / "out") == read_city(BAOAN)
    assert run("city", "check", tmp_path / "out") == run("city", "check")


def test_a_generated_fleet_is_imported_into_a_city_that_then_checks_well(tmp_path: Path) -> None:
    assert run("city", "fleet", tmp_path / "fleet", "--devices", "100")[0] == 0
    assert run("city", "import", tmp_path / "fleet", tmp_path / "joined")[0] == 0
    code, said = run("city", "check", tmp_path / "joined")
    assert (code, said.rpartition(", ")[2].strip()) == (0, f"{len(read_city(tmp_path / 'joined').devices)} devices")


def test_a_fleet_is_made_of_what_a_file_asks_for(tmp_path: Path) -> None:
    """The example of docs/operations.md."""
    request = tmp_path / "fleet.yaml"
    request.write_text(REQUEST.search(OPERATIONS.read_text("utf-8"))[1], "utf-8")
    code, said = run("city", "fleet", tmp_path / "fleet", "--request", request)
    assert (code, said.split(" at ")[0]) == (0, "207 devices"), "204, and three NVRs"
    made = Counter(d.type for d in overlay(read_city(BAOAN), tmp_path / "fleet").devices.values())
    assert (made["ipc-class1"], made["river-level"], made["smoke-independent"]) == (100, 6, 60)


def test_a_file_that_asks_for_a_fleet_is_checked_as_any_other(tmp_path: Path) -> None:
    request = tmp_path / "fleet.yaml"
    request.write_text("water_gauges: 10\ntelemetri: {river-level: 3}\n", "utf-8")
    with pytest.raises(ConfigErrors, match=r"fleet.yaml:2:1: unknown field 'telemetri' \(did you mean telemetry\?\)"):
        app(["city", "fleet", str(tmp_path / "fleet"), "--request", str(request)], standalone_mode=False)
    code, said = run("city", "fleet", tmp_path / "fleet", "--request", request, "--devices", "10")
    assert code == 2 and "not both" in said


def test_a_wrong_ticketing_policy_is_found_before_anything_starts(tmp_path: Path) -> None:
    run("city", "export", tmp_path / "out")
    policy = tmp_path / "out" / "ticketing.yaml"
    policy.write_text(policy.read_text().replace("accept_min:", "acept_min:", 1))
    code, said = run("city", "check", tmp_path / "out")
    assert code == 1
    assert f"{policy}:" in said and "acept_min" in said


def test_doctor_says_whether_the_tables_are_made_and_makes_none(tmp_path: Path) -> None:
    code, said = run("doctor")
    assert (code, "without the tables" in said) == (0, True)
    database = Database(Settings().database)
    assert not database.is_current()
    database.migrate()
    code, said = run("doctor")
    assert (code, "without the tables" in said) == (0, False)


def test_doctor_knows_tables_that_a_newer_program_has_made() -> None:
    settings = Settings()
    settings.data.mkdir()
    database = Database(settings.database)
    database.migrate()
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    code, said = run("doctor")
    assert code == 1
    assert "FAIL database" in said and "version 9999" in said and "backup" in said
