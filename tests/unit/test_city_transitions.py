"""Transitions as they are written to the log: rules and alerts meet in them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from city.levels import Level
from city.transitions import Nature, SubjectKind, Transition, Trigger, decode_transition, encode_transition

RISE = Transition(
    alert="2ef39f8d558cc429",
    rule="waterlogging-depth",
    rule_version="0a1b2c3d4e5f",
    title="积水深度",
    nature=Nature.HAZARD,
    subject_kind=SubjectKind.DEVICE,
    subject="BA-WL-0001",
    level_from=Level.NONE,
    level_to=Level.ORANGE,
    event_ms=1_694_066_400_000,
    log_ms=1_694_066_401_000,
    since_ms=1_694_066_400_000,
    value=30.5,
    unit="cm",
    trigger=Trigger("BA-WL-0001", 7, 1_694_066_400_000),
)
numbers = st.integers(-(2**63), 2**63 - 1)
anything = st.builds(
    Transition,
    **dict.fromkeys(("alert", "rule", "rule_version", "title", "subject", "unit", "cause", "group"), st.text()),
    **dict.fromkeys(("risk_class", "admin", "area", "site", "group_key", "explained_by"), st.none() | st.text()),
    **dict.fromkeys(("event_ms", "log_ms", "since_ms", "samples", "held_ms"), numbers),
    nature=st.sampled_from(Nature),
    subject_kind=st.sampled_from(SubjectKind),
    level_from=st.sampled_from(Level),
    level_to=st.sampled_from(Level),
    value=st.floats(allow_nan=False, allow_infinity=False),
    trigger=st.none() | st.builds(Trigger, st.text(), numbers, numbers),
    wall_ms=st.none() | st.floats(0, 2e12),
)


@given(anything)
def test_a_transition_reads_back_as_it_was_written(transition: Transition) -> None:
    assert decode_transition(encode_transition(transition)) == transition


def test_the_id_is_of_this_change_of_this_alert() -> None:
    others = {
        msgspec.structs.replace(RISE, **change).id
        for change in (
            {"alert": "another"},
            {"event_ms": RISE.event_ms + 1},
            {"level_from": Level.BLUE},
            {"level_to": Level.RED},
        )
    }
    assert RISE.id == "2ef39f8d558cc429:1694066400000:03"
    assert len(others | {RISE.id}) == 5


def test_a_later_reader_of_the_log_makes_the_same_id() -> None:
    """When it was judged, and when it was said, are not part of it: a replay judges later."""
    replayed = msgspec.structs.replace(RISE, log_ms=RISE.log_ms + 60_000, wall_ms=1.0)
    assert replayed.id == RISE.id


@pytest.mark.parametrize(
    "poison",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        encode_transition(RISE).replace(b'"level_to":3', b'"level_to":7'),
        encode_transition(RISE).replace(b'"hazard"', b'"weather"'),
        encode_transition(RISE).replace(b'"subject":"BA-WL-0001",', b""),
        encode_transition(RISE)[:-1],
    ],
)
def test_what_is_no_transition_is_refused(poison: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_transition(poison)


def test_fields_that_a_later_version_adds_are_no_obstacle() -> None:
    assert decode_transition(encode_transition(RISE)[:-1] + b',"confidence":0.9}') == RISE


@pytest.mark.parametrize(("level", "slug", "zh"), [(0, "none", "正常"), (1, "blue", "蓝色"), (4, "red", "红色")])
def test_a_level_has_one_word_in_rules_and_one_for_people(level: int, slug: str, zh: str) -> None:
    assert (Level(level).slug, Level(level).zh, Level.of(slug)) == (slug, zh, Level(level))
