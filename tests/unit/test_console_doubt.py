"""存疑 and 处置建议 on the page: as loud as what is confirmed, never to be taken for it; and places by their names."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from alerts.console.app import create_app
from alerts.console.atlas import Atlas
from alerts.console.board import Board
from alerts.console.moment import Moment
from alerts.console.queries import read_situation
from alerts.console.view import Viewer
from city.clock import wall_ms
from city.levels import Level
from city.transitions import Nature, SubjectKind
from tests.browser.night import NOW_MS, Night, _transition, baoan, new_night, played, then
from tests.browser.rulebook import night_rules

pytestmark = pytest.mark.usefixtures("drawn_once")

WALL_MS = 1_700_000_000_000.0


@pytest.fixture
def night(tmp_path: Path) -> Night:
    night = new_night(tmp_path)
    night.checkpoints(WALL_MS)
    return night


@pytest.fixture
async def page(night: Night) -> AsyncIterator[httpx.AsyncClient]:
    night.checkpoints(wall_ms())
    app = create_app(night.database, night.city, played(), "embedded", night_rules())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        yield client


def board(night: Night, atlas: Atlas) -> Board:
    with night.database.reading() as connection:
        return Viewer(baoan(), atlas, night_rules()).board(read_situation(connection, NOW_MS), Moment(NOW_MS, WALL_MS))


def test_what_nobody_has_confirmed_is_counted_in_its_colour_and_said_to_be_suspected(
    night: Night, atlas: Atlas
) -> None:
    night.flood("BA-R01-01", Level.RED, 5)
    night.flood("BA-R01-02", Level.YELLOW, 5, suspected=True)
    night.flood("BA-R01-03", Level.YELLOW, 5)
    counts = board(night, atlas).counts
    assert (counts.levels["yellow"], counts.suspected["yellow"], counts.suspected["red"]) == (2, 1, 0)


def test_an_area_is_suspected_on_the_map_until_something_at_its_level_is_confirmed(night: Night, atlas: Atlas) -> None:
    night.flood("BA-R01-01", Level.YELLOW, 5, suspected=True)
    (mark,) = [m for m in board(night, atlas).map.marks if m.drawing.id == "BA-R01-01"]
    assert mark.suspected and "黄色 存疑, 待核实" in mark.line
    other = night.hazard(night.in_area("BA-R01-01")[1], Level.YELLOW, 2, title="倒灌", cause="backflow")
    night.record(other)
    (mark,) = [m for m in board(night, atlas).map.marks if m.drawing.id == "BA-R01-01"]
    assert not mark.suspected and "存疑" not in mark.line


def test_a_row_says_what_to_do_worst_first_and_not_twice_that_it_must_be_verified(night: Night, atlas: Atlas) -> None:
    night.flood("BA-R01-01", Level.RED, 5, 46.5, suspected=True, actions=("设置警示标志", "封闭道路"))
    row = board(night, atlas).hazards.rows.active[0]
    assert (row.suspected, row.actions) == (True, ("封闭道路", "设置警示标志"))
    assert row.reason == "BA-WL-0001 积水深度 46.5 cm, 持续 60 秒"


async def test_an_incident_asks_loudly_to_be_verified_until_a_witness_comes(
    night: Night, page: httpx.AsyncClient
) -> None:
    gauge = night.in_area("BA-R01-01")[0]
    doubtful = night.hazard(gauge, Level.YELLOW, 9, suspected=True)
    night.record(doubtful)
    incident = (await page.get("/api/state")).json()["hazards"][0]["id"]
    html = (await page.get(f"/incidents/{incident}")).text
    assert "<b>存疑待核实</b> 还没有第二个来源印证, 请网格员到场核实" in html and "已印证" not in html
    night.record(then(doubtful, Level.YELLOW, 5, suspected=False))
    html = (await page.get(f"/incidents/{incident}")).text
    assert "还没有第二个来源印证" not in html
    assert "<b>已印证</b> · 创业路低洼路段第01点" in html and "印证 · 系统" in html
    assert html.index("已印证") < html.index('<em class="doubt">存疑</em>'), "the newest first"


async def test_what_was_asked_for_and_is_no_longer_is_for_a_person_to_take_back(
    night: Night, page: httpx.AsyncClient
) -> None:
    gauge = night.in_area("BA-R01-01")[0]
    deep = night.hazard(gauge, Level.RED, 9, actions=("设置警示标志", "封闭道路"))
    night.record(deep)
    incident = (await page.get("/api/state")).json()["hazards"][0]["id"]
    assert "是否解除由人决定" not in (await page.get(f"/incidents/{incident}")).text
    night.record(then(deep, Level.YELLOW, 5, actions=("设置警示标志",)))
    html = (await page.get(f"/incidents/{incident}")).text
    assert re.search(r"处置建议</h2><ul><li>设置警示标志</li></ul>", html)
    assert "曾要求 封闭道路: 现已无此要求, <b>是否解除由人决定</b>" in html


@pytest.mark.parametrize(
    ("kind", "subject", "where", "admin"),
    [
        (SubjectKind.SITE, "BA-R01-01-S01", "创业路低洼路段第01点", "440306017"),
        (SubjectKind.AREA, "BA-R01-01", "创业路低洼路段", "440306017"),
        (SubjectKind.ZONE, "BA-Z-xinan", "新安街道片区", "440306017"),
        (SubjectKind.STREET, "440306017", "新安街道", "440306017"),
    ],
)
async def test_places_stand_under_their_names(
    night: Night, atlas: Atlas, page: httpx.AsyncClient, kind: SubjectKind, subject: str, where: str, admin: str
) -> None:
    told = {"nature": Nature.HAZARD, "title": "多点积水", "group": kind.value, "group_key": subject}
    place = {"admin": admin, "risk_class": "waterlogging"}
    night.record(_transition(subject, kind, "street-ponding", Level.ORANGE, 3, **told, **place))
    row = board(night, atlas).hazards.rows.active[0]
    assert (row.where, row.what, row.task.unit if row.task else "") == (where, "多点积水", "新安街道三防办")
    html = (await page.get(f"/incidents/{row.id}")).text
    assert f"<dt>对象</dt><dd>{where}</dd>" in html and f"<td>{where}</td>" in html
