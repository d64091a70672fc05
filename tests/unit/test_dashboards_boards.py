"""The wall's boards as code: whole, readable, and nowhere two of a kind."""

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import Dashboard, GridPos

from city.city import City
from city.levels import Level
from city.series import Buckets, Measurement, Statistic
from city.tables import read_city, shipped_pack
from dashboards.boards.frame import Board, Folder
from dashboards.ground import ground_of
from dashboards.lint import lint
from dashboards.palette import LEVEL_COLOURS
from dashboards.render import as_json
from dashboards.store import Store
from dashboards.units import WORDS
from dashboards.wall import boards

CITIES = ("baoan", "dongguan")
STORE = Store(Buckets.named("qianshao"), 30, 400)
ROOT = Path(__file__).parents[2]


@cache
def city(name: str) -> City:
    return read_city(shipped_pack(name))


@cache
def wall(name: str) -> tuple[Board, ...]:
    return tuple(boards(city(name), STORE))


def panels(board: Board) -> list[dict[str, Any]]:
    return [panel for panel in as_json(board)["panels"] if panel["type"] != "row"]


def queries(board: Board) -> list[str]:
    content = as_json(board)
    asked = [target["query"] for panel in panels(board) for target in panel["targets"]]
    asked += [mark["target"]["query"] for mark in content["annotations"]["list"]]
    return asked + [v["query"]["query"] for v in content["templating"]["list"] if v["type"] == "query"]


@pytest.mark.parametrize("name", CITIES)
def test_a_city_has_every_board_once_and_none_is_wrong(name: str) -> None:
    names = {board.uid.removeprefix(f"qs-{name}-") for board in wall(name)}
    single = {"overview", "tickets", "waterlogging", "sentry", "video", "street", "community", "system"}
    domains = {f"domain-{domain.slug}" for domain in city(name).catalogue.domains}
    classes = {f"class-{each.slug}" for each in city(name).catalogue.classes}
    assert names == single | domains | classes
    assert (len(domains), len(classes)) == (4, 15)
    assert lint(list(wall(name))) == []


@pytest.mark.parametrize("name", CITIES)
def test_the_builders_own_model_reads_every_board_back_unchanged(name: str) -> None:
    for board in wall(name):
        content = as_json(board)
        again = json.loads(json.dumps(Dashboard.from_json(json.loads(json.dumps(content))), cls=JSONEncoder))
        assert {k: v for k, v in again.items() if k != "annotations"} == {
            k: v
            for k, v in content.items()
            if k != "annotations"  # of whose questions the model knows nothing
        }


def test_a_city_without_districts_speaks_of_towns_and_villages() -> None:
    text = json.dumps([as_json(board) for board in wall("dongguan")], ensure_ascii=False)
    assert "镇街" in text and "村(社区)" in text
    assert "街道详情" not in text.replace("镇街详情", "")
    assert "var-street=" in text


@pytest.mark.parametrize("name", CITIES)
def test_boards_are_in_the_citys_time_and_cannot_be_edited(name: str) -> None:
    for board in wall(name):
        content = as_json(board)
        assert (content["timezone"], content["editable"]) == ("Asia/Shanghai", False)
        assert content["refresh"] and content["time"]["to"] == "now"


@pytest.mark.parametrize("name", CITIES)
def test_what_people_read_is_chinese(name: str) -> None:
    for board in wall(name):
        for panel in panels(board):
            assert re.search(r"[\u4e00-\u9fff]", panel["title"]), panel["title"]
            for override in panel["fieldConfig"]["overrides"] if panel["type"] == "table" else []:
                assert re.search(r"[\u4e00-\u9fff]", override["matcher"]["options"])


def test_every_unit_of_the_catalogue_has_a_word() -> None:
    assert {i.unit for name in CITIES for i in city(name).catalogue.indicators} - set(WORDS) == set()


def test_the_four_colours_are_those_of_the_page() -> None:
    sheet = (ROOT / "alerts" / "console" / "static" / "page.css").read_text()
    on_the_page = dict(re.findall(r"--(red|orange|yellow|blue): (#[0-9a-f]{6});", sheet))
    assert on_the_page == {level.slug: colour for level, colour in LEVEL_COLOURS.items() if level is not Level.NONE}


