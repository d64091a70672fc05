"""The rules, doubt and advice in a real browser, on a desktop and on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from alerts.console.app import create_app
from alerts.store.rules import RuleStore
from city.clock import wall_ms
from city.levels import Level
from tests.browser.conftest import DESKTOP, PHONE, Browser, Show, look_like
from tests.browser.night import Night, new_night, played, serving, storm_night, then
from tests.browser.rulebook import night_rules
from tests.browser.test_page import cut_off, requests, text, until
from tests.browser.versions import BACKTEST, SHADOW, published, version

pytestmark = pytest.mark.browser

WIDE = (1600, 900)


def test_from_the_board_to_a_rule_by_search_and_on_to_its_incident(
    browser: Browser, show: Show, tmp_path: Path
) -> None:
    look_like(browser, *WIDE)
    browser.get(show(storm_night(tmp_path), None))
    browser.find_element(By.CSS_SELECTOR, ".pages a[href='/rules']").click()
    until(browser, lambda: text(browser, "h1") == "规则")
    box = browser.find_element(By.CSS_SELECTOR, ".find input")
    box.send_keys("rise_10m")
    box.submit()
    until(browser, lambda: len(browser.find_elements(By.CSS_SELECTOR, ".rule")) == 1)
    browser.find_element(By.CSS_SELECTOR, ".rule .title").click()
    until(browser, lambda: text(browser, "h1").endswith("积水深度 depth"))
    follow(browser, "td a[href^='/incidents/']")
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "ol.route"))
    follow(browser, "td a[href='/rules/depth']")
    until(browser, lambda: text(browser, "h1").endswith("积水深度 depth"))


@pytest.mark.parametrize("size", [WIDE, (1280, 720), PHONE])
def test_rule_pages_fit_their_screen_and_cut_nothing_off(
    browser: Browser, show: Show, tmp_path: Path, size: tuple[int, int]
) -> None:
    look_like(browser, *size)
    night = storm_night(tmp_path)
    night.record(night.disabled("street-ponding", 3))
    address = show(night, None)
    for path in ("/rules", "/rules?state=open", "/rules/depth", "/rules/street-ponding"):
        browser.get(address + path)
        assert browser.execute_script("return document.documentElement.scrollWidth") == size[0], path
        assert cut_off(browser, ".rule, .marks li, .facts div, .notice, .top") == [], path


def test_the_first_screen_shows_rules_that_speak_and_their_marks(browser: Browser, show: Show, tmp_path: Path) -> None:
    look_like(browser, *WIDE)
    browser.get(show(storm_night(tmp_path), None) + "/rules")
    speaking = browser.find_element(By.CSS_SELECTOR, ".rule.speaking")
    assert speaking.rect["y"] + speaking.rect["height"] < WIDE[1]
    assert len(browser.find_elements(By.CSS_SELECTOR, ".rule .marks .sign")) == len(night_rules().rules) * 4


def test_what_is_suspected_never_has_the_ground_of_what_is_confirmed(
    browser: Browser, show: Show, tmp_path: Path
) -> None:
    browser.get(show(storm_night(tmp_path), None))
    suspected, confirmed = ground(browser, ".row.l3.unsure .level"), ground(browser, ".row.l3:not(.unsure) .level")
    assert suspected != confirmed and confirmed == "rgb(255, 127, 0)"
    assert text(browser, ".row.l3.unsure .head").startswith("存疑待核实 沙江路低洼段")
    assert fill(browser, "#m-BA-R01-08 .shape") != fill(browser, "#m-BA-R01-04 .shape") == "rgb(255, 127, 0)"


def test_doubt_ends_on_an_open_page_when_a_witness_comes(browser: Browser, show: Show, tmp_path: Path) -> None:
    night = calm(tmp_path)
    gauge = night.in_area("BA-R01-01")[0]
    doubtful = night.hazard(gauge, Level.YELLOW, 9, suspected=True, actions=("封闭道路",))
    night.record(doubtful)
    browser.get(show(night, None))
    until(browser, lambda: text(browser, ".row .doubt") == "存疑待核实")
    assert text(browser, ".level-count.l2 .doubt") == "存疑 1"
    assert "封闭道路" in text(browser, ".row .advice")
    night.record(then(doubtful, Level.YELLOW, 1, suspected=False))
    until(browser, lambda: not browser.find_elements(By.CSS_SELECTOR, ".doubt"))
    assert browser.find_elements(By.CSS_SELECTOR, "#m-BA-R01-01.suspected") == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_versions_fit_their_screen_and_a_report_says_what_differs_first(
    browser: Browser, changeable: str, size: tuple[int, int]
) -> None:
    look_like(browser, *size)
    for path in ("/rule-versions", "/rule-reports/1", "/rule-reports/2"):
        browser.get(changeable + path)
        assert browser.execute_script("return document.documentElement.scrollWidth") == size[0], path
        assert cut_off(browser, ".proposal, .facts div, .history li, .decide button, .top") == [], path
    browser.get(changeable + "/rule-reports/1")
    words = browser.find_element(By.CSS_SELECTOR, ".log tbody td:nth-child(2)")
    assert words.text == "只有在用规则报" and words.rect["x"] + words.rect["width"] < size[0]


def test_what_is_typed_on_a_phone_is_large_enough_to_touch_and_named(browser: Browser, changeable: str) -> None:
    look_like(browser, *PHONE)
    browser.get(changeable + "/rule-versions")
    fields = browser.find_elements(By.CSS_SELECTOR, ".proposal .decide input:not([type=hidden]), .proposal button")
    assert [field.accessible_name for field in fields] == ["姓名", "理由", "批准生效", "驳回"]
    assert all(field.rect["height"] >= 44 for field in fields)


def test_a_second_person_approves_in_a_browser_and_the_first_may_not(browser: Browser, changeable: str) -> None:
    browser.get(changeable + "/rule-versions")
    decide(browser, "王工")
    until(browser, lambda: "提议人不能批准自己的提议" in text(browser, ".notice.bad"))
    assert value(browser, "why") == "看过影子报告"
    browser.find_element(By.CSS_SELECTOR, ".decide input[name=by]").clear()
    decide(browser, "李工", why="")
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, ".notice.good"))
    assert "王工 提议, 李工 批准" in text(browser, ".history .present")
    assert "没有" in text(browser, "#waiting + .none")


def test_rule_pages_ask_nobody_else(browser: Browser, show: Show, tmp_path: Path) -> None:
    address = show(calm(tmp_path), None)
    for path in ("/rules", "/rules/depth"):
        browser.get(address + path)
    assert {url.split("/")[2] for url in requests(browser)} == {address.split("/")[2]}
    assert [entry["message"] for entry in browser.get_log("browser")] == []


@pytest.fixture
def changeable(tmp_path: Path) -> Iterator[str]:
    """A page from which rules may be changed; a proposal of 王工 waits, and there are a shadow run and a backtest."""
    night = storm_night(tmp_path)
    store = RuleStore(night.database)
    published(store, "赵工", "李工")
    store.propose(version("王工", "沙井老墟一带误报多, 黄色门槛提到 18 cm"))
    for report in (SHADOW, BACKTEST):
        store.report(report["kind"], None, "m", "王工", int(wall_ms()), report)
    app = create_app(night.database, night.city, played(), "production", night_rules(), rules_may_change=True)
    with serving(app) as address:
        yield address


def decide(browser: Browser, by: str, why: str = "看过影子报告") -> None:
    """Fill in the form of what waits, and approve."""
    for name, words in (("by", by), ("why", why)):
        browser.find_element(By.CSS_SELECTOR, f".proposal input[name={name}]").send_keys(words)
    browser.find_element(By.CSS_SELECTOR, ".proposal .go").click()


def value(browser: Browser, name: str) -> str | None:
    return browser.find_element(By.CSS_SELECTOR, f".proposal input[name={name}]").get_attribute("value")


def calm(folder: Path) -> Night:
    """A night in which nothing is wrong and everything is seen."""
    night = new_night(folder)
    night.checkpoints(wall_ms())
    return night


def follow(browser: Browser, selector: str) -> None:
    """Go where a link leads, wherever on the page it is."""
    browser.get(browser.find_element(By.CSS_SELECTOR, selector).get_attribute("href"))


def ground(browser: Browser, selector: str) -> str:
    return (
        browser.find_element(By.CSS_SELECTOR, selector)
        .value_of_css_property("background-color")
        .replace("rgba(255, 127, 0, 1)", "rgb(255, 127, 0)")
    )


def fill(browser: Browser, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).value_of_css_property("fill")
