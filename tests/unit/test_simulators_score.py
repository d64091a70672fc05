"""The scorer catches, misses and calls false as people would."""

import msgspec

from city.levels import Level
from city.transitions import Nature
from simulators.score import Observed, score
from simulators.truth import Demand, Expected
from simulators.truth.expected import merged

FLOOD = Expected(
    demand=Demand.MUST,
    nature=Nature.HAZARD,
    risk_class="waterlogging",
    area="A1",
    causes=("ponding",),
    lowest=Level.YELLOW,
    highest=Level.ORANGE,
    onset_ms=100_000,
    earliest_ms=90_000,
    latest_ms=700_000,
    why="A1 真的积水",
)
POWER_CUT = Expected(
    demand=Demand.MUST,
    nature=Nature.PARENT,
    subjects=("NVR-1", "PW-1"),
    causes=("gateway-dark", "power-dark"),
    onset_ms=0,
    earliest_ms=0,
    latest_ms=500_000,
    covers=("C1", "C2", "C3"),
    why="NVR-1 断电",
)
TOLD = Observed(
    id="i1",
    nature="hazard",
    risk_class="waterlogging",
    admin="11",
    area="A1",
    subject="A1",
    cause="ponding",
    peak_level=Level.ORANGE,
    opened_ms=400_000,
    tickets=1,
)
DARK = Observed(
    id="i2",
    nature="parent",
    risk_class=None,
    admin="11",
    area=None,
    subject="PW-1",
    cause="power-dark",
    peak_level=Level.ORANGE,
    opened_ms=260_000,
    tickets=1,
)


def but(record, **changes):
    return msgspec.structs.replace(record, **changes)


def offline(device: str) -> Observed:
    return but(DARK, id=device, nature="device", subject=device, cause="offline", peak_level=Level.BLUE)


def test_what_was_told_in_time_is_caught_with_its_delay():
    result = score([FLOOD, POWER_CUT], [TOLD, DARK])
    assert (result.expected, len(result.caught), result.missed, result.false, result.off_level) == (2, 2, [], [], [])
    assert sorted(catch.delay_s for catch in result.caught) == [260, 300]
    assert (result.delay_p50_s, result.tickets_per_cause) == (280, 1.0)
    assert result.perfect


def test_what_nobody_told_is_missed():
    result = score([FLOOD], [])
    assert [miss.why for miss in result.missed] == ["nobody told of it"]
    assert (result.delay_p50_s, result.tickets_per_cause) == (None, None)
    assert not result.perfect


def test_what_was_told_too_late_is_missed_and_not_false():
    result = score([FLOOD], [but(TOLD, opened_ms=760_000)])
    assert [miss.why for miss in result.missed] == ["told 60 s too late"]
    assert result.false == []


def test_what_opened_before_its_cause_is_false_and_catches_nothing():
    result = score([FLOOD], [but(TOLD, opened_ms=80_000)])
    assert [alarm.why for alarm in result.false] == ["opened before its cause began"]
    assert len(result.missed) == 1


def test_each_of_class_area_cause_and_nature_must_be_right():
    for wrong in ({"risk_class": "underpass-flooding"}, {"area": "A2"}, {"cause": "queue"}, {"nature": "device"}):
        result = score([FLOOD], [but(TOLD, **wrong)])
        assert (len(result.missed), len(result.false)) == (1, 1), wrong


def test_peaks_outside_the_right_range_are_off_level():
    for level in (Level.BLUE, Level.RED):
        result = score([FLOOD], [but(TOLD, peak_level=level)])
        assert (len(result.caught), len(result.off_level), result.perfect) == (1, 1, False)


def test_what_may_be_told_is_neither_missed_nor_false():
    optional = but(FLOOD, demand=Demand.MAY)
    assert score([optional], []).perfect
    told = score([optional], [TOLD])
    assert told.perfect
    assert (told.expected, len(told.caught), len(told.allowed)) == (0, 0, 1)


def test_what_must_not_be_told_is_false_with_the_scenarios_reason():
    never = Expected(demand=Demand.NEVER, nature=Nature.HAZARD, onset_ms=0, earliest_ms=0, latest_ms=0, why="晴天")
    assert [alarm.why for alarm in score([never], [TOLD]).false] == ["晴天"]
    assert [alarm.why for alarm in score([], [TOLD]).false] == ["nothing of the kind happened"]


def test_told_twice_is_one_cause_with_two_tickets():
    result = score([FLOOD], [TOLD, but(TOLD, id="i9", opened_ms=500_000)])
    assert (len(result.caught), result.false, result.tickets_per_cause) == (1, [], 2.0)


def test_parts_told_beside_their_whole_are_false_and_count_as_its_tickets():
    result = score([POWER_CUT], [DARK, offline("C1"), offline("C2")])
    assert [alarm.why for alarm in result.false] == ["is part of: NVR-1 断电"] * 2
    assert result.tickets_per_cause == 3.0
    assert [alarm.why for alarm in score([POWER_CUT], [DARK, offline("C9")]).false] == ["nothing of the kind happened"]


def test_causes_of_one_identity_are_one_incident():
    early = but(FLOOD, demand=Demand.MAY, onset_ms=10_000, earliest_ms=5_000, latest_ms=50_000, lowest=Level.BLUE)
    (one,) = merged([FLOOD, early], end_ms=1_000_000)
    assert (one.demand, one.onset_ms, one.earliest_ms, one.latest_ms) == (Demand.MUST, 100_000, 5_000, 700_000)
    assert (one.lowest, one.highest) == (Level.YELLOW, Level.ORANGE)


def test_what_could_open_only_after_the_end_is_not_demanded():
    (one,) = merged([FLOOD], end_ms=600_000)
    assert one.demand is Demand.MAY
