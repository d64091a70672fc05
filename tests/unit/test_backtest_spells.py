"""Alerts of a backtest: what is the same, changed, new and gone, and how many stood when."""

from city.levels import Level
from city.transitions import Nature, SubjectKind, Transition
from rules.authoring.backtest import compare, count, in_log_order, spells, standing

NONE, BLUE, YELLOW, RED = Level.NONE, Level.BLUE, Level.YELLOW, Level.RED
FIRST_MS = 1_000_000


def alert(
    subject: str, *steps: tuple[int, Level], rule: str = "depth", name: str = "", log_ms: int = 0
) -> list[Transition]:
    """An alert that goes to a level at each of some times."""
    levels = [NONE, *(level for _, level in steps)]
    return [
        Transition(
            alert=name or f"{rule}@{subject}@{steps[0][0]}",
            rule=rule,
            rule_version="v",
            title="积水深度",
            nature=Nature.HAZARD,
            subject_kind=SubjectKind.DEVICE,
            subject=subject,
            level_from=before,
            level_to=level,
            event_ms=FIRST_MS + ms,
            log_ms=log_ms or FIRST_MS + ms,
            since_ms=FIRST_MS + steps[0][0],
        )
        for before, (ms, level) in zip(levels, steps, strict=False)
    ]


def test_alerts_that_went_the_same_way_are_the_same_whatever_the_rules_version() -> None:
    live, now = alert("G1", (0, BLUE), (5, NONE), name="a"), alert("G1", (0, BLUE), (5, NONE), name="b")
    compared = compare(spells(live), spells(now))
    assert (compared.same, compared.exact) == (1, True)


def test_one_of_the_same_rule_and_subject_that_stood_at_the_same_time_has_changed() -> None:
    live, now = alert("G1", (0, BLUE), (9, NONE)), alert("G1", (3, YELLOW), (9, NONE))
    compared = compare(spells(live), spells(now))
    ((before, after),) = compared.changed
    assert (before.peak, after.peak, compared.new, compared.gone) == (BLUE, YELLOW, [], [])


def test_what_never_stood_together_is_gone_and_new() -> None:
    live, now = alert("G1", (0, BLUE), (2, NONE)), alert("G1", (5, BLUE), (9, NONE)) + alert("G2", (0, RED))
    compared = compare(spells(live), spells(now))
    assert [spell.subject for spell in compared.gone] == ["G1"]
    assert [spell.subject for spell in compared.new] == ["G2", "G1"]
    assert not compared.exact


def test_an_alert_that_comes_twice_live_is_not_the_same_as_one_that_comes_once() -> None:
    twice = alert("G1", (0, BLUE), (2, NONE)) + alert("G1", (3, BLUE), (5, NONE))
    compared = compare(spells(twice), spells(twice[:2]))
    assert (compared.same, len(compared.gone)) == (1, 1)


def test_alerts_that_had_ended_before_the_time_asked_for_are_left_out() -> None:
    found = alert("G1", (0, BLUE), (2, NONE)) + alert("G2", (0, BLUE), (7, NONE)) + alert("G3", (0, BLUE))
    assert [spell.subject for spell in spells(found, FIRST_MS + 5)] == ["G2", "G3"]


def test_what_stood_is_counted_by_level_from_each_change_on() -> None:
    found = spells(alert("G1", (0, BLUE), (4, RED), (8, NONE)) + alert("G2", (4, BLUE)))
    steps = [
        (ms - FIRST_MS, [of[level] for level in (BLUE, YELLOW, RED)])
        for ms, of in standing(found, FIRST_MS, FIRST_MS + 9)
    ]
    assert steps == [(0, [1, 0, 0]), (4, [1, 0, 1]), (8, [1, 0, 0])]


def test_what_stood_before_a_span_is_there_at_its_beginning() -> None:
    found = spells(alert("G1", (0, BLUE), (2, RED)))
    ((at_ms, levels),) = standing(found, FIRST_MS + 5, FIRST_MS + 9)
    assert (at_ms, levels[RED], levels[BLUE]) == (FIRST_MS + 5, 1, 0)


def test_rules_are_counted_by_the_worst_level_and_by_subject() -> None:
    found = spells(alert("G1", (0, BLUE), (1, RED)) + alert("G1", (5, BLUE)) + alert("G2", (0, BLUE), rule="rise"))
    depth, rise = count(found)
    assert (depth.rule, depth.alerts, dict(depth.peaks), len(depth.subjects)) == ("depth", 2, {RED: 1, BLUE: 1}, 1)
    assert (rise.rule, rise.alerts) == ("rise", 1)


def test_shards_are_heard_by_log_time_and_each_in_its_order() -> None:
    one = alert("G1", (0, BLUE), (1, RED), log_ms=7)
    other = alert("G2", (0, BLUE), log_ms=5)
    assert in_log_order([one, other]) == [*other, *one]
