"""Every question of every board, asked of a real InfluxDB after two hours in which something of everything happened:
each must give what its panel draws."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.boards.frame import Board
from dashboards.render import as_json
from tests.asking import Asker
from tests.servers.influxdb import Influx as Server
from tests.wall import Play, Shown, chosen, shown

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

TOWNS = Play("dongguan", "towns.yaml", 40)
NOTHING_TO_TELL = {
    ("overview", "监测区域四色图", "B"): "no area is blind",
    ("system", "盲区与停用规则", "A"): "no ingest was away, no rule failed",
    ("class-video-coverage", "风险区域", "A"): "cameras are no hazards",
    ("waterlogging", "水泵", "A"): "not every street has pumps",
    ("class-slope-geohazard", "累计雨量 各街道最大", "A"): "this play's rain gauges stand elsewhere",
    ("class-slope-geohazard", "翻斗雨量 各街道最大", "A"): "this play's rain gauges stand elsewhere",
    ("class-underpass-flooding", "累计雨量 各街道最大", "A"): "this play's rain gauges stand elsewhere",
    ("class-underpass-flooding", "翻斗雨量 各街道最大", "A"): "this play's rain gauges stand elsewhere",
    ("class-community-checkpoint", "门开 各街道最大", "A"): "no door was opened",
    ("class-video-coverage", "注册 各街道最小", "A"): "no camera registered anew",
}
"""Questions that may have no answer in this play, by board, panel and ref, with why. Any map may lack blind areas."""


@pytest.fixture(scope="module")
def baoan(influxdb_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return shown(influxdb_server, tmp_path_factory.mktemp("wall"))


@pytest.fixture(scope="module")
def dongguan(influxdb_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return shown(influxdb_server, tmp_path_factory.mktemp("wall"), TOWNS)


def questions(board: Board) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Panels with each of their targets."""
    for panel in as_json(board)["panels"]:
        for target in panel.get("targets", []):
            yield panel, target


def wrong(panel: dict[str, Any], ref: str, rows: list[dict[str, str]]) -> str:
    """What keeps a panel from drawing these rows; empty: nothing."""
    first = rows[0]
    match panel["type"]:
        case "stat":
            values = [row.get("_value", "") for row in rows]
            return "" if len(values) == 1 and _is_number(values[0]) else f"not one number, but {values[:3]}"
        case "table":
            (arranged,) = [t for t in panel["transformations"] if t["id"] == "organize"]
            missing = set(arranged["options"]["includeByName"]) - set(first)
            return f"columns missing: {missing}" if missing else ""
        case "geomap":
            missing = {"area", "name", "lat", "lon", "level"} - set(first)
            nowhere = [row["area"] for row in rows if not missing and float(row["lat"]) < 1]
            return f"columns missing: {missing}" if missing else f"areas without a place: {nowhere}" if nowhere else ""
        case "timeseries" | "state-timeline":
            others = {"_time", "_start", "_stop", "_measurement", "result", "table", "", "device"}
            curves = {name for row in rows for name, value in row.items() if name not in others and _is_number(value)}
            if not curves:
                return f"no curve in {list(first)}"
            named = {o["matcher"]["options"] for o in panel["fieldConfig"]["overrides"]} if ref == "A" else set()
            return "" if len(panel["targets"]) > 1 else f"no curve {named - curves}" if named - curves else ""
    return f"no test for a {panel['type']}"


