"""Alerts about places, about rules, and about one cause in several classes: whose incident, whose task."""

import pytest
from msgspec.structs import replace

from alerts.tickets import TicketState
from city.levels import Level
from city.transitions import Nature
from tests.unit.stories import Night, clock_of, district

RED, ORANGE, YELLOW, NONE = Level.RED, Level.ORANGE, Level.YELLOW, Level.NONE


@pytest.fixture
def night() -> Night:
    return Night()


@pytest.mark.parametrize(
    ("rule", "place", "title", "grid", "unit"),
    [
        ("site-depth", "S-W", "低洼 点位: 积水", "1111", "U-11-water"),
        ("area-depth", "A-W", "低洼: 积水", "1111", "U-11-water"),
        ("street-depth", "12", "街道二: 积水", None, "U-water"),
        ("street-depth", "11", "街道: 积水", None, "U-11-water"),
        ("zone-depth", "Z", "片区: 积水", None, "U-11-water"),
    ],
)
def test_a_place_that_is_judged_has_an_incident_of_its_own_and_someone_who_answers_for_it(
    night: Night, rule: str, place: str, title: str, grid: str | None, unit: str
) -> None:
    night.says(rule, place, "orange")
    ticket = night.ticket(night.only)
    assert (night.only.subject, ticket.title) == (place, title)
    assert (ticket.route.grid, ticket.route.unit) == (grid, unit)
    assert ticket.reason == f"{title.partition(':')[0]} 积水 30 cm, 持续 60 秒"


def test_a_place_the_registry_no_longer_knows_still_ends_at_someone(night: Night) -> None:
    night.says("zone-depth", "Z-gone", "red", admin="99")
    assert night.ticket(night.only).route.unit == "U-water"
    assert night.ticket(night.only).title == "Z-gone: 积水"


def test_gauges_and_the_area_they_stand_in_are_one_incident_of_one_cause(night: Night) -> None:
    night.at("06:00").depth("G1", level="yellow")
    night.at("06:05").says("area-depth", "A-W", "orange")
    assert (night.only.alerts, night.only.level, len(night.tickets)) == (2, ORANGE, 1)


def test_a_street_that_is_judged_zone_by_zone_is_one_street(night: Night) -> None:
    night.at("06:00").says("street-depth", "11/Z", "yellow")
    night.at("06:05").says("street-depth", "11/Z2", "orange")
    assert (night.only.subject, night.only.alerts, night.only.level) == ("11", 2, ORANGE)
    assert night.subjects_of(night.only) == ["11/Z", "11/Z2"]
    assert night.book.steps[0].reason == "街道 (片区) 积水 20 cm, 持续 60 秒"


# One cause, several classes


def test_a_burst_main_seen_by_pressure_and_by_water_on_the_road_is_one_incident_and_one_ticket(night: Night) -> None:
    night.at("06:00").says("gushing", "G1", "yellow")
    night.at("06:03").says("pressure", "P1", "orange")
    night.at("06:10").says("gushing", "G1", "blue")
    assert night.only.key == "hazard||Z|burst-main"
    assert (night.only.level, night.only.active) == (ORANGE, [0, 1, 0, 1, 0])
    assert len(night.tickets) == 1
    assert night.told == ["incident.opened", "incident.raised"]


def test_its_class_place_and_words_are_those_of_its_worst_alert(night: Night) -> None:
    night.at("06:00").says("gushing", "G1", "yellow")
    assert (night.only.risk_class, night.only.area, night.only.title) == ("waterlogging", "A-W", "路面冒水")
    night.at("06:03").says("pressure", "P1", "orange")
    assert (night.only.risk_class, night.only.area, night.only.site) == ("pipe", "A-P", "S-P")
    assert night.ticket(night.only).title == "片区: 管压骤降"
    night.at("07:00").says("pressure", "P1", "none")
    assert night.only.risk_class == "pipe", "people know it by what it was at its worst"


