"""The wall in a Grafana, over a played scenario. `python -m tests.browser.wall` takes its pictures in docs/images;
`python -m tests.browser.wall FOLDER [BOARD ...]` looks at boards (overview, class-waterlogging …), or all of them, from
top to bottom."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from dashboards.boards.frame import Board
from dashboards.grafana import Grafana
from dashboards.render import as_json
from dashboards.sync import InfluxSource, Sync
from tests.browser.conftest import Browser, chromium_at, look_like
from tests.browser.pictures import IMAGES, screen, small_png
from tests.servers.grafana import RunningGrafana, grafana
from tests.servers.influxdb import influxdb
from tests.wall import Shown, shown

WIDTH, HEIGHT = 1920, 1080
ROW_PX, HEAD_PX = 38, 150
"""Of a row of Grafana's grid, and of what stands above all of them."""
SHOWN = {
    "wall-overview.png": "overview",
    "wall-waterlogging.png": "waterlogging",
    "wall-video.png": "video",
    "wall-tickets.png": "tickets",
}
PANEL = "[data-viz-panel-key]"
BUSY = "[aria-label='Panel loading bar'], [data-testid='data-testid panel content'] [data-testid='Spinner']"
FAILED = "[data-testid='data-testid Panel status error']"
DRAWN_S = 60.0
LOG_IN = """
const [body, done] = arguments, headers = {"Content-Type": "application/json"};
fetch("/login", {method: "POST", headers, body: JSON.stringify(body)}).then((answer) => done(answer.status));
"""
STEADY = """
const [panel, busy, wanted] = arguments, shown = document.querySelectorAll(panel).length;
if (shown < wanted || document.querySelectorAll(busy).length > 0) { window.steady = undefined; return false; }
window.steady = window.steady ?? performance.now();
return performance.now() - window.steady > 1500;
"""
"""Whether all panels have been there for a while, and none waits for an answer: Grafana has no event for it."""


@dataclass(frozen=True)
class Hung:
    """A Grafana with the boards of a played scenario."""

    shown: Shown
    grafana: RunningGrafana

    def log_in(self, browser: Browser) -> None:
        """As one who may see all folders."""
        browser.get(self.grafana.url)
        name, password = self.grafana.login
        assert browser.execute_async_script(LOG_IN, {"user": name, "password": password}) == 200

    def open(self, browser: Browser, board: Board, whole: bool = True) -> None:
        """Show a board at the end of the play until all its panels are drawn; the whole of it, or its first screen."""
        look_like(browser, WIDTH, self.height(board) if whole else HEIGHT)
        end_ms = self.shown.wall.end_ms
        browser.get(f"{self.grafana.url}/d/{board.uid}?kiosk&from={end_ms - 2 * 3_600_000}&to={end_ms}")
        panels = sum(panel["type"] != "row" for panel in as_json(board)["panels"]) if whole else 4
        WebDriverWait(browser, DRAWN_S).until(
            lambda b: b.execute_script(STEADY, PANEL, BUSY, panels), f"{board.uid} was not drawn"
        )

    def height(self, board: Board) -> int:
        bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in as_json(board)["panels"])
        return HEAD_PX + bottom * ROW_PX


@contextmanager
def hung(found: Shown) -> Iterator[Hung]:
    """Raises MissingError."""
    with grafana() as running:
        influx = found.wall.influx.options
        source = InfluxSource(influx.url, influx.token, influx.org, influx.bucket)
        sync = Sync(Grafana(running.url, login=running.login), found.wall.city, found.boards, source)
        sync.apply(sync.plan())
        yield Hung(found, running)


def failures(browser: Browser) -> list[str]:
    """What panels say whose question was not answered, or whose columns Grafana titles by itself."""
    panels = browser.find_elements(By.CSS_SELECTOR, PANEL)
    return [p.text for p in panels if p.find_elements(By.CSS_SELECTOR, FAILED) or "{_" in p.text]


def take(into: Path | None, names: list[str]) -> None:
    """Takes the pictures of the docs; or, in a folder, those of some boards, or of all."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        browser = stack.enter_context(chromium_at(Path(folder) / "profile"))
        server = stack.enter_context(influxdb())
        wall = stack.enter_context(hung(shown(server, Path(folder))))
        wall.log_in(browser)
        if into is None:
            for name, board in SHOWN.items():
                wall.open(browser, wall.shown.board(board), whole=False)
                (IMAGES / name).write_bytes(small_png(screen(browser)))
            return
        into.mkdir(parents=True, exist_ok=True)
        for found in [wall.shown.board(name) for name in names] or wall.shown.boards:
            wall.open(browser, found)
            (into / f"{found.uid}.png").write_bytes(small_png(screen(browser)))


if __name__ == "__main__":
    take(Path(sys.argv[1]) if sys.argv[1:] else None, sys.argv[2:])
