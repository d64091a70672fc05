"""Nights at the desk: from alerts to incidents and tickets, as the duty staff live through them."""

import pytest

from alerts.deadlines import MINUTE_MS
from alerts.incidents import ticket_id
from alerts.tickets import TicketState
from city.levels import Level
from city.transitions import Nature
from tests.cities import cameras, gateway, small_city
from tests.unit.packs import CAMERA_OFF, GATEWAY_DARK, pack
from tests.unit.stories import Night, clock_of, district
from tests.unit.wards import Ward

RED, ORANGE, YELLOW, BLUE, NONE = Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE, Level.NONE


@pytest.fixture
def night() -> Night:
    return Night()


def test_three_gauges_on_one_road_are_one_incident_and_one_ticket(night: Night) -> None:
    night.at("06:00").depth("G1", level="blue")
    night.at("06:02").depth("G2", level="yellow")
    night.at("06:05").depth("G3", level="blue")

    assert (night.only.level, night.only.peak_level, night.only.alerts) == (YELLOW, YELLOW, 3)
    assert night.only.active == [0, 2, 1, 0, 0]
    assert len(night.tickets) == 1
    assert night.told == ["incident.opened", "incident.raised"]


def test_an_incident_is_as_bad_as_the_worst_of_its_alerts(night: Night) -> None:
    night.at("06:00").depth("G1", "G2", level="orange")
    night.at("06:20").depth("G1", level="red")
    night.at("06:40").depth("G1", level="none")
    assert (night.only.level, night.only.peak_level) == (ORANGE, RED)
    night.at("07:00").depth("G2", level="none")
    assert (night.only.level, night.only.peak_level) == (NONE, RED)


def test_another_road_another_cause_and_another_class_are_incidents_of_their_own(night: Night) -> None:
    night.at("06:00").depth("G1", "G9", level="yellow")
    night.says("queue", "L1", "yellow")
    night.offline("G2")
    places = [(incident.area, incident.cause) for incident in night.incidents]
    assert places == [("A-W", "ponding"), ("A-W2", "ponding"), ("A-K", "queue"), ("A-W", "offline")]
    assert len(night.tickets) == 4


def test_a_level_that_rises_sharpens_deadlines_and_never_lengthens_one(night: Night) -> None:
    night.at("06:00").depth("G1", level="yellow")
    ticket = night.ticket(night.only)
    assert (clock_of(ticket.deadlines.accept_ms), clock_of(ticket.deadlines.dispose_ms)) == ("06:15", "06:00+1")

    night.at("06:05").depth("G2", level="orange")
    assert (ticket.level, clock_of(ticket.deadlines.accept_ms)) == (ORANGE, "06:10")
    assert (clock_of(ticket.deadlines.dispose_ms), clock_of(ticket.deadlines.verify_ms)) == ("10:05", "12:05")

    night.at("09:00").depth("G2", level="red")  # two hours from now would be later than what was promised
    assert ticket.level == RED
    assert (clock_of(ticket.deadlines.accept_ms), clock_of(ticket.deadlines.dispose_ms)) == ("06:10", "10:05")
    assert clock_of(ticket.deadlines.verify_ms) == "12:00"


def test_a_level_that_falls_changes_nothing_about_the_ticket(night: Night) -> None:
    night.at("06:00").depth("G1", level="red")
    ticket = night.ticket(night.only)
    promised = clock_of(ticket.deadlines.dispose_ms)
    night.at("06:30").depth("G1", level="yellow")
    night.at("06:40").depth("G1", level="orange")
    assert (ticket.level, clock_of(ticket.deadlines.dispose_ms)) == (RED, promised)
    assert [step.action for step in night.book.steps] == ["report"]


def test_recovery_is_told_and_does_not_close_the_ticket(night: Night) -> None:
    night.at("06:00").depth("G1", level="orange")
    night.at("07:00").depth("G1", level="none")
    assert night.told == ["incident.opened", "incident.recovered"]
    assert (night.only.level, night.only.open) == (NONE, True)
    assert night.only.recovered_ms == night.book.alerts[next(iter(night.book.alerts))].last.log_ms
    assert night.ticket(night.only).state is TicketState.REPORTED


