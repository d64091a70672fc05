"""What counts as a difference between a board here and a board there, and what is only Grafana's bookkeeping."""

from typing import Any

import pytest

from dashboards.diff import differences, normal


def board(**more: Any) -> dict[str, Any]:
    panel = {"id": 1, "title": "水深", "type": "stat", "gridPos": {"h": 4, "w": 4, "x": 0, "y": 0}}
    return {"uid": "u", "title": "总览", "panels": [panel], **more}


def told(here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    return list(differences(normal(here), normal(there)))


@pytest.mark.parametrize(
    "added",
    [
        {"id": 17, "version": 3, "schemaVersion": 42, "iteration": 1},
        {"gnetId": None, "description": "", "links": [], "liveNow": False, "fiscalYearStartMonth": 0},
        {"templating": {"list": []}},
    ],
)
def test_what_grafana_adds_by_itself_is_no_difference(added: dict[str, Any]) -> None:
    assert told(board(), board(**added)) == []


def test_a_plugins_version_in_a_panel_is_no_difference_and_its_id_is() -> None:
    there = board()
    there["panels"] = [there["panels"][0] | {"pluginVersion": "12.2.0"}]
    assert told(board(), there) == []
    there["panels"] = [there["panels"][0] | {"id": 9}]
    assert told(board(), there) == ["panels[水深].id: 1 -> 9"]


def test_what_people_change_is_told_by_the_panels_title() -> None:
    there = board(refresh="1m")
    there["panels"] = [there["panels"][0] | {"title": "水深 (厘米)", "type": "gauge"}]
    assert told(board(), there) == [
        "panels[水深].title: '水深' -> '水深 (厘米)'",
        "panels[水深].type: 'stat' -> 'gauge'",
        "refresh: nothing -> '1m'",
    ]


def test_a_panel_more_is_told_as_a_whole_and_shortened() -> None:
    there = board()
    there["panels"] = [*there["panels"], {"title": "x" * 500}]
    (line,) = told(board(), there)
    assert line.startswith("panels: [") and len(line) < 300


def test_a_one_is_not_true_and_a_zero_says_nothing() -> None:
    assert told({"a": 1}, {"a": True}) == ["a: 1 -> True"]
    assert told({"a": 0}, {}) == []
