"""The rules, doubt and advice in a real browser, on a desktop and on a phone."""

from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from city.clock import wall_ms
from city.levels import Level
from tests.browser.conftest import PHONE, Browser, Show, look_like
from tests.browser.night import Night, new_night, storm_night, then
from tests.browser.rulebook import night_rules
from tests.browser.test_page import cut_off, requests, text, until

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


def test_rule_pages_ask_nobody_else(browser: Browser, show: Show, tmp_path: Path) -> None:
    address = show(calm(tmp_path), None)
    for path in ("/rules", "/rules/depth"):
        browser.get(address + path)
    assert {url.split("/")[2] for url in requests(browser)} == {address.split("/")[2]}
    assert [entry["message"] for entry in browser.get_log("browser")] == []


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