def test_water_that_comes_back_while_the_ticket_is_open_is_the_same_incident(night: Night) -> None:
    night.at("06:00").depth("G1", level="orange")
    night.at("07:00").depth("G1", level="none")
    night.at("08:00").depth("G1", level="yellow")
    assert (night.only.level, night.only.peak_level, night.only.recovered_ms) == (YELLOW, ORANGE, None)
    assert night.only.alerts == 2
    assert len(night.tickets) == 1
    assert night.told == ["incident.opened", "incident.recovered", "incident.raised"]


def test_water_that_comes_back_after_the_ticket_was_closed_is_a_new_incident(night: Night) -> None:
    night.at("06:00").depth("G1", level="orange")
    night.at("07:00").depth("G1", level="none")
    night.at("07:30").closes(night.only)
    night.at("08:00").depth("G1", level="yellow")

    first, second = night.incidents
    assert (first.open, first.version, first.level) == (False, 1, NONE)
    assert (second.open, second.version, second.level) == (True, 2, YELLOW)
    assert first.id != second.id
    assert [ticket.id for ticket in night.tickets] == [ticket_id(first.id), ticket_id(second.id)]


def test_an_incident_closed_while_the_water_stood_hears_of_its_end_and_opens_nothing(night: Night) -> None:
    """keephq/keep#3418: an alert that only resolves must not open an incident."""
    night.at("06:00").depth("G1", level="orange")
    night.at("06:30").closes(night.only)
    night.at("07:00").depth("G1", level="yellow")
    night.at("07:10").depth("G1", level="none")
    assert (night.only.open, night.only.level) == (False, NONE)
    assert len(night.tickets) == 1


def test_an_incident_closed_while_the_water_stood_does_not_swallow_what_gets_worse(night: Night) -> None:
    """keephq/keep#2481: a resolved incident keeps swallowing new alerts."""
    night.at("06:00").depth("G1", level="yellow")
    night.at("06:30").closes(night.only)
    night.at("06:40").depth("G1", level="red")
    closed, opened = night.incidents
    assert (closed.level, closed.active) == (NONE, [0] * 5)
    assert (opened.open, opened.version, opened.level) == (True, 2, RED)
    assert night.ticket(opened).level == RED

    night.at("07:30").depth("G1", level="none")
    assert (opened.level, opened.recovered_ms is not None) == (NONE, True)


def test_the_end_of_an_alert_that_nobody_heard_begin_opens_nothing(night: Night) -> None:
    night.teller.says("depth", "G1", YELLOW)  # lost
    night.at("07:00").depth("G1", level="none")
    assert (night.incidents, night.tickets, night.book.alerts, night.told) == ([], [], {}, [])


def test_an_alert_that_is_first_heard_of_on_its_way_up_is_taken_as_it_is(night: Night) -> None:
    night.teller.says("depth", "G1", YELLOW)  # lost
    night.at("07:00").depth("G1", level="red")
    assert (night.only.level, night.ticket(night.only).level) == (RED, RED)


# A failed parent


def test_a_failed_gateway_collects_its_cameras_one_ticket_not_five(night: Night) -> None:
    night.at("02:00").dark("GW")
    night.offline("C1", "C2", "C3", "C4", explained_by="GW")
    night.at("02:30").offline("C1", "C2", "C3", "C4", level="red", explained_by="GW")

    incident = night.only
    assert (incident.nature, incident.subject, incident.level) == (Nature.PARENT, "GW", ORANGE)
    assert (incident.explained, incident.active) == (4, [0, 0, 0, 1, 0])  # recorded, and not counted in its level
    assert night.subjects_of(incident) == ["GW", "C1", "C2", "C3", "C4"]
    assert [ticket.level for ticket in night.tickets] == [ORANGE]
    assert night.told == ["incident.opened"]