def _is_number(value: str) -> bool:
    return bool(re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", value or ""))


def test_every_panel_gets_what_it_draws(baoan: Shown) -> None:
    problems, asked = [], 0
    for board in baoan.boards:
        asker, name = baoan.asker(board), board.uid.removeprefix("qs-baoan-")
        for panel, target in questions(board):
            asked += 1
            ref = target["refId"]
            rows = asker.ask(target["query"])
            blind = panel["type"] == "geomap" and ref == "B"
            if rows and (problem := wrong(panel, ref, rows)):
                problems.append(f"{board.uid} {panel['title']} {ref}: {problem}")
            elif not rows and not blind and (name, panel["title"], ref) not in NOTHING_TO_TELL:
                problems.append(f"{board.uid} {panel['title']} {ref}: no rows")
    assert "\n".join(problems) == ""
    assert asked > 400


def test_the_figures_are_those_of_the_play(baoan: Shown) -> None:
    overview, city = baoan.board("overview"), baoan.wall.city
    answers = {}
    for panel, target in questions(overview):
        answers.setdefault(panel["title"], baoan.asker(overview).ask(target["query"]))
    areas = answers["监测区域四色图"]
    assert {row["area"] for row in areas} == set(city.areas)
    for word, level in (("红色", 4), ("橙色", 3), ("黄色", 2), ("蓝色", 1)):
        at = [row for row in areas if int(row["level"]) == level]
        assert answers[f"{word}区域"][0]["_value"] == str(len(at)), word
    risky = {row["area"] for row in areas if int(row["level"]) or int(row["blind"])}
    assert {row["area"] for row in answers["风险区域"]} == risky
    assert len(answers["各街道"]) == len([unit for unit in city.admin.values() if unit.kind == "街道"])
    assert [row["name"] for row in answers["中断的链路"]]
    with baoan.wall.database.reading() as connection:
        open_tickets = connection.exec_driver_sql("select count(*) from tickets where closed_ms is null").scalar()
    assert answers["未结工单"][0]["_value"] == str(open_tickets)


def test_who_looks_at_old_figures_sees_none(baoan: Shown) -> None:
    """Ten minutes after the last point no figure stands but the age of the data."""
    overview = baoan.board("overview")
    asker = baoan.asker(overview)
    later = Asker(asker.url, asker.token, asker.org, asker.start_ms, asker.stop_ms + 600_000, asker.variables)
    for panel, target in questions(overview):
        if panel["type"] == "stat":
            rows = later.ask(target["query"])
            assert (float(rows[0]["_value"]) >= 600) if panel["title"] == "数据时效" else rows == [], panel["title"]


@pytest.mark.parametrize("hours", [12.0, 24.0 * 10])
def test_longer_ranges_are_asked_of_minutes_and_hours(baoan: Shown, hours: float) -> None:
    for name in ("overview", "class-waterlogging", "video", "waterlogging", "sentry"):
        board = baoan.board(name)
        asker = baoan.asker(board, hours)
        for panel, target in questions(board):
            rows = asker.ask(target["query"])
            if panel["type"] in ("timeseries", "state-timeline") and (name, panel["title"], "A") not in NOTHING_TO_TELL:
                assert rows, f"{name} {panel['title']}"


def test_variables_offer_what_there_is(baoan: Shown) -> None:
    found = {}
    for board in baoan.boards:
        for variable in as_json(board)["templating"]["list"]:
            if variable["type"] == "query":
                options = [row["_value"] for row in baoan.asker(board).ask(variable["query"]["query"])]
                pattern = variable["regex"].strip("/").replace("?<", "?P<")
                assert options and all(re.fullmatch(pattern, option) for option in options), variable["name"]
                found[board.uid, variable["name"]] = options
    communities = found["qs-baoan-community", "community"]
    street = chosen(baoan.board("community"), baoan.wall.city)["street"]
    assert len(communities) == len([u for u in baoan.wall.city.admin.values() if u.parent == street])


def test_sites_have_their_own_names_roads_and_areas(baoan: Shown) -> None:
    board, city = baoan.board("community"), baoan.wall.city
    (query,) = [target["query"] for panel, target in questions(board) if panel["title"] == "点位"]
    rows = baoan.asker(board).ask(query)
    found = {(row["site"], row["name"], row["road"], row["area_name"], row["class"]) for row in rows}
    community = chosen(board, city)["community"]
    sites = [site for site in city.sites.values() if city.grids[site.grid].parent == community]
    areas = city.areas
    assert found == {
        (site.id, site.name, site.road_section, areas[site.area].name, areas[site.area].risk_class) for site in sites
    }


def test_what_happened_is_marked_on_the_curves(baoan: Shown) -> None:
    overview = baoan.board("overview")
    marks = {mark["name"]: mark["target"]["query"] for mark in as_json(overview)["annotations"]["list"]}
    red = baoan.asker(overview).ask(marks["红色事件"])
    assert red and {"time", "title", "text"} <= set(red[0])
    published = baoan.asker(overview).ask(marks["规则发布"])
    assert [row["title"] for row in published] == ["规则发布 baoan"]
    assert baoan.asker(overview).ask(marks["演练"]) == []


def test_a_city_of_towns_and_villages_is_asked_the_same_questions(dongguan: Shown) -> None:
    empty = []
    for board in dongguan.boards:
        for panel, target in questions(board):
            rows = dongguan.asker(board).ask(target["query"])
            if rows:
                assert wrong(panel, target["refId"], rows) == "", f"{board.uid} {panel['title']}"
            else:
                empty.append((board.uid, panel["title"]))
    assert ("qs-dongguan-overview", "各镇街") not in empty
    assert ("qs-dongguan-street", "各村(社区)") not in empty


def test_no_question_names_a_bucket_that_is_not_of_this_city(baoan: Shown) -> None:
    bucket = baoan.wall.influx.options.bucket
    text = json.dumps([as_json(board) for board in baoan.boards])
    assert set(re.findall(r"t_[0-9a-f]{32}\w*", text)) == {bucket, f"{bucket}_1m", f"{bucket}_1h"}
