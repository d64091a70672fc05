"""The page of the rules' versions over HTTP: what is in force, what waits, and who may decide what from where."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from msgspec.structs import replace as with_fields

from alerts.console.app import create_app
from alerts.store.rules import RuleStore
from city.clock import wall_ms
from tests.browser.night import Night, night_in, played
from tests.browser.rulebook import night_rules
from tests.browser.versions import BACKTEST, SHADOW, published, version

pytestmark = pytest.mark.usefixtures("drawn_once")

EVIL = "<script>alert(1)</script>"
OURS = {"origin": "http://page", "sec-fetch-site": "same-origin"}


@pytest.fixture
def store(night: Night) -> RuleStore:
    return RuleStore(night.database)


def page_of(night: Night, may_change: bool = True, profile: str = "production") -> httpx.AsyncClient:
    app = create_app(night.database, night.city, played(), profile, night_rules(), may_change)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://page")


@pytest.fixture
async def page(night: Night) -> AsyncIterator[httpx.AsyncClient]:
    async with page_of(night) as client:
        yield client


async def sent(page: httpx.AsyncClient, action: str, number: int, **more: Any) -> httpx.Response:
    """A form of ours, filled in."""
    fields = {"number": number, "by": "李工", "why": "看过影子报告"} | more.pop("fields", {})
    return await page.post(f"/rule-versions/{action}", data=fields, headers=OURS | more.pop("headers", {}))


# What it shows


async def test_before_anybody_published_anything_it_says_what_is_used(page: httpx.AsyncClient) -> None:
    html = (await page.get("/rule-versions")).text
    assert "还没有发布过版本" in html and "小城规则包" in html
    assert "还没有发布过版本" in (await page.get("/rules")).text


async def test_it_says_what_is_in_force_who_brought_it_there_and_why(page: httpx.AsyncClient, store: RuleStore) -> None:
    published(store, "王工", "李工", why="汛期门槛收紧")
    published(store, "赵工", "李工", why="补上桥梁")
    html = (await page.get("/rule-versions")).text
    now = html[html.index("在用</h2>") : html.index('id="waiting"')]
    for words in ("第 2 版", "赵工 提议, 李工 批准", "补上桥梁"):
        assert words in now
    assert html.index("补上桥梁", html.index("历史")) < html.index("汛期门槛收紧")
    rules = (await page.get("/rules")).text
    assert "在用第 2 版, 赵工" in rules and "待批准" not in rules


async def test_what_waits_shows_its_reports_and_what_is_stale_is_said_to_be(
    page: httpx.AsyncClient, store: RuleStore
) -> None:
    one = store.propose(version("王工", "改一"))
    store.report("shadow", None, version("王工", "改一").meaning, "王工", int(wall_ms()), SHADOW)
    html = (await page.get("/rule-versions")).text
    assert "影子运行" in html and "2 处不同" in html and "批准生效" in html and "已过时" not in html
    assert "待批准 1" in (await page.get("/rules")).text
    published(store, "赵工", "李工")
    html = (await page.get("/rule-versions")).text
    assert "已过时" in html and "批准生效" not in html and f"提议 {one.id}" in html


async def test_a_page_that_may_not_change_rules_names_the_command_and_has_no_form(
    night: Night, store: RuleStore
) -> None:
    proposal = store.propose(version("王工", "改一"))
    async with page_of(night, may_change=False) as page:
        html = (await page.get("/rule-versions")).text
        assert "<form" not in html and f"qianshao rules approve {proposal.id} --by" in html
        assert (await sent(page, "approve", proposal.id)).status_code == 403
    assert store.ledger().in_force is None


async def test_a_shadow_report_and_a_backtest_have_a_page(page: httpx.AsyncClient, store: RuleStore) -> None:
    shadow, backtest = (store.report(r["kind"], None, "m", "王工", int(wall_ms()), r) for r in (SHADOW, BACKTEST))
    html = (await page.get(f"/rule-reports/{shadow}")).text
    for words in ("积水深度", "只有在用规则报", "候选规则更晚", "发布时重新计时", "多开", "改了意思"):
        assert words in html, words
    html = (await page.get(f"/rule-reports/{backtest}")).text
    for words in ("回测", "1,000 条", "新增 1", "积水深度"):
        assert words in html, words
    listed = (await page.get("/rule-versions")).text
    assert "2 处不同" in listed and "7 个预警" in listed


async def test_what_a_worker_reports_of_a_reload_is_no_report_for_people(
    page: httpx.AsyncClient, store: RuleStore
) -> None:
    reload = store.report("reload", None, "m", "detect-1", int(wall_ms()), {"kept": 3})
    assert (await page.get(f"/rule-reports/{reload}")).status_code == 404
    assert "没有。运行" in (await page.get("/rule-versions")).text


# What people decide from it


async def test_another_person_approves_and_it_is_in_force(page: httpx.AsyncClient, store: RuleStore) -> None:
    proposal = store.propose(version("王工", "改一"))
    answer = await sent(page, "approve", proposal.id)
    assert (answer.status_code, answer.headers["location"]) == (303, "/rule-versions?done=approve")
    now = store.ledger().in_force
    assert now is not None and (now.version, now.approved_by) == (proposal.version, "李工")
    html = (await page.get(answer.headers["location"])).text
    assert "已批准" in html and "看过影子报告" in html


@pytest.mark.parametrize("name", ["王工", " 王 工 ", "王工."])
async def test_nobody_approves_what_is_his_own(page: httpx.AsyncClient, store: RuleStore, name: str) -> None:
    proposal = store.propose(version("王工", "改一"))
    answer = await sent(page, "approve", proposal.id, fields={"by": name})
    assert answer.status_code == 409 and "提议人不能批准自己的提议" in answer.text
    assert "看过影子报告" in answer.text, "what was filled in is still there"
    assert store.ledger().in_force is None


@pytest.mark.parametrize(
    ("fields", "told"), [({"by": " "}, "请填写姓名"), ({"why": " "}, "请填写理由"), ({"by": "·"}, "请填写姓名")]
)
async def test_without_name_and_reason_nothing_is_done(
    page: httpx.AsyncClient, store: RuleStore, fields: dict[str, str], told: str
) -> None:
    published(store, "王工", "李工")
    published(store, "王工", "李工", why="又改")
    waiting = store.propose(version("王工", "再改"))
    before = store.ledger()
    for action, number in (("approve", waiting.id), ("reject", waiting.id), ("rollback", 1)):
        answer = await sent(page, action, number, fields=fields)
        assert answer.status_code == 409 and told in answer.text, action
    assert store.ledger() == before


async def test_what_is_stale_or_decided_is_refused_with_words(page: httpx.AsyncClient, store: RuleStore) -> None:
    old = store.propose(version("王工", "改一"))
    published(store, "赵工", "李工")
    answer = await sent(page, "approve", old.id)
    assert answer.status_code == 409 and "已过时" in answer.text
    assert (await sent(page, "reject", old.id)).status_code == 303
    answer = await sent(page, "reject", old.id)
    assert answer.status_code == 409 and "已有决定" in answer.text
    assert "没有这份提议" in (await sent(page, "approve", 99)).text


async def test_a_rollback_waits_for_another_person_in_production_and_not_on_trial(
    night: Night, page: httpx.AsyncClient, store: RuleStore
) -> None:
    published(store, "王工", "李工")
    published(store, "王工", "李工", why="又改")
    answer = await sent(page, "rollback", 1)
    assert answer.headers["location"].endswith("done=propose")
    (waiting,) = store.ledger().waiting
    assert (waiting.version, waiting.takes_back) == (1, 2)
    async with page_of(night, profile="embedded") as trial:
        assert (await sent(trial, "rollback", 1)).headers["location"].endswith("done=rollback")
    now = store.ledger().in_force
    assert now is not None and now.version == 1
    assert "没有办成" in (await sent(page, "rollback", 1)).text, "it is in force already"


async def test_what_went_stale_is_proposed_again(page: httpx.AsyncClient, store: RuleStore) -> None:
    old = store.propose(version("王工", "改一"))
    published(store, "赵工", "李工")
    assert (await sent(page, "propose", old.version)).status_code == 303
    fresh = store.ledger().waiting[-1]
    assert fresh.by == "李工" and store.version(fresh.version).files == store.version(old.version).files
    assert not store.ledger().is_stale(fresh)


# Who may send


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://page.evil.example"},
        {"origin": "http://page", "sec-fetch-site": "cross-site"},
        {"origin": "http://page:81"},
    ],
)
async def test_a_form_of_another_page_changes_nothing(
    page: httpx.AsyncClient, store: RuleStore, headers: dict[str, str]
) -> None:
    proposal = store.propose(version("王工", "改一"))
    answer = await sent(page, "approve", proposal.id, headers=headers)
    assert answer.status_code == 403 and "什么也没有改变" in answer.text
    assert store.ledger().in_force is None


async def test_nothing_is_changed_by_looking_and_nothing_odd_is_taken(
    page: httpx.AsyncClient, store: RuleStore
) -> None:
    proposal = store.propose(version("王工", "改一"))
    path = f"/rule-versions/approve?number={proposal.id}&by=李工&why=x"
    assert (await page.get(path)).status_code == 405
    assert (await page.post("/rule-versions/drop", data={"number": 1}, headers=OURS)).status_code == 404
    for number in ("", "1e3", "-1", "9" * 40):
        answer = await page.post("/rule-versions/approve", data={"number": number}, headers=OURS)
        assert answer.status_code == 404
    assert (await sent(page, "approve", proposal.id, fields={"why": "x" * 20_000})).status_code == 413
    assert store.ledger().in_force is None


async def test_hostile_words_stay_words(night: Night, page: httpx.AsyncClient, store: RuleStore) -> None:
    evil = with_fields(version("王工", EVIL), title=EVIL, label=EVIL, pack=EVIL)
    store.propose(evil)
    report = {**SHADOW, "candidate": {"pack": EVIL, "version": EVIL}, "changes": [{"rule": EVIL, "change": "added"}]}
    number = store.report("shadow", None, "m", EVIL, int(wall_ms()), report)
    refused = await sent(page, "approve", 1, fields={"by": "王工", "why": EVIL})
    for text in [refused.text] + [
        (await page.get(path)).text
        for path in ("/rule-versions", f"/rule-reports/{number}", f"/rule-versions?done={EVIL}")
    ]:
        assert EVIL not in text


async def test_the_pages_say_where_a_form_comes_from_to_themselves_alone(page: httpx.AsyncClient) -> None:
    assert (await page.get("/rule-versions")).headers["referrer-policy"] == "same-origin"


async def test_versions_carry_little(page: httpx.AsyncClient, store: RuleStore) -> None:
    for i in range(40):
        published(store, "王工", "李工", why=f"第 {i} 次")
        store.report("shadow", None, "m", "王工", int(wall_ms()), SHADOW)
    html = (await page.get("/rule-versions")).text
    assert "第 39 次" in html and "第 9 次" not in html and "更早的 10 次" in html
    async with page.stream("GET", "/rule-versions") as answer:
        body = b"".join([part async for part in answer.aiter_raw()])
    assert len(body) < 8_000


@pytest.mark.servers
async def test_postgresql_tells_the_same(night: Night, postgres_url: str) -> None:
    other, told = night_in(postgres_url), []
    for one in (night, other):
        store = RuleStore(one.database)
        published(store, "王工", "李工")
        for kept in (SHADOW, BACKTEST):
            store.report(kept["kind"], None, "m", "王工", 1_700_000_000_000, kept)
        async with page_of(one) as page:
            told.append(re.sub(r"\d\d:\d\d", "", (await page.get("/rule-versions")).text))
            assert "不同之处" in (await page.get("/rule-reports/1")).text
    other.database.dispose()
    assert told[0] == told[1] and "7 个预警" in told[0]