def test_cameras_that_come_back_leave_the_gateways_incident_and_the_ticket_stays(night: Night) -> None:
    night.at("02:00").dark("GW")
    night.offline("C1", "C2", "C3", explained_by="GW")
    night.at("03:00").offline("C1", "C2", "C3", level="none", explained_by="GW")
    assert night.only.explained == 0
    night.at("03:05").clears("GW")
    assert (night.only.level, night.told) == (NONE, ["incident.opened", "incident.recovered"])
    assert night.ticket(night.only).state is TicketState.REPORTED


def test_when_the_gateway_is_back_cameras_still_silent_get_tickets_of_their_own(night: Night) -> None:
    night.at("02:00").dark("GW")
    night.offline("C1", "C2", "C3", "C4", explained_by="GW")
    night.at("03:00").offline("C1", "C2", level="none", explained_by="GW")
    night.at("03:05").clears("GW")

    gateway_, third, fourth = night.incidents
    assert (gateway_.level, gateway_.explained) == (NONE, 0)
    assert [(i.subject, i.level, i.open) for i in (third, fourth)] == [("C3", BLUE, True), ("C4", BLUE, True)]
    assert len(night.tickets) == 3
    assert clock_of(night.ticket(third).reported_ms) == "03:05"


def test_a_camera_told_alone_is_merged_when_its_gateway_turns_out_to_be_the_cause(night: Night) -> None:
    night.at("02:00").offline("C1")
    alone = night.only
    night.at("02:10").dark("GW")
    night.offline("C2", "C3", explained_by="GW")
    night.offline("C1", level="yellow", explained_by="GW")

    cause = night.incidents[1]
    assert (alone.open, alone.merged_into, alone.level) == (False, cause.id, NONE)
    ticket = night.ticket(alone)
    assert (ticket.state, ticket.merged_into) == (TicketState.MERGED, ticket_id(cause.id))
    assert clock_of(ticket.closed_ms or 0) == "02:10"
    assert night.subjects_of(cause) == ["C1", "GW", "C2", "C3"]
    assert cause.explained == 3
    assert night.told == ["incident.opened", "incident.opened", "incident.merged"]
    assert [(s.action, s.state_to) for s in night.book.steps] == [
        ("report", TicketState.REPORTED),
        ("report", TicketState.REPORTED),
        ("merge", TicketState.MERGED),
    ]


def test_a_ticket_that_somebody_works_on_is_not_merged_away(night: Night) -> None:
    night.at("02:00").offline("C1")
    alone = night.only
    night.ticket(alone).state = TicketState.DISPATCHED
    night.at("02:10").dark("GW")
    night.offline("C1", level="yellow", explained_by="GW")
    assert (alone.open, alone.merged_into, alone.level) == (True, None, NONE)
    assert night.ticket(alone).state is TicketState.DISPATCHED
    assert night.incidents[1].explained == 1


def test_what_was_merged_and_comes_back_alone_is_a_new_incident(night: Night) -> None:
    night.at("02:00").offline("C1")
    night.at("02:10").dark("GW")
    night.offline("C1", level="yellow", explained_by="GW")
    night.at("03:00").offline("C1", level="none", explained_by="GW")
    night.at("05:00").offline("C1")
    assert [(i.subject, i.version, i.open) for i in night.incidents] == [
        ("C1", 1, False),
        ("GW", 1, True),
        ("C1", 2, True),
    ]


def test_it_does_not_matter_whether_the_platform_or_its_cameras_are_heard_of_first() -> None:
    """The district's platform and a street's cameras come on different partitions of the log."""
    first, last = Night(), Night()
    for night in (first, last):
        dark = night.teller.says("dark", "PF-V", ORANGE)
        silent = [night.teller.says("offline", camera, BLUE, "PF-V") for camera in ("C1", "C9")]
        for transition in (dark, *silent) if night is first else (*silent, dark):
            night.desk.take(transition)

    assert last.only == first.only
    assert last.tickets == first.tickets
    assert last.subjects_of(last.only) == ["C1", "C9", "PF-V"]
    assert last.told == ["incident.opened"]


