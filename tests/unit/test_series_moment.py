"""How the district stands at a moment, as the wall is told."""

from hypothesis import given
from hypothesis import strategies as st

from city.levels import Level
from city.series import Measurement
from city.transitions import Transition
from streams.series.census import Census
from streams.series.lines import Point
from streams.series.moment import changed, ended, points, risk_index
from streams.series.paper import IncidentRecord, Paper, TicketRecord
from streams.series.standing import Standing
from tests.unit.stories import MIDNIGHT_MS, MINUTE_MS, Teller, district

NOW_MS = MIDNIGHT_MS + 60 * MINUTE_MS
RED, YELLOW, BLUE, ORANGE, NONE = Level.RED, Level.YELLOW, Level.BLUE, Level.ORANGE, Level.NONE


class Wall:
    """What is said of the district of the stories after some transitions."""

    def __init__(self, *told: Transition, paper: Paper | None = None) -> None:
        standing = Standing()
        for transition in told:
            standing.take(transition)
        self.points = points(standing, Census(district()), paper or Paper(), NOW_MS)

    def of(self, measurement: Measurement, **tags: str) -> list[Point]:
        found = (point for point in self.points if point.measurement == measurement)
        return [point for point in found if all(point.tags[name] == value for name, value in tags.items())]

    def one(self, measurement: Measurement, **tags: str) -> dict[str, object]:
        (point,) = self.of(measurement, **tags)
        return dict(point.fields)

    @property
    def city(self) -> dict[str, object]:
        return self.one(Measurement.CITY)


def ticket(name: str, level: Level = RED, due_ms: int | None = NOW_MS + MINUTE_MS, **more: object) -> TicketRecord:
    same = {"incident": "i", "state": "reported", "title": "", "unit": "U-water", "admin": ("111", "11", "1")}
    rest = {"suspected": False, "exercise": False, "reported_ms": MIDNIGHT_MS, "closed_ms": None}
    return TicketRecord(id=name, level=level, due_ms=due_ms, **{**same, **rest, **more})


def test_a_quiet_district_says_of_everything_that_it_is_quiet() -> None:
    wall = Wall()
    assert len(wall.of(Measurement.AREA)) == len(district().areas)
    assert len(wall.of(Measurement.PLACE)) == len(district().admin)
    assert {point.fields["level"] for point in wall.of(Measurement.AREA)} == {0}
    assert (wall.city["red"], wall.city["index"], wall.city["blind_areas"]) == (0, 0.0, 0)
    assert wall.of(Measurement.PARENT) == wall.of(Measurement.TICKETS) == []


def test_an_area_is_as_bad_as_its_worst_alert_and_so_are_street_community_and_district() -> None:
    teller = Teller()
    wall = Wall(teller.says("depth", "G1", YELLOW), teller.says("depth", "G2", RED), teller.says("depth", "G9", BLUE))
    assert wall.one(Measurement.AREA, area="A-W")["level"] == RED
    assert wall.one(Measurement.AREA, area="A-W")["alerts"] == 2
    assert [wall.one(Measurement.PLACE, place=code)["level"] for code in ("111", "11", "12", "1")] == [4, 4, 1, 4]
    assert (wall.city["red"], wall.city["yellow"], wall.city["blue"], wall.city["alerts"]) == (1, 0, 1, 3)


def test_what_nothing_confirms_is_suspected_until_something_at_its_level_is_sure() -> None:
    teller = Teller()
    doubted = teller.says("depth", "G1", RED, suspected=True)
    assert Wall(doubted).one(Measurement.AREA, area="A-W")["suspected"] == 1
    assert Wall(doubted, teller.says("depth", "G2", RED)).one(Measurement.AREA, area="A-W")["suspected"] == 0


def test_an_alert_that_ended_stands_no_more() -> None:
    teller = Teller()
    wall = Wall(teller.says("depth", "G1", RED), teller.says("depth", "G1", NONE))
    assert (wall.city["red"], wall.city["alerts"]) == (0, 0)


def test_an_area_none_of_whose_devices_lives_is_blind_and_faults_are_no_danger() -> None:
    teller = Teller()
    two_of_three = Wall(*(teller.says("offline", gauge, BLUE) for gauge in ("G1", "G2")))
    assert two_of_three.one(Measurement.AREA, area="A-W")["blind"] == 0
    teller = Teller()
    wall = Wall(*(teller.says("offline", gauge, BLUE) for gauge in ("G1", "G2", "G3")))
    area = wall.one(Measurement.AREA, area="A-W")
    assert (area["blind"], area["offline"], area["devices"], area["level"]) == (1, 3, 3, 0)
    assert (wall.city["blind_areas"], wall.city["offline"], wall.city["alerts"]) == (1, 3, 0)


def test_while_an_ingest_is_away_every_area_is_blind_and_no_device_is_offline() -> None:
    wall = Wall(Teller().says("blind", "ingest-1", ORANGE))
    assert (wall.city["blind"], wall.city["blind_areas"], wall.city["offline"]) == (1, len(district().areas), 0)


