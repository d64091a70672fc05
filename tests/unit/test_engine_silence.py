"""Worked examples of docs/rules.md, clauses 5 and 7: who is silent, since when, and what explains it.

Devices report every 60 s by the registry: silent after three intervals, declared one and a quarter later.
"""

import pytest

from city.levels import Level
from city.registry import ParentKind
from city.transitions import Nature
from rules.language.pack import Pack
from tests.cities import cameras, gateway, small_city
from tests.unit.packs import CAMERA_OFF, GATEWAY_DARK, pack
from tests.unit.wards import MINUTE_MS, START_MS, Ward

NETWORK_DARK = (
    GATEWAY_DARK.replace("kind: gateway", "kind: network").replace("网关失联", "网络失联").replace("80%", "60%")
)
NO_BEAT = """
class: video
rules:
  - id: camera-no-beat
    title: 视频点无心跳
    nature: device
    absence: {of: [registered], levels: {blue: 5m}}
    clear: {for: 1m}
    cause: no-beat
    source: operator default
"""
TEN = [f"C{i}" for i in range(101, 111)]


def ward(n: int = 10, rules: Pack | None = None, **parents: str) -> Ward:
    """So many cameras that hang on these parents."""
    hang = [gateway(name, ParentKind(kind)) for kind, name in parents.items()]
    return Ward(small_city(cameras(n, **parents), hang), rules or pack(CAMERA_OFF, GATEWAY_DARK))


def told(ward: Ward) -> list[tuple[float, str, str, str | None]]:
    """Minute, subject, new level, explanation of every transition."""
    return [((t.log_ms - START_MS) / MINUTE_MS, t.subject, t.level_to.slug, t.explained_by) for t in ward.said]


def dark(ward: Ward) -> dict[str, float]:
    """Value with which each parent became dark: how many devices were silent together."""
    return {t.subject: t.value for t in ward.said if t.nature is Nature.PARENT and t.level_to}


# Silence ----------------------------------------------------------------------------------------------------------


def test_silence_counts_from_the_registry_and_not_from_a_first_message() -> None:
    """Three minutes, and one and a quarter until it is declared; ten minutes for yellow."""
    assert told(ward(1).minutes(5)) == [(pytest.approx(4.33, abs=0.1), "C101", "blue", None)]
    assert told(ward(1).minutes(11))[1:] == [(10, "C101", "yellow", None)]


def test_who_says_something_now_and_then_is_not_silent() -> None:
    living = ward(1)
    for _ in range(5):
        living.minutes(2.5).minutes(0.5, alive=["C101"])
    assert told(living) == []


def test_who_comes_back_before_it_is_declared_was_never_away() -> None:
    assert told(ward(1).minutes(3.5).minutes(6, alive=["C101"])) == []


def test_who_comes_back_is_well_again_after_a_while_and_level_by_level() -> None:
    """`clear.for` is a minute, for each of the two levels."""
    back = ward(1).minutes(12).minutes(5, alive=["C101"])
    assert [level for _, _, level, _ in told(back)] == ["blue", "yellow", "blue", "none"]


def test_flapping_keeps_the_level_and_says_nothing() -> None:
    """Ten minutes of calm are asked for, and it is never present for more than three and a half."""
    flapping = ward(1, pack(CAMERA_OFF.replace("clear: {for: 1m}", "clear: {for: 10m}"))).minutes(5)
    for _ in range(6):
        flapping.minutes(0.5, alive=["C101"]).minutes(4)
    assert [level for _, _, level, _ in told(flapping)] == ["blue"]


def test_a_camera_that_registers_and_never_beats_is_told_apart_from_one_that_is_off() -> None:
    """`of: [registered]` is judged while there are other signs of life; else it is the business of `of: any`."""
    both = pack(CAMERA_OFF, NO_BEAT)
    assert ward(1, both).minutes(8, alive=["C101"]).levels() == {("camera-no-beat", "C101"): Level.BLUE}
    assert ward(1, both).minutes(8).levels() == {("camera-offline", "C101"): Level.BLUE}


# One cause --------------------------------------------------------------------------------------------------------


def test_a_gateway_that_fails_is_one_cause_and_explains_all_of_its_devices() -> None:
    failed = ward(10, gateway="GW").minutes(3, alive=TEN).minutes(6)
    assert dark(failed) == {"GW": 10}
    assert {(subject, why) for _, subject, _, why in told(failed)[1:]} == {(c, "GW") for c in TEN}


def test_two_of_ten_are_their_own_business() -> None:
    """80 % and at least three are asked for."""
    assert dark(ward(10, gateway="GW").minutes(3, alive=TEN).minutes(6, alive=TEN[2:])) == {}
    assert dark(ward(2, gateway="GW").minutes(9)) == {}


def test_what_has_been_broken_for_long_is_no_evidence() -> None:
    """Eight of ten are off since yesterday; that another two fall silent now makes no gateway dark."""
    worn = ward(10, gateway="GW")
    for first in range(0, 8, 2):
        worn.minutes(4, alive=TEN[first + 2 :])
    worn.minutes(10, alive=TEN[8:])
    assert dark(worn.minutes(8)) == {}


def test_the_first_that_were_declared_are_explained_when_there_are_enough() -> None:
    """Three of four are needed; the fourth spoke last, half a minute after the others, and is counted later."""
    few = ward(4, gateway="GW").minutes(2, alive=TEN[:4]).minutes(0.5, alive=TEN[1:4]).minutes(0.5, alive=TEN[2:4])
    few.minutes(7)
    last = {subject: why for _, subject, _, why in told(few) if subject in TEN}
    assert last == dict.fromkeys(TEN[:4], "GW")


def test_when_a_gateway_is_back_who_is_still_silent_has_no_explanation_any_more() -> None:
    """Under half of its 80 % are silent, for a minute; C101 stays away, and goes on to yellow by itself."""
    back = ward(10, gateway="GW").minutes(3, alive=TEN).minutes(6).minutes(8, alive=TEN[1:])
    those = [(subject, level, why) for _, subject, level, why in told(back) if subject in ("GW", "C101")]
    assert those == [
        ("GW", "orange", None),
        ("C101", "blue", "GW"),
        ("GW", "none", None),
        ("C101", "blue", None),
        ("C101", "yellow", None),
    ]


def test_the_nearer_parent_explains_when_shares_are_as_good_as_equal() -> None:
    """All ten hang on one gateway and one network: the gateway comes first."""
    rules = pack(CAMERA_OFF, GATEWAY_DARK + NETWORK_DARK.replace("\nparents:", ""))
    assert dark(ward(10, rules, gateway="GW", network="N").minutes(3, alive=TEN).minutes(6)) == {"GW": 10}
