"""Laws of a shadow run, true of any rules and any log, wherever in it the shadow begins. QIANSHAO_LAWS as for those of
the engine."""

import os
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from city.readings import Tick
from rules.authoring.differing import Difference
from rules.authoring.shadow import Shadow
from rules.language.pack import Pack
from tests.laws.logs import stories
from tests.laws.sentences import sentences
from tests.laws.story import Piece, Story, batch, pieces, tell

EXAMPLES = int(os.environ.get("QIANSHAO_LAWS", "0"))

law = settings(
    max_examples=EXAMPLES or 40,
    derandomize=not EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
pytestmark = pytest.mark.timeout(0 if EXAMPLES else 300)
told = st.one_of(stories(), sentences())


def begun(story: Story, at: int, candidate: Pack) -> Shadow:
    """A shadow of the shard that has heard the log before an entry."""
    live = story.shard()
    tell(live, pieces(story.entries[:at]))
    return Shadow(story.city, story.fleet, story.pack, candidate, live.snapshot())


def play(shadow: Shadow, rest: list[Piece]) -> None:
    for piece in rest:
        if isinstance(piece, Tick):
            shadow.tick(piece)
        else:
            shadow.apply(batch(piece))
    shadow.settle()


def found(shadow: Shadow) -> tuple[set[Difference], set[Difference]]:
    return set(shadow.meaning.differences()), set(shadow.reset.differences())


def beginnings(data: st.DataObject, story: Story) -> int:
    return data.draw(st.integers(0, len(story.entries)), label="begins before entry")


def renamed(pack: Pack) -> Pack:
    """The same judgements under other causes: all timers begin anew, and nothing else is meant."""
    levels = tuple(replace(rule, cause=f"{rule.cause}, too") for rule in pack.levels)
    absences = tuple(replace(rule, cause=f"{rule.cause}, too") for rule in pack.absences)
    return replace(pack, levels=levels, absences=absences)


def sterner(pack: Pack) -> Pack:
    """Every threshold of a level rule halved."""
    halved = (replace(r, threshold=tuple(m if m is None else m / 2 for m in r.threshold)) for r in pack.levels)
    return replace(pack, levels=tuple(halved))


@law
@given(told, st.data())
def test_rules_do_not_differ_from_themselves(story: Story, data: st.DataObject) -> None:
    at = beginnings(data, story)
    shadow = begun(story, at, replace(story.pack, title="other words"))
    play(shadow, pieces(story.entries[at:]))
    assert found(shadow) == (set(), set())


@law
@given(told, st.data())
def test_a_change_that_means_nothing_only_begins_anew(story: Story, data: st.DataObject) -> None:
    at = beginnings(data, story)
    shadow = begun(story, at, renamed(story.pack))
    play(shadow, pieces(story.entries[at:]))
    assert shadow.meaning.differences() == []


@law
@given(told, st.data())
def test_however_the_log_is_cut_into_batches_the_report_is_the_same(story: Story, data: st.DataObject) -> None:
    at = beginnings(data, story)
    cuts = data.draw(st.sets(st.integers(at, len(story.entries)), max_size=12), label="cut before entry")
    bounds = [at, *sorted(cuts), len(story.entries)]
    cut = [piece for a, b in pairwise(bounds) for piece in pieces(story.entries[a:b])]
    together, apart = (begun(story, at, sterner(story.pack)) for _ in range(2))
    play(together, pieces(story.entries[at:]))
    play(apart, cut)
    assert found(together) == found(apart)
    assert together.meaning.counts() == apart.meaning.counts()