def test_an_explained_camera_has_no_ticket_while_its_platform_has_not_been_heard_of(night: Night) -> None:
    night.at("02:00").offline("C1", "C2", explained_by="PF-V")
    assert (night.only.key, night.only.subject, night.only.admin) == ("parent||PF-V|parent", "PF-V", "1")
    assert (night.only.title, night.only.level, night.only.explained) == ("平台失联", NONE, 2)
    assert (night.tickets, night.told) == ([], [])

    night.offline("C1", "C2", level="none", explained_by="PF-V")
    assert not night.only.open  # nobody could close an incident without a ticket


def test_what_explains_a_camera_may_change(night: Night) -> None:
    night.at("02:00").dark("GW")
    night.offline("C1", explained_by="GW")
    night.at("02:10").dark("PW")
    night.offline("C1", level="yellow", explained_by="PW")
    gateway_, power = night.incidents
    assert (gateway_.explained, power.explained) == (0, 1)
    assert (gateway_.open, gateway_.merged_into) == (True, None)  # the gateway is dark all the same


def test_a_gateways_ticket_closed_too_early_brings_no_storm_of_cameras(night: Night) -> None:
    night.at("02:00").dark("GW")
    night.offline("C1", "C2", "C3", explained_by="GW")
    night.at("02:20").closes(night.only)
    night.at("02:30").offline("C1", "C2", "C3", level="orange", explained_by="GW")
    night.offline("C4", explained_by="GW")
    assert len(night.tickets) == 1
    assert [(i.version, i.open, i.explained) for i in night.incidents] == [(1, False, 3), (2, True, 1)]

    night.at("03:00").clears("GW")
    assert sorted(i.subject for i in night.open) == ["C1", "C2", "C3", "C4"]
    assert len(night.tickets) == 5


def test_a_gateway_that_fails_again_while_its_ticket_is_open_is_the_same_incident(night: Night) -> None:
    night.at("02:00").dark("GW")
    night.at("03:00").clears("GW")
    night.at("04:00").dark("GW")
    assert (night.only.version, night.only.alerts, len(night.tickets)) == (1, 2, 1)


def test_from_silence_to_tickets_with_the_engine_itself() -> None:
    """Four cameras behind a gateway: it fails at two minutes, three of them come back at eleven."""
    city = small_city(cameras(4, gateway="GW"), [gateway("GW")])
    city = type(city)(**{**vars(city), "units": district().units})
    ward = Ward(city, pack(CAMERA_OFF, GATEWAY_DARK))
    night = Night(city)
    everybody = ["C101", "C102", "C103", "C104"]

    ward.minutes(2, alive=everybody).minutes(9)
    for transition in ward.said:
        night.desk.take(transition)
    assert (night.only.subject, night.only.level, night.only.explained) == ("GW", ORANGE, 4)
    assert len(night.tickets) == 1

    heard = len(ward.said)
    ward.minutes(10, alive=everybody[:3])
    for transition in ward.said[heard:]:
        night.desk.take(transition)
    gateway_, left = night.incidents
    assert (gateway_.level, gateway_.explained, left.subject, left.level) == (NONE, 0, "C104", YELLOW)
    assert len(night.tickets) == 2


# One cause behind many hazards


def test_the_verify_platforms_incident_collects_the_queues_of_its_lanes(night: Night) -> None:
    night.at("08:00").says("latency", "L1", "orange")
    night.at("08:05").says("queue", "L1", "yellow")
    night.says("queue", "L2", "orange")
    assert (night.only.subject, night.only.cause, night.only.active) == ("PF11", "backend", [0, 0, 1, 2, 0])
    assert len(night.tickets) == 1


def test_it_collects_neither_the_queues_of_another_street_nor_other_classes(night: Night) -> None:
    night.at("08:00").says("latency", "L1", "orange")
    night.at("08:05").says("queue", "L9", "yellow")
    night.depth("G1", level="yellow")
    night.offline("L2")
    keys = [incident.key for incident in night.incidents]
    assert keys == [
        "hazard|checkpoint|PF11|backend",
        "hazard|checkpoint|A-K2|queue",
        "hazard|waterlogging|A-W|ponding",
        "device|checkpoint|L2|offline",
    ]