def test_devices_below_a_failed_gateway_are_offline_though_nobody_said_so_of_each() -> None:
    wall = Wall(Teller().says("dark", "GW", ORANGE))
    assert wall.one(Measurement.PARENT, parent="GW")["devices"] == 4
    assert wall.city["offline"] == 4
    (health,) = wall.of(Measurement.HEALTH, type="camera", street="11")
    assert (health.fields["devices"], health.fields["offline"], health.tags["platform"]) == (4, 4, "PF-V")


def test_a_device_that_lives_and_is_not_well_is_faulty_and_not_offline() -> None:
    wall = Wall(Teller().says("offline", "C1", BLUE, cause="frozen"))
    (health,) = wall.of(Measurement.HEALTH, type="camera", street="11")
    assert (health.fields["offline"], health.fields["faulty"]) == (0, 1)


def test_tickets_count_in_all_their_places_by_level_and_by_what_is_due() -> None:
    late, soon = ticket("a", due_ms=NOW_MS - 1), ticket("b", ORANGE, due_ms=NOW_MS + MINUTE_MS)
    fresh, suspended = ticket("c", due_ms=NOW_MS + 600 * MINUTE_MS), ticket("d", BLUE, due_ms=None)
    wall = Wall(paper=Paper((late, soon, fresh, suspended)))
    assert (wall.city["tickets"], wall.city["overdue"], wall.city["due_soon"]) == (4, 1, 1)
    assert (wall.city["tickets_red"], wall.city["tickets_orange"], wall.city["tickets_blue"]) == (2, 1, 1)
    assert wall.one(Measurement.PLACE, place="111")["tickets"] == 4
    assert wall.one(Measurement.PLACE, place="12")["tickets"] == 0
    assert wall.one(Measurement.TICKETS, unit="U-water", level="red")["tickets"] == 2


def test_a_ticket_is_soon_overdue_when_four_fifths_of_its_time_are_gone() -> None:
    due_ms = MIDNIGHT_MS + 100 * MINUTE_MS
    assert not ticket("a", due_ms=due_ms).due_soon(MIDNIGHT_MS + 79 * MINUTE_MS)
    assert ticket("a", due_ms=due_ms).due_soon(MIDNIGHT_MS + 80 * MINUTE_MS)
    assert not ticket("a", due_ms=due_ms).due_soon(MIDNIGHT_MS + 101 * MINUTE_MS)
    assert ticket("a", due_ms=due_ms).overdue(MIDNIGHT_MS + 101 * MINUTE_MS)


def test_open_incidents_count_by_what_they_are() -> None:
    same = {"title": "", "admin": None, "area": None, "alerts": 1, "suspected": False, "exercise": False}
    rest = {"merged": False, "opened_ms": MIDNIGHT_MS, "recovered_ms": None}
    found = [
        IncidentRecord(
            id=str(n), nature="hazard", risk_class="waterlogging", level=level, peak_level=RED, **same, **rest
        )
        for n, level in enumerate((RED, RED, NONE))
    ]
    wall = Wall(paper=Paper(incidents=tuple(found)))
    assert wall.city["incidents"] == 3
    assert wall.one(Measurement.INCIDENTS, **{"class": "waterlogging", "level": "red"})["open"] == 3


def test_nothing_seems_to_last_because_nobody_speaks_of_it_any_more() -> None:
    dark, over = Wall(Teller().says("dark", "GW", ORANGE)), Wall()
    (gone,) = [point for point in ended(dark.points, over.points) if point.measurement == Measurement.PARENT]
    assert (gone.tags["parent"], gone.fields) == ("GW", {"down": 0, "devices": 0, "since_ms": 0})


def test_between_two_marks_only_what_changed_is_said() -> None:
    before, now = Wall(), Wall(Teller().says("depth", "G1", RED))
    said = {(point.measurement, *point.tags.values()) for point in changed(before.points, now.points)}
    areas = {key for key in said if key[0] == Measurement.AREA}
    assert areas == {(Measurement.AREA, "A-W", "waterlogging", "natural", "11")}
    assert (Measurement.PLACE, "121", "社区", "12") not in said
    assert changed(now.points, now.points) == []


LEVELS = st.lists(st.sampled_from(list(Level)), max_size=61)


@given(levels=LEVELS, more=st.sampled_from([BLUE, YELLOW, ORANGE, RED]))
def test_the_risk_index_grows_with_every_area_and_every_level_and_stays_below_a_hundred(
    levels: list[Level], more: Level
) -> None:
    index = risk_index(levels)
    assert 0.0 <= index <= 100.0
    assert risk_index([*levels, more]) > index
    if levels:
        worse = [Level(min(4, level + 1)) for level in levels]
        assert risk_index(worse) >= index


def test_the_risk_index_is_what_the_board_says_that_it_is() -> None:
    assert [round(risk_index([RED] * count)) for count in (0, 1, 5, 10)] == [0, 18, 63, 86]
