"""The wall in a real Grafana and a real browser: every board draws all that it has."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.browser.conftest import Browser
from tests.browser.test_page import text, until
from tests.browser.wall import Hung, failures, hung
from tests.servers.grafana import GRAFANA
from tests.servers.influxdb import Influx
from tests.servers.missing import MissingError
from tests.servers.report import skip_optional
from tests.wall import shown

pytestmark = [pytest.mark.servers, pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Hung]:
    with ExitStack() as stack:
        try:
            GRAFANA.find()
        except MissingError as error:
            skip_optional(error)
        server: Influx = request.getfixturevalue("influxdb_server")
        yield stack.enter_context(hung(shown(server, tmp_path_factory.mktemp("wall"))))


def test_every_board_draws_all_its_panels(wall: Hung, browser: Browser) -> None:
    wall.log_in(browser)
    failed = {}
    for board in wall.shown.boards:
        wall.open(browser, board)
        failed[board.uid] = failures(browser)
    assert len(failed) > 20
    assert {uid: panels for uid, panels in failed.items() if panels} == {}


def test_who_only_looks_does_not_see_the_boards_of_operations(wall: Hung, browser: Browser) -> None:
    browser.get(wall.grafana.url)
    browser.delete_all_cookies()
    wall.open(browser, wall.shown.board("overview"), whole=False)
    browser.get(f"{wall.grafana.url}/d/{wall.shown.board('system').uid}")
    until(browser, lambda: "dashboards:read" in text(browser, "body"))