def test_a_queue_that_was_there_before_the_platform_slowed_keeps_its_incident(night: Night) -> None:
    night.at("08:00").says("queue", "L1", "yellow")
    night.at("08:05").says("latency", "L2", "orange")
    night.at("08:10").says("queue", "L1", "orange")
    assert [(i.cause, i.level) for i in night.incidents] == [("queue", ORANGE), ("backend", ORANGE)]


def test_the_platforms_incident_collects_no_more_once_its_ticket_is_closed(night: Night) -> None:
    night.at("08:00").says("latency", "L1", "orange")
    night.at("08:10").says("latency", "L1", "none")
    night.closes(night.only)
    night.at("09:00").says("queue", "L1", "yellow")
    assert [i.cause for i in night.open] == ["queue"]


# What a ticket says


def test_the_ticket_says_what_where_and_why(night: Night) -> None:
    night.at("06:00").depth("G1", level="orange")
    night.says("dark", "GW", "orange")
    night.says("blind", "east", "orange")
    night.offline("C9")
    water, gateway_, blind, camera = night.tickets
    assert (water.category, water.title) == ("积水", "低洼: 积水深度")
    assert water.reason == "G1 积水深度 30 cm, 持续 60 秒"
    assert (gateway_.category, gateway_.title) == ("设施运维", "街道 一号网关: 上级失联")
    assert gateway_.reason == "GW 下 30 台设备同时失联"
    assert (blind.title, blind.reason) == ("east: 监控盲区", "east 监控盲区")
    assert (camera.title, camera.category) == ("A-V2 C9: 设备失联", "设施运维")


def test_a_ticket_that_is_raised_gives_the_reason_of_the_rise(night: Night) -> None:
    night.at("06:00").depth("G1", level="yellow")
    night.at("06:10").depth("G2", level="red")
    ticket = night.ticket(night.only)
    assert ticket.reason == "G2 积水深度 40 cm, 持续 60 秒"
    assert ticket.opening == night.book.new_transitions[0].id


def test_the_trail_of_a_ticket_dates_each_step_to_when_it_happened(night: Night) -> None:
    night.at("06:00").depth("G1", level="blue")
    night.at("06:30").depth("G1", level="orange")
    night.at("06:45").depth("G2", level="red")
    steps = [(clock_of(s.at_ms), s.action, s.level, s.state_from) for s in night.book.steps]
    assert steps == [
        ("06:00", "report", BLUE, None),
        ("06:30", "raise", ORANGE, TicketState.REPORTED),
        ("06:45", "raise", RED, TicketState.REPORTED),
    ]
    assert len({s.id for s in night.book.steps}) == 3


def test_the_ticket_goes_to_who_answers_for_the_place(night: Night) -> None:
    night.at("06:00").depth("G1", "G9", level="yellow")
    night.dark("GW")
    night.says("blind", "east", "orange")
    routes = [(ticket.route.grid, ticket.route.unit) for ticket in night.tickets]
    assert routes == [("1111", "U-11-water"), ("1211", "U-water"), (None, "U-11-duty"), (None, "U-duty")]


@pytest.mark.parametrize(
    ("rule", "subject", "minutes_to_dispose"),
    [("depth", "G1", 240), ("dark", "GW", 240), ("offline", "L1", 1440), ("offline", "G1", 4320)],
)
def test_limits_go_by_level_and_for_devices_by_how_much_hangs_on_them(
    night: Night, rule: str, subject: str, minutes_to_dispose: int
) -> None:
    night.at("06:00").says(rule, subject, "orange")
    (ticket,) = night.tickets
    assert (ticket.deadlines.dispose_ms - ticket.reported_ms) == minutes_to_dispose * MINUTE_MS


def test_a_transition_taken_twice_changes_nothing(night: Night) -> None:
    rise = night.at("06:00").says("depth", "G1", "orange")
    night.says("depth", "G1", "yellow")
    night.desk.take(rise)
    assert (night.only.level, len(night.book.new_transitions), len(night.told)) == (YELLOW, 2, 1)
