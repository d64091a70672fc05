"""The page in a real browser: what duty staff see, on a desktop and on a phone."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from alerts.console.app import create_app
from city.clock import wall_ms
from city.levels import Level
from tests.browser.conftest import DESKTOP, PHONE, Browser, Show, look_like
from tests.browser.night import Night, new_night, over, played, serving, storm_night
from tests.servers.places import free_port
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.browser

GONE = (NoSuchElementException, StaleElementReferenceException)
"""What was found is of a page that another has taken the place of: look again."""


def test_an_incident_appears_without_a_reload_on_the_list_the_map_and_in_the_numbers(
    browser: Browser, show: Show, tmp_path: Path
) -> None:
    night = calm(tmp_path)
    browser.get(show(night, None))
    browser.execute_script("window.unreloaded = true")
    assert text(browser, "#hazards .none") == "没有未结的风险事件"

    night.flood("BA-R01-01", Level.RED, 1, 46.5)

    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#hazards .row.l4"))
    assert "创业路低洼路段 积水深度" in text(browser, "#hazards .row.l4 .head")
    assert text(browser, ".level-count.l4 b") == "1"
    assert "红色" in browser.find_element(By.ID, "m-BA-R01-01").get_attribute("aria-label")
    assert browser.execute_script("return window.unreloaded") is True


def test_an_update_leaves_focus_scrolling_and_opened_details_alone(
    browser: Browser, show: Show, tmp_path: Path
) -> None:
    night = storm_night(tmp_path)
    browser.get(show(night, None))
    browser.execute_script(
        "document.querySelector('#faults details').open = true;"
        "document.querySelector('#faults .scroll').scrollTop = 300;"
        "document.querySelector('#hazards .row a').focus()"
    )
    focused = browser.execute_script("return document.activeElement.href")

    night.flood("BA-R05-03", Level.RED, 0.5)

    until(browser, lambda: text(browser, ".level-count.l4 b") == "4")
    assert browser.execute_script("return document.activeElement.href") == focused
    assert browser.execute_script("return document.querySelector('#faults details').open")
    assert browser.execute_script("return document.querySelector('#faults .scroll').scrollTop") == 300


def test_a_phone_shows_a_red_incident_on_its_first_screen_and_never_scrolls_sideways(
    browser: Browser, show: Show, tmp_path: Path
) -> None:
    look_like(browser, *PHONE)
    address = show(storm_night(tmp_path), None)
    browser.get(address)
    red = browser.find_element(By.CSS_SELECTOR, "#hazards .row.l4")
    bar = browser.find_element(By.CSS_SELECTOR, ".jump")
    assert red.rect["y"] + red.rect["height"] <= bar.rect["y"]
    href = red.find_element(By.TAG_NAME, "a").get_attribute("href")
    for page in (address, href, f"{address}/dead-letters", f"{address}/areas/BA-R01-01"):
        browser.get(page)
        assert browser.execute_script("return document.documentElement.scrollWidth") == PHONE[0], page


@pytest.mark.parametrize("size", [DESKTOP, (1280, 720), (1920, 1080)])
def test_a_large_screen_shows_everything_at_once_and_no_text_on_the_map_covers_another(
    browser: Browser, show: Show, tmp_path: Path, size: tuple[int, int]
) -> None:
    look_like(browser, *size)
    browser.get(show(storm_night(tmp_path), None))
    panels = browser.find_elements(By.CSS_SELECTOR, ".panel, #hazards .alarm, #readout, #hazards .row.l4")
    assert len(panels) == 9
    for panel in panels:
        assert panel.rect["y"] >= 0 and panel.rect["y"] + panel.rect["height"] <= size[1], panel.get_attribute("id")
    assert overlaps(browser, ".mark text, .street-name .name") == []
    assert cut_off(browser, ".count, .panel > h2, .top") == []


def test_a_page_that_hears_nothing_says_so_loudly_and_recovers_by_itself(browser: Browser, tmp_path: Path) -> None:
    night, port = calm(tmp_path), free_port()  # one that nobody else is given in the meantime
    with serving(create_app(night.database, night.city, played(), "embedded"), port) as address:
        browser.get(address)
        until(browser, lambda: text(browser, "#link").startswith("数据更新于"))
    until(browser, lambda: "与服务器失去联系" in text(browser, "#link"))
    assert "lost" in browser.find_element(By.ID, "link").get_attribute("class")
    night.flood("BA-R01-01", Level.RED, 1)
    with serving(create_app(night.database, night.city, played(), "embedded"), port):
        until(browser, lambda: text(browser, "#link").startswith("数据更新于"))
        until(browser, lambda: text(browser, ".level-count.l4 b") == "1")


@dataclass
class EndingPlay:
    """A play of today that is over when it is told to be."""

    speed: float
    over: bool = False

    def now_ms(self) -> int:
        return int(wall_ms())


@pytest.mark.parametrize(("speed", "badge"), [(20.0, "演示已结束"), (1.0, None)], ids=["fast", "as-if-real"])
def test_an_open_page_says_when_its_play_is_over_and_goes_on(
    browser: Browser, show: Show, tmp_path: Path, speed: float, badge: str | None
) -> None:
    night, play = calm(tmp_path), EndingPlay(speed)
    browser.get(show(night, play))
    until(browser, lambda: text(browser, "#link").startswith("数据更新于"))
    assert [found.text for found in browser.find_elements(By.ID, "played")] == ["演示 ×20倍速"] * (badge is not None)
    play.over = True
    if badge is not None:
        until(browser, lambda: text(browser, "#played") == badge)
    night.flood("BA-R01-01", Level.RED, 1)
    until(browser, lambda: text(browser, ".level-count.l4 b") == "1")


def test_without_a_script_the_page_is_complete(browser: Browser, show: Show, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(show(storm_night(tmp_path), None))
        assert len(browser.find_elements(By.CSS_SELECTOR, "#hazards .row")) == 12
        assert len(browser.find_elements(By.CSS_SELECTOR, "#map .plan > svg a.mark")) == 61
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_mark_tells_what_it_is_and_opens_the_incidents_of_its_area(
    browser: Browser, show: Show, tmp_path: Path
) -> None:
    browser.get(show(storm_night(tmp_path), None))
    browser.execute_script("document.getElementById('m-BA-R01-01').focus()")
    until(browser, lambda: text(browser, "#readout b") == "创业路低洼路段")
    assert "积水内涝点 · 红色 02:41起" in text(browser, "#readout")
    browser.find_element(By.CSS_SELECTOR, "#m-BA-R01-01 text").click()
    until(browser, lambda: text(browser, "h1") == "创业路低洼路段")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".row.l4")) == 1


def test_recovered_incidents_stay_below_the_active_ones(browser: Browser, show: Show, tmp_path: Path) -> None:
    night = calm(tmp_path)
    ebbing = night.hazard(night.in_area("BA-R01-01")[0], Level.RED, 30)
    night.record(ebbing)
    night.flood("BA-R01-02", Level.BLUE, 5)
    browser.get(show(night, None))
    night.record(over(ebbing, 0))
    until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#hazards .row.recovered"))
    rows = [row.get_attribute("class") for row in browser.find_elements(By.CSS_SELECTOR, "#hazards .row")]
    assert rows[0].startswith("row l1") and "recovered" in rows[1]
    assert "已恢复待核查" in text(browser, "#hazards .row.recovered")


def test_nothing_on_any_page_asks_the_internet_and_no_policy_is_broken(
    browser: Browser, show: Show, tmp_path: Path
) -> None:
    night = storm_night(tmp_path)
    night.refuse("topic", topic="<img src=https://example.org/x.png>", payload=b"<script src=//example.org/y.js>")
    address = show(night, None)
    for path in ("/", "/dead-letters", "/areas/BA-R01-01", "/incidents/none"):
        browser.get(address + path)
    asked = {urlsplit(url).netloc for url in requests(browser)}
    assert asked == {urlsplit(address).netloc}
    complaints = [entry["message"] for entry in browser.get_log("browser") if "404" not in entry["message"]]
    assert complaints == []


def calm(folder: Path) -> Night:
    """A night in which nothing is wrong and everything is seen."""
    night = new_night(folder)
    night.checkpoints(wall_ms())
    return night


def text(browser: Browser, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text.replace("\n", " ")


def until(browser: Browser, condition: object) -> None:
    WebDriverWait(browser, PATIENCE_S, ignored_exceptions=GONE).until(lambda _: condition())  # type: ignore[operator]


def overlaps(browser: Browser, selector: str) -> list[list[str]]:
    """Pairs of texts on the map whose boxes have more than a few pixels in common."""
    return browser.execute_script(
        """const boxes = [...document.querySelectorAll(arguments[0])]
             .map((element) => [element.getBoundingClientRect(), element.textContent]);
           const common = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3
             && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
           const after = (i, a) => boxes.slice(i + 1).filter(([b]) => common(a, b));
           return boxes.flatMap(([a, one], i) => after(i, a).map(([, other]) => [one, other]));""",
        selector,
    )


def cut_off(browser: Browser, selector: str) -> list[str]:
    """Texts that are wider than the boxes they stand in."""
    return browser.execute_script(
        """return [...document.querySelectorAll(arguments[0])]
             .filter((element) => element.scrollWidth > element.clientWidth + 1)
             .map((element) => element.textContent.trim());""",
        selector,
    )


def requests(browser: Browser) -> list[str]:
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if not url.startswith(("data:", "about:", "chrome:"))]