@pytest.mark.parametrize("name", CITIES)
def test_nobody_asks_for_what_nobody_writes(name: str) -> None:
    written = {*Measurement, *(how.of(m) for how in Statistic for m in (Measurement.READING, Measurement.SUMMARY))}
    for board in wall(name):
        for query in queries(board):
            asked = set(re.findall(r'_measurement == "(\w+)"', query))
            assert asked <= written, query


def test_no_question_goes_back_without_end() -> None:
    for board in wall("baoan"):
        for query in queries(board):
            assert "start: 0" not in query and "range(" in query


def test_old_and_long_ranges_are_asked_of_coarser_buckets_and_short_ones_of_raw_points() -> None:
    script = str(STORE.trend(Measurement.CITY, ("red",)))
    assert "span <= int(v: 6h)" in script and "subDuration(d: 30d1h" in script
    assert 'if raw then "qianshao" else if minute then "qianshao_1m" else "qianshao_1h"' in script
    for_ever = str(replace(STORE, raw_days=0, minute_days=0).trend(Measurement.CITY, ("red",)))
    assert "subDuration" not in for_ever


def test_every_area_has_a_place_on_the_map_and_all_of_it_fits_into_the_panel() -> None:
    ground = ground_of(city("baoan"))
    assert set(ground.marks) == set(city("baoan").areas)
    assert len(set(ground.marks.values())) == len(ground.marks)
    near = [abs(lat - city("baoan").areas[area].lat) < 0.05 for area, (lat, _) in ground.marks.items()]
    assert all(near)
    assert ground.zoom(400, 400) == ground.zoom(800, 800) - 1.0
    assert {feature["properties"]["kind"] for feature in ground.geojson["features"]} == {"street", "name"}


def test_rights_go_by_folder_and_duty_staff_see_all_but_the_system() -> None:
    assert {folder.slug for folder in Folder if not folder.for_viewers} == {"system"}
    assert {board.folder for board in wall("baoan")} == set(Folder)


def broken(**changes: Any) -> list[str]:
    """What lint says when the overview is changed."""
    found = list(wall("baoan"))
    content = Dashboard.from_json(json.loads(json.dumps(as_json(found[0]))))
    for name, value in changes.items():
        setattr(content, name, value)
    found[0] = Board(found[0].folder, content)
    return lint(found)


def test_lint_finds_what_grafana_would_not_tell() -> None:
    assert broken() == []
    assert any("two boards have it" in problem for problem in broken(uid="qs-baoan-tickets"))
    assert any("two boards have it" in problem for problem in broken(title="深圳市宝安区 · 工单督办"))
    assert any("called like a folder" in problem for problem in broken(title="值守"))
    assert any("at most 40" in problem for problem in broken(uid="x" * 41))
    assert any("is a folder's" in problem for problem in broken(uid="qs-baoan-folder-watch"))
    assert any("which is no board" in problem for problem in broken(uid="qs-baoan-renamed"))


class Foreign(Dataquery):
    """A question to somebody else, about a variable that is not on the board."""

    def to_json(self) -> dict[str, object]:
        return {"query": 'from(bucket: "${nobody}")', "datasource": {"type": "influxdb", "uid": "another"}}


def test_lint_finds_panels_that_hide_each_other_and_variables_that_nobody_sets() -> None:
    content = Dashboard.from_json(json.loads(json.dumps(as_json(wall("baoan")[0]))))
    one, other, third, *_ = content.panels or []
    one.grid_pos, other.id_val, third.targets = GridPos(h=4, w=30, x=0, y=0), third.id_val, [Foreign()]
    found = "\n".join(lint([Board(Folder.WATCH, content), *wall("baoan")[1:]]))
    for words in ("wider than the board", "lie over each other", "have the id", "nobody sets the variable nobody"):
        assert words in found
    assert "asks a source that is not ours" in found
