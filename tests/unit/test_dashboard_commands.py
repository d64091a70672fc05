"""`qianshao dashboards`: export, plan, apply and drift as an operator types them, by the double of Grafana's API."""

import json
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboards.grafana import Grafana
from qianshao import boards
from qianshao.cli import app
from tests.grafana_double import TOKEN, Double

OVERVIEW = "qs-baoan-overview"
ENVIRONMENT = {
    "QIANSHAO_GRAFANA__URL": "http://grafana:3000",
    "QIANSHAO_GRAFANA__TOKEN": TOKEN,
    "QIANSHAO_INFLUX__URL": "http://influxdb:8086",
    "QIANSHAO_INFLUX__TOKEN": "secret",
}


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Double:
    found = Double()
    monkeypatch.setattr(boards, "Grafana", partial(Grafana, transport=found.transport))
    return found


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["dashboards", *arguments], env=ENVIRONMENT)
    return result.exit_code, result.output


def test_after_apply_there_is_nothing_to_do(double: Double) -> None:
    code, planned = run("plan")
    assert code == 0 and f"create board {OVERVIEW}" in planned
    assert double.boards == {}
    run("apply")
    assert OVERVIEW in double.boards
    assert run("plan") == (0, "no change\n") == run("drift")


def test_a_change_by_hand_is_shown_with_who_and_fails_a_check(double: Double) -> None:
    run("apply")
    double.by_hand(OVERVIEW, lambda content: content.update(title="改过的"), who="li")
    code, told = run("drift")
    assert code == 1
    assert f"change board {OVERVIEW}   drift: changed by hand, by li" in told
    assert "title: '改过的' -> '深圳市宝安区 · 监测预警总览'" in told
    _, machine = run("drift", "--json")
    assert json.loads(machine)["drift"]["by"] == "li"


def test_export_writes_every_board_with_a_uid_and_a_title_of_its_own(tmp_path: Path) -> None:
    code, said = run("export", str(tmp_path))
    written = [json.loads(path.read_text()) for path in sorted(tmp_path.rglob("*.json"))]
    assert (code, said) == (0, f"{len(written)} files in {tmp_path}\n")
    assert len({board["uid"] for board in written}) == len({board["title"] for board in written}) == len(written) == 27
