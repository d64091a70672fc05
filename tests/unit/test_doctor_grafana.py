"""What `qianshao doctor` says of Grafana: whether it has the boards of the code."""

from functools import partial
from pathlib import Path

import pytest

from dashboards.grafana import Grafana
from qianshao import boards
from qianshao.boards import grafana_of, sync_of
from qianshao.doctor import wall
from qianshao.doctor.findings import Outcome
from qianshao.settings import GrafanaSettings, InfluxSettings, Settings
from tests.grafana_double import TOKEN, Double
from tests.journeys.findings import only, said

OVERVIEW = "qs-baoan-overview"


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Double:
    found = Double()
    monkeypatch.setattr(boards, "Grafana", partial(Grafana, transport=found.transport))
    return found


def settings_in(folder: Path, token: str = TOKEN) -> Settings:
    wanted = GrafanaSettings(url="http://grafana:3000", token=token)
    return Settings(data=folder, grafana=wanted, influx=InfluxSettings(url="http://influxdb:8086", token="secret"))


def test_boards_that_were_never_put_there_are_told_with_the_command(double: Double, tmp_path: Path) -> None:
    found = said(wall.grafana, settings_in(tmp_path))
    assert found["Grafana"].detail == "http://grafana:3000, version 12.2.0"
    assert found["boards"].outcome is Outcome.WARN and "qianshao dashboards apply" in found["boards"].remedy


def test_a_board_that_somebody_changed_by_hand_is_named(double: Double, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    sync = sync_of(settings, grafana_of(settings))
    sync.apply(sync.plan())
    assert said(wall.grafana, settings)["boards"].outcome is Outcome.OK
    double.by_hand(OVERVIEW, lambda content: content["panels"].pop())
    changed = said(wall.grafana, settings)["boards"]
    assert (changed.outcome, changed.detail) == (Outcome.WARN, f"changed by hand: {OVERVIEW}")


def test_one_that_does_not_answer_or_does_not_know_us_fails(double: Double, tmp_path: Path) -> None:
    refused = said(wall.grafana, settings_in(tmp_path, token="not-a-token"))["grafana"]
    assert refused.outcome is Outcome.FAIL and "not-a-token" not in refused.detail + refused.remedy
    double.away = True
    assert only(said(wall.grafana, settings_in(tmp_path))).outcome is Outcome.FAIL
