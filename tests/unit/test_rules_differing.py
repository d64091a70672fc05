"""In what two judgements of a log differ: all and only that, and in words that an author of rules can use."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from city.levels import Level
from city.transitions import Nature, SubjectKind, Transition
from rules.authoring.differing import Comparison, Difference, Kind

MINUTE_MS, SUBJECTS, LAST = 60_000, ("A", "B"), 40
Plan = list[tuple[int, Level, bool]]
"""What is said of one subject: minute, level, whether suspected."""

law = settings(max_examples=100, derandomize=True)
plans = st.dictionaries(st.integers(0, LAST), st.tuples(st.sampled_from(Level), st.booleans()), max_size=8).map(
    lambda at: [(minute, level, doubt and level > 0) for minute, (level, doubt) in sorted(at.items())]
)
judgements = st.fixed_dictionaries(dict.fromkeys(SUBJECTS, plans))


def said(subject: str, plan: Plan) -> Iterator[Transition]:
    """The changes of a plan; what changes nothing is not said."""
    before = (Level.NONE, False)
    for minute, level, doubt in plan:
        if (level, doubt) != before:
            yield change(subject, before[0], level, minute, suspected=doubt)
        before = level, doubt


def change(subject: str, before: Level, to: Level, minute: int, **more: object) -> Transition:
    at_ms = minute * MINUTE_MS
    return Transition(
        alert=f"{subject}{minute}",
        rule="depth",
        rule_version="v",
        title="积水深度",
        nature=Nature.HAZARD,
        subject_kind=SubjectKind.DEVICE,
        subject=subject,
        level_from=before,
        level_to=to,
        event_ms=at_ms,
        log_ms=at_ms,
        since_ms=at_ms,
        **more,
    )


def compared(live: dict[str, Plan], candidate: dict[str, Plan], every: int = LAST + 1) -> Comparison:
    """What both say, taken in so many minutes at a time."""
    comparison = Comparison()
    parts = [[t for subject, plan in plans.items() for t in said(subject, plan)] for plans in (live, candidate)]
    for start in range(0, LAST + 1, every):
        from_ms, until_ms = start * MINUTE_MS, (start + every) * MINUTE_MS
        comparison.take(*([t for t in part if from_ms <= t.event_ms < until_ms] for part in parts))
    return comparison


def found(live: Plan, candidate: Plan) -> list[tuple[Kind, Level, Level, int, int | None]]:
    """Differences about one subject: kind, levels, from and until which minute."""
    differences = compared({"A": live}, {"A": candidate}).differences()
    return [(d.kind, d.live, d.candidate, d.from_ms // MINUTE_MS, minutes(d.until_ms)) for d in differences]


def minutes(ms: int | None) -> int | None:
    return None if ms is None else ms // MINUTE_MS


def yellow(*spans: tuple[int, int]) -> Plan:
    """Yellow in some spans of minutes."""
    return [step for first, last in spans for step in ((first, Level.YELLOW, False), (last, Level.NONE, False))]


# In words


def test_what_only_one_of_them_says() -> None:
    assert found([], yellow((3, 8))) == [(Kind.ONLY_CANDIDATE, Level.NONE, Level.YELLOW, 3, 8)]
    assert found(yellow((3, 8)), []) == [(Kind.ONLY_LIVE, Level.YELLOW, Level.NONE, 3, 8)]


def test_what_has_not_ended_is_still_so() -> None:
    assert found([], [(3, Level.RED, False)]) == [(Kind.ONLY_CANDIDATE, Level.NONE, Level.RED, 3, None)]


def test_the_same_earlier_or_later_and_by_how_long() -> None:
    assert found(yellow((3, 8)), yellow((1, 10))) == [
        (Kind.EARLIER, Level.YELLOW, Level.YELLOW, 1, 3),
        (Kind.LATER, Level.NONE, Level.NONE, 8, 10),
    ]


def test_several_levels_that_come_later_are_told_one_by_one() -> None:
    rising = [(3, Level.BLUE, False), (4, Level.RED, False)]
    assert found(rising, [(minute + 5, level, doubt) for minute, level, doubt in rising]) == [
        (Kind.LATER, Level.BLUE, Level.BLUE, 3, 8),
        (Kind.LATER, Level.RED, Level.RED, 4, 9),
    ]


def test_another_level_between_what_is_the_same() -> None:
    live = [(3, Level.YELLOW, False), (20, Level.NONE, False)]
    candidate = [(3, Level.YELLOW, False), (5, Level.RED, False), (9, Level.YELLOW, False), (20, Level.NONE, False)]
    assert found(live, candidate) == [(Kind.OTHER_LEVEL, Level.YELLOW, Level.RED, 5, 9)]


def test_another_level_from_the_beginning() -> None:
    live, candidate = yellow((3, 8)), [(3, Level.ORANGE, False), (8, Level.NONE, False)]
    assert found(live, candidate) == [(Kind.OTHER_LEVEL, Level.YELLOW, Level.ORANGE, 3, 8)]


def test_the_same_level_but_suspected() -> None:
    live, candidate = yellow((3, 8)), [(3, Level.YELLOW, True), (8, Level.NONE, False)]
    assert found(live, candidate) == [(Kind.OTHER_WORDS, Level.YELLOW, Level.YELLOW, 3, 8)]


def test_a_doubt_that_comes_and_goes_in_one_of_them_ends() -> None:
    live = [(3, Level.YELLOW, False), (20, Level.NONE, False)]
    candidate = [live[0], (5, Level.YELLOW, True), (9, Level.YELLOW, False), live[1]]
    assert found(live, candidate) == [(Kind.OTHER_WORDS, Level.YELLOW, Level.YELLOW, 5, 9)]


def test_an_alert_of_before_that_only_one_changes_is_a_difference() -> None:
    comparison = Comparison()
    comparison.take([], [change("A", Level.YELLOW, Level.YELLOW, 4, suspected=True)])
    assert [d.kind for d in comparison.differences()] == [Kind.OTHER_WORDS]
    comparison.take([change("A", Level.YELLOW, Level.NONE, 6)], [change("A", Level.YELLOW, Level.NONE, 6)])
    (difference,) = comparison.differences()
    assert (difference.kind, difference.from_ms, difference.until_ms) == (Kind.OTHER_WORDS, 240_000, 360_000)


def test_an_alert_of_before_that_one_raises_and_lowers_again_is_the_same_again() -> None:
    comparison = Comparison()
    raised = change("A", Level.YELLOW, Level.RED, 4)
    comparison.take([], [raised, change("A", Level.RED, Level.YELLOW, 6)])
    (difference,) = comparison.differences()
    assert (difference.kind, difference.candidate, difference.by_ms) == (Kind.OTHER_LEVEL, Level.RED, 2 * MINUTE_MS)


def test_an_alert_that_the_candidate_begins_without_comes_later_in_it() -> None:
    comparison = Comparison()
    comparison.begin([change("A", Level.ORANGE, Level.NONE, 2)])
    comparison.take([], [change("A", Level.NONE, Level.ORANGE, 7, suspected=True)])
    (difference,) = comparison.differences()
    assert (difference.kind, difference.live, difference.by_ms) == (Kind.ONLY_LIVE, Level.ORANGE, 5 * MINUTE_MS)


# Whatever they say


@law
@given(judgements, judgements)
def test_they_differ_exactly_when_a_difference_is_told(live: dict[str, Plan], candidate: dict[str, Plan]) -> None:
    differences = compared(live, candidate).differences()
    for subject in SUBJECTS:
        told = {m for d in differences if d.subject == subject for m in minutes_of(d)}
        assert told == {m for m in range(LAST + 1) if heard(live[subject], m) != heard(candidate[subject], m)}


@law
@given(judgements)
def test_a_judgement_does_not_differ_from_itself(live: dict[str, Plan]) -> None:
    assert compared(live, live).differences() == []


@law
@given(judgements, judgements, st.integers(1, LAST))
def test_however_it_is_taken_in_it_is_the_same(live: dict[str, Plan], candidate: dict[str, Plan], every: int) -> None:
    together, apart = compared(live, candidate), compared(live, candidate, every)
    assert set(together.differences()) == set(apart.differences())
    assert together.counts() == apart.counts()


@law
@given(judgements, judgements)
def test_seen_from_the_other_side_it_is_the_other_way_round(live: dict[str, Plan], candidate: dict[str, Plan]) -> None:
    one, other = compared(live, candidate).differences(), compared(candidate, live).differences()
    assert {turned(d) for d in one} == set(other)


@law
@given(judgements, judgements)
def test_no_two_differences_about_a_subject_overlap_but_those_of_one_way(
    live: dict[str, Plan], candidate: dict[str, Plan]
) -> None:
    for subject in SUBJECTS:
        own = [d for d in compared(live, candidate).differences() if d.subject == subject]
        stretches = [d for d in own if d.kind not in (Kind.EARLIER, Kind.LATER)]
        for one, next_ in pairwise(sorted(stretches, key=lambda d: d.from_ms)):
            assert one.until_ms is not None and one.until_ms <= next_.from_ms


def minutes_of(difference: Difference) -> range:
    last = minutes(difference.until_ms)
    return range(difference.from_ms // MINUTE_MS, LAST + 1 if last is None else last)


def heard(plan: Plan, minute: int) -> tuple[Level, bool]:
    """What people have heard by the end of a minute."""
    return next(((level, doubt) for at, level, doubt in reversed(plan) if at <= minute), (Level.NONE, False))


TURNED = {
    Kind.ONLY_CANDIDATE: Kind.ONLY_LIVE,
    Kind.ONLY_LIVE: Kind.ONLY_CANDIDATE,
    Kind.EARLIER: Kind.LATER,
    Kind.LATER: Kind.EARLIER,
}


def turned(d: Difference) -> Difference:
    kind = TURNED.get(d.kind, d.kind)
    return Difference(kind, d.rule, d.title, d.subject, d.candidate, d.live, d.from_ms, d.until_ms)
