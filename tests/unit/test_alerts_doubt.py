"""存疑 and 处置建议: alerts that nobody has confirmed, and what is to be done, on the way to a ticket."""

import pytest

from alerts.tickets import TicketState
from city.levels import Level
from tests.unit.stories import Night, clock_of

ORANGE, YELLOW, NONE = Level.ORANGE, Level.YELLOW, Level.NONE


@pytest.fixture
def night() -> Night:
    return Night()


def test_a_suspected_alert_has_its_ticket_at_once_with_the_deadlines_of_its_level(night: Night) -> None:
    night.at("06:00").suspects("G1", "yellow")
    ticket = night.ticket(night.only)
    assert (night.only.suspected, ticket.suspected, ticket.state) == (True, True, TicketState.REPORTED)
    assert (clock_of(ticket.deadlines.accept_ms), clock_of(ticket.deadlines.arrive_ms)) == ("06:15", "07:00")


def test_its_ticket_says_so_and_asks_the_grid_officer_to_verify(night: Night) -> None:
    night.suspects("G1", "yellow")
    ticket = night.ticket(night.only)
    assert ticket.title == "【存疑】低洼: 积水深度"
    assert ticket.reason == "存疑, 请网格员到场核实: G1 积水深度 20 cm, 持续 60 秒"


def test_a_witness_that_comes_later_is_told_and_the_ticket_asks_no_more(night: Night) -> None:
    night.at("06:00").suspects("G1", "yellow")
    night.at("06:04").says("depth", "G1", "yellow")
    ticket = night.ticket(night.only)
    assert (night.only.suspected, ticket.suspected, ticket.title) == (False, False, "低洼: 积水深度")
    assert ticket.reason == "已印证: G1 积水深度 20 cm, 持续 60 秒"
    assert night.told == ["incident.opened", "incident.confirmed"]
    assert [(clock_of(s.at_ms), s.action, s.state_to) for s in night.book.steps] == [
        ("06:00", "report", TicketState.REPORTED),
        ("06:04", "confirm", TicketState.REPORTED),
    ]
    assert len(night.book.confirming) == 1


def test_a_level_that_rises_with_its_witness_is_told_as_both(night: Night) -> None:
    night.at("06:00").suspects("G1", "yellow")
    night.at("06:04").depth("G1", level="red")
    assert night.told == ["incident.opened", "incident.raised", "incident.confirmed"]
    assert [(s.action, s.reason[:2]) for s in night.book.steps][1:] == [("raise", "G1"), ("confirm", "G1")]
    assert night.ticket(night.only).suspected is False


def test_an_incident_is_suspected_only_while_all_alerts_at_its_level_are(night: Night) -> None:
    night.at("06:00").depth("G1", level="blue")
    night.suspects("G2", "yellow")
    assert (night.only.level, night.only.suspected) == (YELLOW, True)  # the blue one confirms no yellow
    night.depth("G3", level="yellow")
    assert (night.only.level, night.only.suspected) == (YELLOW, False)
    night.depth("G3", level="none")
    assert (night.only.level, night.only.suspected) == (YELLOW, True)
    night.says("depth", "G2", "none", suspected=True)
    assert (night.only.level, night.only.suspected) == (Level.BLUE, False)


def test_a_suspected_alert_takes_no_certainty_from_a_confirmed_one(night: Night) -> None:
    night.depth("G1", level="yellow")
    night.suspects("G2", "yellow")
    assert (night.only.suspected, night.ticket(night.only).suspected) == (False, False)
    assert night.ticket(night.only).title == "低洼: 积水深度"


def test_a_suspected_rise_of_a_confirmed_incident_sharpens_deadlines_and_asks_to_verify(night: Night) -> None:
    night.at("06:00").depth("G1", level="blue")
    night.at("06:05").suspects("G2", "orange")
    ticket = night.ticket(night.only)
    assert (ticket.level, ticket.suspected, clock_of(ticket.deadlines.accept_ms)) == (ORANGE, True, "06:10")


def test_an_incident_that_was_closed_as_unfounded_is_opened_anew_when_a_witness_comes(night: Night) -> None:
    night.at("06:00").suspects("G1", "yellow")
    night.at("06:30").closes(night.only)
    night.at("06:40").depth("G1", level="yellow")
    closed, opened = night.incidents
    assert (closed.level, opened.level, opened.suspected, opened.version) == (NONE, YELLOW, False, 2)
    assert night.ticket(opened).suspected is False


def test_a_closed_ticket_is_not_reworded_by_what_comes_after(night: Night) -> None:
    night.at("06:00").suspects("G1", "orange", actions=("封闭道路",))
    ticket = night.ticket(night.only)
    night.at("06:30").closes(night.only)
    night.at("06:40").says("depth", "G1", "yellow", suspected=True, actions=("设置警示",))
    assert (ticket.suspected, ticket.actions, ticket.state) == (True, ("封闭道路",), TicketState.CLOSED)


# What is to be done


def test_what_is_to_be_done_is_what_all_alerts_ask_for_at_their_present_levels(night: Night) -> None:
    night.at("06:00").says("depth", "G1", "red", actions=("设置警示", "封闭道路"))
    night.says("depth", "G2", "yellow", actions=("设置警示", "启动泵站"))
    assert list(night.only.advised) == ["设置警示", "封闭道路", "启动泵站"]
    assert night.ticket(night.only).actions == ("设置警示", "封闭道路", "启动泵站")
    night.at("07:00").says("depth", "G1", "yellow", actions=("设置警示",))
    assert list(night.only.advised) == ["设置警示", "启动泵站"]
    night.depth("G1", "G2", level="none")
    assert night.only.advised == {}


def test_what_is_no_longer_asked_for_stays_on_the_ticket_since_a_person_opens_the_road_again(night: Night) -> None:
    night.at("06:00").says("depth", "G1", "red", actions=("封闭道路",))
    night.at("07:00").depth("G1", level="none")
    ticket = night.ticket(night.only)
    assert (night.only.advised, ticket.actions, ticket.state) == ({}, ("封闭道路",), TicketState.REPORTED)


def test_an_action_of_a_lower_level_reaches_a_ticket_that_is_there(night: Night) -> None:
    night.at("06:00").depth("G1", level="red")
    night.says("depth", "G2", "blue", actions=("巡查雨水口",))
    assert night.ticket(night.only).actions == ("巡查雨水口",)