def test_a_ticket_nobody_has_taken_up_goes_to_whom_the_worst_class_answers_to(night: Night) -> None:
    night.at("06:00").says("gushing", "G1", "yellow")
    ticket = night.ticket(night.only)
    assert (ticket.route.unit, ticket.category) == ("U-11-water", "积水")
    night.at("06:03").says("pressure", "P1", "orange")
    assert (ticket.route.unit, ticket.category, clock_of(ticket.reported_ms)) == ("U-11-pipe", "市政设施", "06:00")


def test_a_ticket_that_somebody_works_on_stays_with_them(night: Night) -> None:
    night.at("06:00").says("gushing", "G1", "yellow")
    ticket = night.ticket(night.only)
    ticket.state = TicketState.DISPATCHED
    night.at("06:03").says("pressure", "P1", "orange")
    assert (ticket.route.unit, ticket.level) == ("U-11-water", ORANGE)


def test_it_does_not_matter_which_class_is_heard_of_first(night: Night) -> None:
    other = Night()
    told = [night.teller.says("pressure", "P1", ORANGE), night.teller.says("gushing", "G1", YELLOW)]
    for transition in told:
        night.desk.take(transition)
    for transition in reversed(told):
        other.desk.take(transition)
    for name in ("id", "level", "risk_class", "area", "active", "title"):
        assert getattr(night.only, name) == getattr(other.only, name), name
    assert night.ticket(night.only).route == other.ticket(other.only).route


def test_ponding_elsewhere_in_the_zone_is_no_part_of_the_burst_main(night: Night) -> None:
    night.says("pressure", "P1", "orange")
    night.depth("G1", level="yellow")
    assert [incident.cause for incident in night.incidents] == ["burst-main", "ponding"]


def test_faults_of_devices_of_two_classes_in_one_street_are_two_tasks(night: Night) -> None:
    for device in ("G1", "P1"):
        fault = night.teller.says("offline", device, YELLOW)
        night.desk.take(replace(fault, group="street", group_key="11"))
    assert [incident.risk_class for incident in night.incidents] == ["waterlogging", "pipe"]


def test_a_fault_of_a_device_is_never_drawn_into_a_hazard_of_its_street(night: Night) -> None:
    night.says("street-depth", "11", "orange")
    night.desk.take(replace(night.teller.says("offline", "G1", YELLOW), group="street", group_key="11"))
    assert [incident.nature for incident in night.incidents] == [Nature.HAZARD, Nature.DEVICE]


# A rule that failed


def test_a_disabled_rule_is_a_task_of_those_who_run_the_system(night: Night) -> None:
    night.at("03:00").says("disabled", "depth", "yellow")
    ticket = night.ticket(night.only)
    assert (night.only.nature, night.only.subject, night.only.risk_class) == (Nature.RULE, "depth", None)
    assert (ticket.route.unit, ticket.route.grid, ticket.category) == ("U-duty", None, "系统运维")
    assert ticket.title == "规则 depth: 规则停用"
    assert ticket.reason == "规则 depth 运行时出错过多, 已停用: 它管的险情现在无人判定"
    assert clock_of(ticket.deadlines.accept_ms) == "03:15"


def test_two_disabled_rules_are_two_tasks_and_a_shard_more_is_the_same(night: Night) -> None:
    night.says("disabled", "depth", "yellow")
    night.says("disabled", "queue", "yellow")
    elsewhere = replace(night.teller.says("disabled", "depth", YELLOW), alert="of-another-shard")
    night.desk.take(elsewhere)
    assert [(i.subject, i.alerts) for i in night.incidents] == [("depth", 2), ("queue", 1)]


def test_a_site_named_like_a_device_is_not_taken_for_it(night: Night) -> None:
    """What a device hangs on collects hazards; a place hangs on nothing."""
    city = district()
    night.says("latency", "L1", "orange")
    assert "L1" in city.devices
    transition = night.teller.says("site-depth", "S-W", YELLOW)
    night.desk.take(replace(transition, subject="L1", group_key="L1", risk_class="checkpoint"))
    assert [incident.subject for incident in night.incidents] == ["PF11", "L1"]
