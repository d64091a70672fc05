"""The page over HTTP: every route, hostile input, failures, and news as they come."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.console.app import create_app
from alerts.console.board import Board
from alerts.console.live import Live
from alerts.console.moment import Moment
from alerts.console.pages import PIECES, STATIC
from city.clock import Clock, wall_ms
from city.levels import Level
from city.registry import ParentKind
from tests.browser.night import NOW_MS, Night, new_night, over, played, serving, storm_night

pytestmark = pytest.mark.usefixtures("drawn_once")

EVIL = "<script>alert(1)</script>"


def page_of(night: Night, clock: Clock | None = None, profile: str = "embedded") -> httpx.AsyncClient:
    app = create_app(night.database, night.city, clock or played(), profile)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://page")


@pytest.fixture
async def page(night: Night) -> AsyncIterator[httpx.AsyncClient]:
    async with page_of(night) as client:
        yield client


async def test_the_page_is_complete_without_a_script(tmp_path: Path) -> None:
    async with page_of(storm_night(tmp_path), played(20)) as page:
        answer = await page.get("/")
    html = answer.text
    assert answer.status_code == 200
    for words in ("深圳市宝安区", "演示 ×20倍速", "内嵌试用", "机场南路下穿", "盲区: ", "拒收报文", "示意图, 非测绘"):
        assert words in html
    assert '<noscript><meta http-equiv="refresh"' in html
    assert html.index("沙井老墟镇片区") < html.index("沙江路低洼段"), "reds before oranges"


async def test_a_page_of_today_in_production_says_neither_played_nor_on_trial(night: Night) -> None:
    night.checkpoints(wall_ms(), int(wall_ms()))
    async with page_of(night, Clock(), "production") as page:
        html = (await page.get("/")).text
    assert "演示" not in html and "内嵌试用" not in html


async def test_a_clock_at_the_walls_speed_but_of_another_night_is_still_played(page: httpx.AsyncClient) -> None:
    assert "演示 ×1倍速" in (await page.get("/")).text


async def test_a_slow_link_carries_little(tmp_path: Path) -> None:
    async with page_of(storm_night(tmp_path)) as page, page.stream("GET", "/") as answer:
        body = b"".join([part async for part in answer.aiter_raw()])
        assert answer.headers["content-encoding"] == "gzip"
    assert len(body) < 20_000
    assert sum(path.stat().st_size for path in STATIC.iterdir()) < 40_000


async def test_the_state_is_given_as_data_and_described(tmp_path: Path) -> None:
    async with page_of(storm_night(tmp_path)) as page:
        state = (await page.get("/api/state")).json()
        described = (await page.get("/api/openapi.json")).json()
    assert state["counts"]["levels"] == {"red": 3, "orange": 2, "yellow": 3, "blue": 3}
    assert [row["level"] for row in state["hazards"]][:3] == [4, 4, 4] and state["hazards"][-1]["level"] == 0
    assert len(state["shards"]) == 4 and state["shards"][0]["seeing"] == "blind"
    assert {count["reason"]: count["total"] for count in state["dead_letters"]}["range"] == 41
    assert set(state) == set(described["components"]["schemas"]["State"]["properties"])


async def test_only_pieces_that_are_new_to_the_asker_are_sent(night: Night, page: httpx.AsyncClient) -> None:
    html = (await page.get("/")).text
    have = ",".join(re.findall(r'data-version="(\w+)"', html))
    assert (await page.get("/pieces")).json()["pieces"].keys() == set(PIECES)
    assert (await page.get("/pieces", params={"have": have})).json()["pieces"] == {}
    night.record(night.fault(night.in_area("BA-R15-01")[0], Level.BLUE, 1))
    pieces = await until_new(page, have)
    assert set(pieces) == {"counts", "map", "faults"}
    assert pieces["faults"].strip().startswith("<section")


async def until_new(page: httpx.AsyncClient, have: str) -> dict[str, str]:
    """A look is used again for a second: ask until it is another."""
    while not (pieces := (await page.get("/pieces", params={"have": have})).json()["pieces"]):
        await asyncio.sleep(0.05)
    return pieces


async def test_an_incident_has_its_whole_story_on_one_page(night: Night, page: httpx.AsyncClient) -> None:
    gauge = night.in_area("BA-R01-01")[0]
    rising = night.hazard(gauge, Level.RED, 30, 46.5)
    night.record(rising, over(rising, 5))
    incident = (await page.get("/api/state")).json()["hazards"][0]["id"]
    html = (await page.get(f"/incidents/{incident}")).text
    for words in ("创业路低洼路段 积水深度", "已恢复待核查", "46.5 cm", "新安街道三防办", "网格", "首次反馈", "超时"):
        assert words in html
    assert html.count("<li><time>") >= 3, "two changes of level and the report"


async def test_a_failed_parent_names_the_children_it_explains(night: Night, page: httpx.AsyncClient) -> None:
    down = list(night.parent_down(ParentKind.PLATFORM, 8))
    night.record(*down)
    incident = (await page.get("/api/state")).json()["faults"][0]["id"]
    html = (await page.get(f"/incidents/{incident}")).text
    assert f"由此解释的设备预警 <span>{len(down) - 1}</span>" in html
    assert down[1].subject in html and "另有" in html


async def test_an_area_has_a_page(night: Night, page: httpx.AsyncClient) -> None:
    night.flood("BA-R01-01", Level.RED, 3)
    html = (await page.get("/areas/BA-R01-01")).text
    assert "创业路低洼路段" in html and "积水内涝点" in html and 'class="row l4"' in html


@pytest.mark.parametrize(
    "path", ["/incidents/none", "/incidents/' OR 1=1 --", "/areas/none", "/nothing", "/static/no.js"]
)
async def test_what_is_not_there_is_said_in_chinese(page: httpx.AsyncClient, path: str) -> None:
    answer = await page.get(path)
    assert answer.status_code == 404 and "没有这一页" in answer.text


async def test_hostile_words_of_devices_stay_words(night: Night, page: httpx.AsyncClient) -> None:
    device = night.in_area("BA-R01-01")[0]
    night.record(night.hazard(device, Level.RED, 1, title=EVIL), night.fault(device, Level.RED, 1, EVIL))
    night.record(night.blind(f"in{EVIL}", 1))
    night.checkpoint(0, wall_ms(), NOW_MS, (EVIL,))
    night.refuse("topic", topic=f"citysafety/{EVIL}", detail=EVIL, device=EVIL, payload=f"{EVIL}\u202e\x00".encode())
    incident = (await page.get("/api/state")).json()["hazards"][0]["id"]
    for path in ("/", f"/incidents/{incident}", "/areas/BA-R01-01", "/dead-letters", f"/dead-letters?reason={EVIL}"):
        answer = await page.get(path)
        assert answer.status_code == 200, path
        assert EVIL not in answer.text and "\u202e" not in answer.text and "\x00" not in answer.text, path
    assert "&lt;script&gt;" in (await page.get("/dead-letters")).text
    pieces = (await page.get("/pieces")).json()["pieces"]
    assert not any(EVIL in html for html in pieces.values())


async def test_a_payload_is_cut_and_need_not_be_text(night: Night, page: httpx.AsyncClient) -> None:
    night.refuse("oversize", payload=b"\xff" + b"A" * 300_000)
    html = (await page.get("/dead-letters?reason=oversize")).text
    assert len(html) < 20_000 and "300,001 字节" in html and "A…" in html
    assert "报文超过长度上限" in html


async def test_every_answer_is_locked_down(page: httpx.AsyncClient) -> None:
    for path in ("/", "/api/state", "/healthz", "/incidents/none", "/static/page.js"):
        headers = (await page.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff"
        assert ("immutable" in headers["cache-control"]) == path.startswith("/static/"), path
    assert (await page.get("/static/none.js")).headers["cache-control"] == "no-store"


async def test_no_template_has_a_script_or_style_of_its_own() -> None:
    for template in (STATIC.parent / "templates").iterdir():
        text = template.read_text()
        assert not re.search(r"\sstyle=|<style|\son\w+=|\|\s*safe|autoescape", text), template.name
        assert not re.search(r"<script(?! type=\"module\" src=)", text), template.name


async def test_health_tells_the_newest_log_time_and_checkpoint(night: Night, page: httpx.AsyncClient) -> None:
    health = (await page.get("/healthz")).json()
    assert health["database"] is True and health["log_ms"] == NOW_MS and health["shards"] == 4
    assert 0 <= health["checkpoint_age_s"] < 60


async def test_without_its_database_the_page_says_that_nothing_can_be_trusted(tmp_path: Path) -> None:
    night = new_night(tmp_path)
    with night.database.writing() as connection:
        for table in ("shards", "tickets"):
            connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO lost_{table}")
    async with page_of(night) as page:
        health, first = await page.get("/healthz"), await page.get("/")
        assert health.status_code == 503 and health.json()["database"] is False
        assert first.status_code == 503 and "读不到数据库" in first.text
        assert (await page.get("/api/state")).json()["error"] == "读不到数据库"


def test_the_stream_tells_of_a_change_once_and_goes_on_beating(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.console.live.BEAT_S", 1.5)
    app = create_app(night.database, night.city, played(), "embedded")
    with (
        serving(app) as address,
        httpx.stream("GET", f"{address}/stream", timeout=20) as answer,
        httpx.stream("GET", f"{address}/stream", timeout=20) as other,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        notices, others = events(answer), events(other)
        first = next(notice for notice in notices if notice["version"])
        night.flood("BA-R01-01", Level.RED, 1)
        second = next(notice for notice in notices if notice["version"] != first["version"])
        assert next(notice for notice in others if notice["version"] == second["version"])["rate"] == 1.0
        third = next(notices)
        assert third["version"] == second["version"] and third["wall_ms"] - second["wall_ms"] > 1_000


def events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    lines = (line for line in answer.iter_lines() if line.startswith("data: "))
    return (json.loads(line.removeprefix("data: ")) for line in lines)


async def test_those_who_find_no_room_to_listen_are_told_so(
    page: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.console.app.MOST_STREAMS", 0)
    assert (await page.get("/stream")).status_code == 503


class Reader:
    """Answers with the same board, and counts how often it was asked. `broken`: it cannot."""

    def __init__(self, board: Board) -> None:
        self.board, self.asked, self.broken = board, 0, False

    def __call__(self, _at: Moment) -> Board:
        self.asked += 1
        if self.broken:
            raise OSError("gone")
        return self.board


@pytest.fixture
def reader(night: Night) -> Reader:
    app = create_app(night.database, night.city, played(), "embedded")
    console = app.state.console
    return Reader(console._board(console.moment()))


async def test_one_reading_of_the_database_serves_everybody(reader: Reader) -> None:
    live = Live(reader, lambda: Moment(NOW_MS, wall_ms()))
    looks = await asyncio.gather(*(live.look() for _ in range(50)))
    assert reader.asked == 1 and len({look.version for look in looks}) == 1


async def test_a_database_that_is_gone_leaves_the_age_of_the_last_look_for_all_to_see(reader: Reader) -> None:
    wall = [1_000_000.0]
    live = Live(reader, lambda: Moment(NOW_MS, wall[0]))
    await live.look()
    reader.broken = True
    wall[0] += 30_000
    with pytest.raises(OSError, match="gone"):
        await live.look()
    assert live.notice().age_ms == 30_000
    reader.broken = False
    await live.look()
    assert live.notice().age_ms == 0


async def test_a_clock_that_stands_is_told_to_stand(reader: Reader) -> None:
    told = [Moment(NOW_MS, 1_000.0, 60.0)]
    live = Live(reader, lambda: told[0])
    await live.look()
    told[0] = Moment(NOW_MS, 1_500.0, 60.0)
    assert live.notice().rate == 0.0
    told[0] = Moment(NOW_MS + 60_000, 2_500.0, 60.0)
    assert live.notice().rate == 60.0


async def test_a_slow_reading_keeps_nobody_waiting_who_can_have_the_last_one(reader: Reader) -> None:
    wall = [1_000_000.0]
    slow, go_on = threading.Event(), threading.Event()

    def read(at: Moment) -> Board:
        if slow.is_set():
            go_on.wait(10)
        return reader(at)

    live = Live(read, lambda: Moment(NOW_MS, wall[0]))
    first = await live.look()
    slow.set()
    wall[0] += 5_000
    reading = asyncio.create_task(live.look())
    await asyncio.sleep(0)
    assert await asyncio.wait_for(live.look(), 1) is first
    go_on.set()
    assert (await reading).at.wall_ms == wall[0]


async def test_those_who_listen_are_let_go_when_the_server_stops(reader: Reader) -> None:
    live = Live(reader, lambda: Moment(NOW_MS, wall_ms()))
    notices = live.notices()
    await anext(notices)
    live.end()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(notices), 2)


def test_every_piece_of_the_board_has_a_template() -> None:
    assert {field.name for field in fields(Board)} == set(PIECES)
    assert all((STATIC.parent / "templates" / f"piece_{name}.html").is_file() for name in PIECES)


PAIRS = [
    *((ink, ground) for ink in ("ink", "dim", "late") for ground in ("ground", "panel", "raised")),
    *((f"on-{level}", level) for level in ("red", "orange", "yellow", "blue", "calm")),
    *(("played", "ground"), ("hatch", "hatch-ground"), ("unwired", "land")),
]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_every_text_is_readable_on_its_ground(scheme: str) -> None:
    dark, light = re.findall(r":root \{(.*?)\}", (STATIC / "page.css").read_text(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", dark))
    if scheme == "light":
        colours |= dict(re.findall(r"--([\w-]+): (#\w{6});", light))
    for ink, ground in PAIRS:
        assert contrast(colours[ink], colours[ground]) >= 4.5, f"{ink} on {ground}, {scheme}"
    for one, other in combinations(("red", "orange", "yellow", "blue"), 2):
        assert colours[one] != colours[other]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
