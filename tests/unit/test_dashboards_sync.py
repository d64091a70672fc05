"""plan, apply and drift against a Grafana: what is missing is made, what differs is told, and nothing else is touched.
By the double of its API; against a real one too, where there is one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import pytest

from city.city import City
from city.errors import SettingError, Unavailable
from city.series import Buckets
from city.tables import read_city, shipped_pack
from dashboards.boards.frame import Board, Folder
from dashboards.grafana import Grafana
from dashboards.store import Store
from dashboards.sync import Action, InfluxSource, Step, Sync
from dashboards.wall import boards
from tests.grafana_double import TOKEN, Double
from tests.servers.grafana import RunningGrafana

CITY = read_city(shipped_pack("baoan"))
BOARDS = [
    board
    for board in boards(CITY, Store(Buckets.named("qianshao"), 30, 400))
    if board.uid in ("qs-baoan-overview", "qs-baoan-tickets", "qs-baoan-street", "qs-baoan-system")
]
SOURCE = InfluxSource("http://influxdb:8086", "secret", "qianshao", "qianshao")
OVERVIEW = "qs-baoan-overview"
Change = Callable[[dict[str, Any]], object]


class Place(Protocol):
    """A Grafana, and hands in it."""

    def grafana(self) -> Grafana: ...
    def by_hand(self, uid: str, change: Change) -> None: ...
    def make_board(self, content: dict[str, Any]) -> None: ...


@dataclass
class Here:
    double: Double

    def grafana(self) -> Grafana:
        return Grafana("http://grafana", TOKEN, transport=self.double.transport)

    def by_hand(self, uid: str, change: Change) -> None:
        self.double.by_hand(uid, change)

    def make_board(self, content: dict[str, Any]) -> None:
        self.grafana().save_board(content, "", "mine")


@dataclass
class There:
    running: RunningGrafana

    def grafana(self) -> Grafana:
        return Grafana(self.running.url, login=self.running.login)

    def by_hand(self, uid: str, change: Change) -> None:
        with httpx.Client(base_url=self.running.url, auth=self.running.login) as client:
            found = client.get(f"/api/dashboards/uid/{uid}").json()
            change(found["dashboard"])
            body = {"dashboard": found["dashboard"], "folderUid": found["meta"]["folderUid"], "overwrite": True}
            client.post("/api/dashboards/db", json=body).raise_for_status()

    def make_board(self, content: dict[str, Any]) -> None:
        self.grafana().save_board(content, "", "mine")


@pytest.fixture(params=["the double", pytest.param("a real one", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "the double":
        yield Here(Double())
    else:
        yield There(request.getfixturevalue("grafana_server"))


def sync(place: Place, found: list[Board] | None = None, source: InfluxSource = SOURCE, city: City = CITY) -> Sync:
    return Sync(place.grafana(), city, BOARDS if found is None else found, source)


def applied(place: Place) -> list[Step]:
    steps = sync(place).plan()
    sync(place).apply(steps)
    return steps


def brief(steps: list[Step]) -> list[tuple[str, str, str]]:
    return [(step.action.value, step.what, step.uid) for step in steps]


def test_an_empty_grafana_gets_everything_and_then_there_is_nothing_to_do(place: Place) -> None:
    steps = applied(place)
    assert {step.uid for step in steps if step.what == "board"} == {board.uid for board in BOARDS}
    assert {step.uid for step in steps if step.what == "folder"} == {folder.uid(CITY) for folder in Folder}
    assert [step.action for step in steps if step.what == "source"] == [Action.CREATE]
    assert sync(place).plan() == []
    assert applied(place) == []


def test_what_somebody_changes_by_hand_is_told_with_who_and_undone(place: Place) -> None:
    applied(place)
    place.by_hand(OVERVIEW, lambda content: content["panels"][0].update(title="改过的"))
    (step,) = sync(place).plan()
    assert brief([step]) == [("change", "board", OVERVIEW)]
    assert step.details == ("panels[改过的].title: '改过的' -> '红色区域'",)
    assert step.drift is not None and step.drift.by
    applied(place)
    assert sync(place).plan() == []


def test_what_the_code_changes_is_no_drift(place: Place) -> None:
    applied(place)
    newer = [board for board in BOARDS if board.uid != OVERVIEW]
    later = boards(CITY, Store(Buckets.named("qianshao"), 7, 400))
    newer += [board for board in later if board.uid == OVERVIEW]
    (step,) = sync(place, newer).plan()
    assert step.uid == OVERVIEW and step.drift is None and any("d: 7d1h" in line for line in step.details)


def test_a_board_that_the_code_has_no_more_goes_and_one_that_people_made_stays(place: Place) -> None:
    applied(place)
    place.make_board({"uid": "mine", "title": "值班员自己的", "tags": ["qianshao"], "panels": []})
    fewer = [board for board in BOARDS if board.uid != "qs-baoan-street"]
    steps = sync(place, fewer).plan()
    assert brief(steps) == [("delete", "board", "qs-baoan-street")]
    sync(place, fewer).apply(steps)
    assert place.grafana().board("qs-baoan-street") is None
    assert place.grafana().board("mine") is not None


def test_duty_staff_may_look_into_all_folders_but_the_system_and_change_none(place: Place) -> None:
    applied(place)

    def may(folder: Folder) -> dict[str, int]:
        found = place.grafana().rights(folder.uid(CITY))
        return {right["role"]: right["permission"] for right in found if right.get("role") in ("Viewer", "Editor")}

    assert may(Folder.WATCH) == {"Viewer": 1, "Editor": 1}
    assert may(Folder.SYSTEM) == {"Editor": 1}
    place.grafana().save_rights(Folder.SYSTEM.uid(CITY), [{"role": "Viewer", "permission": 2}])
    assert brief(sync(place).plan()) == [("change", "rights", Folder.SYSTEM.uid(CITY))]


def test_a_data_source_that_points_elsewhere_is_mended(place: Place) -> None:
    applied(place)
    moved = InfluxSource("http://elsewhere:8086", "secret", "qianshao", "qianshao")
    (step,) = sync(place, source=moved).plan()
    assert step.details == ("url: 'http://influxdb:8086' -> 'http://elsewhere:8086'",)
    sync(place, source=moved).apply([step])
    assert sync(place, source=moved).plan() == []


def test_a_board_that_comes_from_a_file_is_not_written_by_two_hands() -> None:
    place = Here(Double())
    applied(place)
    place.double.provisioned.add(OVERVIEW)
    place.by_hand(OVERVIEW, lambda _: None)
    with pytest.raises(SettingError, match=r"1 boards come from files there, e\.g\. qs-baoan-overview"):
        sync(place).plan()


def test_who_may_not_or_gets_no_answer_is_told_so() -> None:
    double = Double()
    with pytest.raises(SettingError, match=r"check grafana\.token"):
        Grafana("http://grafana", "wrong", transport=double.transport).board(OVERVIEW)
    double.away = True
    with pytest.raises(Unavailable, match="Grafana at http://grafana does not answer"):
        Grafana("http://grafana", TOKEN, transport=double.transport).version()
