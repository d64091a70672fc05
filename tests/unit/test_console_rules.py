"""The pages about rules over HTTP: what is in force, what it did, and the way to an incident and back."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from alerts.console.app import create_app
from alerts.rulebook import NO_RULES, RuleBook
from alerts.store import schema as t
from alerts.tickets import TicketState
from city.clock import wall_ms
from city.levels import Level
from tests.browser.night import Night, night_in, over, played, then
from tests.browser.rulebook import WATER, night_rules

pytestmark = pytest.mark.usefixtures("drawn_once")

EVIL = "<script>alert(1)</script>"


def page_of(night: Night, book: RuleBook | None = None) -> httpx.AsyncClient:
    app = create_app(night.database, night.city, played(), "embedded", night_rules() if book is None else book)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://page")


@pytest.fixture
async def page(night: Night) -> AsyncIterator[httpx.AsyncClient]:
    async with page_of(night) as client:
        yield client


async def test_all_rules_stand_by_domain_and_class_with_their_four_marks(page: httpx.AsyncClient) -> None:
    html = (await page.get("/rules")).text
    count = len(night_rules().rules)
    assert f"<b>小城规则包</b> small 1 · {count} 条" in html
    assert len(rules_in(html)) == count
    places = [
        html.index(words) for words in ("自然灾害</i> 积水内涝点", "公共安全</i> 公共视频覆盖区", "多类通用 <span>")
    ]
    assert places == sorted(places)
    depth = row_of(html, "depth")
    for words in ("积水深度", "water_depth", "10 cm", "site(water_depth, 15 cm)", "27 cm", "40 cm", "持续 5分"):
        assert words in depth
    for words in ("2 次读数, 间隔≤15分", "解除须退 3 cm, 15分", "需印证", "8 处另定", "有处置建议", "近一天无预警"):
        assert words in depth


async def test_a_rule_says_what_it_did_in_the_last_day_and_what_is_open_now(
    night: Night, page: httpx.AsyncClient
) -> None:
    night.flood("BA-R01-01", Level.RED, 30, gauges=2)
    night.flood("BA-R01-02", Level.YELLOW, 20, suspected=True)
    gone = night.hazard(night.in_area("BA-R01-04")[0], Level.ORANGE, minutes=90)
    night.record(gone, over(gone, 60))
    night.record(night.hazard(night.in_area("BA-R01-05")[0], Level.BLUE, minutes=25 * 60))
    depth = re.sub(r"\s+", " ", row_of((await page.get("/rules")).text, "depth"))
    assert "4 个未结" in depth and "存疑 1" in depth, "one of them began more than a day ago, and is open"
    assert re.findall(r'class="raised l(\d)"[^>]*>. (\d+)', depth) == [("4", "2"), ("3", "1"), ("2", "1")]


async def test_an_exercise_is_never_counted(night: Night, page: httpx.AsyncClient) -> None:
    night.flood("BA-R01-01", Level.RED, 30)
    with night.database.writing() as connection:
        connection.execute(update(t.incidents).values(exercise=True))
    assert "近一天无预警" in row_of((await page.get("/rules")).text, "depth")


async def test_a_rule_says_how_it_fared_in_a_month_doubts_explanations_and_false_alarms(
    night: Night, page: httpx.AsyncClient
) -> None:
    def facts(html: str) -> str:
        return re.sub(r"<[^>]+>|\s+", "", html[html.index("近 30 天") : html.index("<dt>此刻")])

    assert facts((await page.get("/rules/depth")).text) == "近30天无预警近30天工单0张,已了结0,误报作废0"
    doubtful = night.hazard(night.in_area("BA-R01-01")[0], Level.YELLOW, 40, suspected=True)
    night.record(doubtful, then(doubtful, Level.YELLOW, 30, suspected=False), over(doubtful, 20))
    night.flood("BA-R01-02", Level.RED, 3 * 24 * 60)
    night.flood("BA-R01-04", Level.RED, 40 * 24 * 60)
    (gauge,) = night.in_area("BA-R01-05")[:1]
    night.record(replace(night.hazard(gauge, Level.BLUE, 5), explained_by="GW-1"))
    night.work_on("创业路", TicketState.VOID)
    said = facts((await page.get("/rules/depth")).text)
    assert said == "近30天3个预警,曾存疑1,由上级故障解释1近30天工单2张,已了结1,误报作废1"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"q": "rise_10m"}, {"depth"}),
        ({"q": "封闭道路"}, {"depth", "underpass-depth"}),
        ({"q": "STREET count 15 cm"}, {"street-ponding"}),
        ({"section": "waterlogging"}, {"depth", "street-ponding"}),
        ({"section": "waterlogging", "q": "多点"}, {"street-ponding"}),
        ({"state": "open"}, {"depth"}),
        ({"state": "stopped"}, {"street-ponding"}),
        ({"section": "links"}, {"gateway-dark", "power-dark", "network-dark", "platform-dark"}),
        ({"q": "没有这样的词"}, set()),
    ],
)
async def test_rules_are_found_by_class_by_words_and_by_state(
    night: Night, page: httpx.AsyncClient, asked: dict[str, str], found: set[str]
) -> None:
    night.flood("BA-R01-01", Level.RED, 5)
    night.record(night.disabled("street-ponding", 3))
    html = (await page.get("/rules", params=asked)).text
    assert set(rules_in(html)) == found
    assert ("没有符合的规则" in html) == (not found)


async def test_a_rule_has_a_page_with_everything_it_says(page: httpx.AsyncClient) -> None:
    html = (await page.get("/rules/depth")).text
    for words in (
        *("max(rain_1h within 2km) &gt;= 5 mm", "count(water_depth &gt;= 5 cm within 500m) &gt;= 1", "最高黄色"),
        *("10分后仍无印证, 最高橙色", "rise_10m &gt;= 10 cm", "升 1 级", "rise(water_depth, 10m) when"),
        *("三围片区第01点", "30 cm", "2024 年汛后复盘", "登记表: 该点自有标准", "疏散滞留车辆和行人 · 封闭道路"),
        *("GB 51222", "把握 中", "15 台"),
    ):
        assert words in html, words


async def test_from_an_alert_to_its_rule_and_from_the_rule_to_the_incident(
    night: Night, page: httpx.AsyncClient
) -> None:
    night.flood("BA-R01-01", Level.RED, 5, suspected=True)
    incident = (await page.get("/api/state")).json()["hazards"][0]["id"]
    assert 'href="/rules/depth"' in (await page.get(f"/incidents/{incident}")).text
    html = (await page.get("/rules/depth")).text
    assert f'href="/incidents/{incident}"' in html
    assert "创业路低洼路段第01点 BA-WL-0001" in html and "存疑</em>" in html
    with night.database.reading() as connection:
        alert = connection.scalar(select(t.alerts.c.id))
    assert f"<code>{alert}</code>" in html and "qianshao rules explain 编号" in html


async def test_an_alert_of_no_rule_of_the_pack_links_nowhere(night: Night, page: httpx.AsyncClient) -> None:
    night.record(night.fault(night.in_area("BA-R15-01")[0], Level.BLUE, 1))
    incident = (await page.get("/api/state")).json()["faults"][0]["id"]
    assert "/rules/offline" not in (await page.get(f"/incidents/{incident}")).text
    assert (await page.get("/rules/offline")).status_code == 404


async def test_a_disabled_rule_is_as_loud_as_a_blind_shard_on_every_page_about_it(
    night: Night, page: httpx.AsyncClient
) -> None:
    night.record(night.disabled("street-ponding", 3))
    state = (await page.get("/api/state")).json()
    (alarm,) = state["alarms"]
    assert alarm["title"] == "规则停用: 多点同时积水" and "无人判定" in alarm["detail"]
    assert sum(state["counts"]["levels"].values()) == 0, "it is no risk"
    assert state["counts"]["faults"] == 0 and len(state["faults"]) == 1, "nor a device's fault; but it has its row"
    assert alarm["link"] in (await page.get("/")).text
    incident = await page.get(alarm["link"])
    assert "规则 多点同时积水" in incident.text and "区应急值班室" in incident.text
    assert "已停用" in (await page.get("/rules/street-ponding")).text
    assert "已停用</a>" in row_of((await page.get("/rules")).text, "street-ponding")


async def test_a_derived_indicator_that_failed_stops_the_rules_that_need_it(
    night: Night, page: httpx.AsyncClient
) -> None:
    night.record(night.disabled("waterlogging/rise_10m", 3))
    assert set(rules_in((await page.get("/rules?state=stopped")).text)) == {"depth"}


async def test_a_rule_without_devices_is_said_to_see_nothing(night: Night) -> None:
    blind = WATER.replace("[electronic-water-gauge, buried-pressure-level, radar-level]", "[gateway]")
    async with page_of(night, night_rules(blind)) as page:
        assert "它什么也看不见" in (await page.get("/rules/depth")).text
        assert "depth" in rules_in((await page.get("/rules?state=idle")).text)


async def test_rules_of_a_class_without_any_device_are_not_called_blind(night: Night) -> None:
    gone = [replace(c, devices=0, wired=False) if c.id == "depth" else c for c in night_rules().rules]
    async with page_of(night, replace(night_rules(), rules=tuple(gone))) as page:
        assert "depth" not in rules_in((await page.get("/rules?state=idle")).text)
        assert "未接入" in row_of((await page.get("/rules")).text, "depth")
        assert "还没有接入设备" in (await page.get("/rules/depth")).text


async def test_what_speaks_now_stands_above_all_rules_disabled_ones_first(
    night: Night, page: httpx.AsyncClient
) -> None:
    night.flood("BA-R01-01", Level.RED, 5)
    night.record(night.fault(night.in_area("BA-R15-01")[0], Level.RED, 1))
    night.record(night.disabled("street-ponding", 3))
    html = (await page.get("/rules?section=links")).text
    strip = html[html.index('class="speaking"') : html.index("</nav>", html.index('class="speaking"'))]
    assert re.findall(r'href="/rules/([\w-]+)"', strip) == ["street-ponding", "depth"]


async def test_the_page_says_which_pack_judges_and_when_it_is_not_the_one_shown(night: Night) -> None:
    book = night_rules()
    async with page_of(night) as page:
        assert "还没有报告" in (await page.get("/rules")).text
        night.judged_by("baoan", "2026.10.1", book.meaning)
        html = (await page.get("/rules")).text
        assert "与本页一致" in html and "规则不一致" not in html
        night.judged_by("baoan", "2026.10.1", "another")
        for path in ("/rules", "/rules/depth"):
            html = (await page.get(path)).text
            assert "本页与判定所用的规则不一致" in html and "baoan 2026.10.1" in html and "与本页一致" not in html


async def test_a_published_version_has_its_number_on_the_page_and_each_shard_says_which_judges_it(night: Night) -> None:
    book = replace(night_rules(), number=7)
    night.judged_by("small", "1", book.meaning, number=7)
    async with page_of(night, book) as page:
        assert "<b>第 7 版</b>" in (await page.get("/rules")).text
        assert "规则包第 7 版" in (await page.get("/rules/depth")).text
        shards = (await page.get("/api/state")).json()["shards"]
        assert {(shard["rules"]["number"], shard["rules"]["meaning"]) for shard in shards} == {(7, book.meaning)}
        assert "规则 small 1 第 7 版" in (await page.get("/")).text


async def test_a_published_version_that_does_not_load_is_an_alarm_above_everything(night: Night) -> None:
    why = "p/water.yaml:5:16: no indicator water_dpeth"
    night.judged_by("small", "1", night_rules().meaning, number=7, refused={"sequence": 9, "version": 8, "why": why})
    async with page_of(night) as page:
        html = (await page.get("/")).text
        alarm = html[html.index('id="alarm-1"') : html.index("</div>", html.index('id="alarm-1"'))]
        assert "新规则没有生效: 第 8 版" in alarm and "仍按 small 1 第 7 版 判定" in alarm and why in alarm
        night.judged_by("small", "1", night_rules().meaning, number=7, refused=None)
    async with page_of(night) as page:
        assert "新规则没有生效" not in (await page.get("/")).text


async def test_other_rules_are_shown_as_soon_as_they_are_handed_to_the_page(night: Night) -> None:
    app = create_app(night.database, night.city, played(), "embedded", NO_RULES)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page") as page:
        assert (await page.get("/rules/depth")).status_code == 404
        app.state.show_rules(replace(night_rules(), number=2))
        assert (await page.get("/rules/depth")).status_code == 200
        assert "第 2 版" in (await page.get("/rules")).text


async def test_without_a_readable_pack_the_page_says_what_to_do(night: Night) -> None:
    async with page_of(night, NO_RULES) as page:
        html = (await page.get("/rules")).text
        assert "规则包读不出" in html and "qianshao doctor" in html
        assert (await page.get("/")).status_code == 200


async def test_hostile_words_stay_words(night: Night) -> None:
    cards = [replace(c, title=EVIL, source=EVIL, indicator_name=EVIL) for c in night_rules().rules]
    async with page_of(night, replace(night_rules(), title=EVIL, rules=tuple(cards))) as page:
        for path in ("/rules", f"/rules?q={EVIL}&section={EVIL}&state={EVIL}", "/rules/depth", f"/rules/{EVIL}"):
            answer = await page.get(path)
            assert EVIL not in answer.text, path


async def test_rule_pages_are_locked_down_like_all_others(page: httpx.AsyncClient) -> None:
    policy = (await page.get("/rules")).headers["content-security-policy"]
    assert "default-src 'none'" in policy and "form-action 'self'" in policy and "unsafe" not in policy


@pytest.mark.servers
async def test_postgresql_tells_the_same_of_a_rule(night: Night, postgres_url: str) -> None:
    other = night_in(postgres_url)
    told = []
    for one in (night, other):
        one.checkpoints(wall_ms())
        one.flood("BA-R01-01", Level.RED, 30, gauges=2, actions=("封闭道路",))
        one.flood("BA-R01-02", Level.YELLOW, 20, suspected=True)
        one.record(one.disabled("street-ponding", 3))
        async with page_of(one) as page:
            html = (await page.get("/rules")).text
            told.append((row_of(html, "depth"), re.sub(r"incidents/\w+", "", row_of(html, "street-ponding"))))
    other.database.dispose()
    assert told[0] == told[1] and "存疑 1" in told[0][0]


def rules_in(html: str) -> list[str]:
    return re.findall(r'class="title" href="/rules/([\w.-]+)"', html)


def row_of(html: str, rule: str) -> str:
    """What the list says of one rule."""
    (found,) = [
        part for part in re.split(r'<li class="rule[ "]', html) if f'class="title" href="/rules/{rule}"' in part
    ]
    return found
