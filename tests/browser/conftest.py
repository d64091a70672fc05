"""A browser, and the page of a night in it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from alerts.console.app import create_app
from city.clock import Timekeeper
from tests.browser.night import Night, played, serving
from tests.browser.rulebook import night_rules
from tests.servers.browser import CHROMIUM
from tests.servers.missing import MissingError
from tests.servers.report import skip

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--disable-lcd-text",
    ),
)
DESKTOP, PHONE = (1440, 900), (390, 844)

Browser = webdriver.Chrome
Show = Callable[[Night, Timekeeper | None], str]


@contextmanager
def chromium_at(profile: Path) -> Iterator[Browser]:
    """Chromium with a profile in a new folder. Raises MissingError."""
    program = CHROMIUM.find().program
    options = webdriver.ChromeOptions()
    options.binary_location = str(program)
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium for all tests of the run, with a profile that nobody has used."""
    with ExitStack() as stack:
        try:
            driver = stack.enter_context(chromium_at(tmp_path_factory.mktemp("profile")))
        except MissingError as error:
            skip(error)
        yield driver


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """Chromium with the screen of a desktop, and nothing in its logs."""
    look_like(chromium, *DESKTOP)
    chromium.get("about:blank")
    for log in ("browser", "performance"):
        chromium.get_log(log)
    return chromium


@pytest.fixture
def show() -> Iterator[Show]:
    """Serves the page of a night until the test ends. Returns its address."""
    with ExitStack() as stack:

        def served(night: Night, clock: Timekeeper | None = None) -> str:
            app = create_app(night.database, night.city, clock or played(), "embedded", night_rules())
            return stack.enter_context(serving(app))

        yield served


def look_like(browser: Browser, width: int, height: int, scale: int = 1) -> None:
    """Give the browser a screen of so many CSS pixels, and eyes for the dark."""
    screen = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
