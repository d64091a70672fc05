"""The five laws of the engine, true of any rules and any log: of rules and logs that are drawn for the town, and of the
shipped pack on a small Bao'an.

The same examples every time, so that a failure is one of the change at hand. QIANSHAO_LAWS=3000 tries that many, new
ones every time.
"""

import os
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from city.fleet import fleet_of
from city.generate import FleetRequest, generate_fleet
from city.readings import Flag, Tick
from city.tables import read_city, shipped_pack
from city.transitions import Transition
from qianshao.settings import Settings
from rules.engine.shard import Shard
from rules.language.expressions import Online
from rules.language.load import load_pack
from rules.language.pack import Pack
from tests.laws.interpreter import Interpreter
from tests.laws.logs import Stage, pack_stage, stories, stories_on
from tests.laws.reference import Reading, Said
from tests.laws.sentences import sentences
from tests.laws.story import START_MS, Entry, Story, agree, batch, pieces, reduced, tell

EXAMPLES = int(os.environ.get("QIANSHAO_LAWS", "0"))
YEAR_MS = 365 * 86_400_000

law = settings(
    max_examples=EXAMPLES or 80,
    derandomize=not EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
pytestmark = pytest.mark.timeout(0 if EXAMPLES else 300)


@cache
def bao_an() -> Stage:
    """A few devices of every sort, hung on few gateways, power and network zones."""
    request = FleetRequest(
        water_gauges=3, underpass_gauges=2, sentries=4, cameras_class1=5, cameras_class2=4, gauges_per_gateway=3,
        channels_per_nvr=5, devices_per_power_zone=6, devices_per_network_zone=6,
    )  # fmt: skip
    city = generate_fleet(read_city(shipped_pack("baoan")), request, seed=1)
    return pack_stage(city, fleet_of(city), shipped_rules())


@cache
def shipped_rules() -> Pack:
    return load_pack(Settings().rules, read_city(shipped_pack("baoan")).catalogue)


@st.composite
def baoan_stories(draw: st.DrawFn) -> Story:
    """A log in Bao'an, judged by the shipped pack; its holds are longer, so time goes on faster."""
    return draw(stories_on(bao_an(), shipped_rules(), longest=draw(st.sampled_from([1, 3]))))


told = st.one_of(stories(), baoan_stories(), sentences())


# 1. Split invariance ----------------------------------------------------------------------------------------------


@law
@given(told, st.data())
def test_any_cutting_of_a_log_into_batches_gives_the_same_transitions(story: Story, data: st.DataObject) -> None:
    cuts = data.draw(st.sets(st.integers(1, max(1, len(story.entries))), max_size=12), label="cut before entry")
    bounds = [0, *sorted(cuts), len(story.entries)]
    cut = [piece for a, b in pairwise(bounds) for piece in pieces(story.entries[a:b])]
    agree(tell(story.shard(), story.pieces()), tell(story.shard(), cut), "cut")


# 2. Snapshot invariance -------------------------------------------------------------------------------------------


@law
@given(told, st.data())
def test_a_restart_from_a_snapshot_at_any_point_changes_nothing(story: Story, data: st.DataObject) -> None:
    restarts = data.draw(st.sets(st.integers(0, len(story.entries)), max_size=4), label="restart before entry")
    never, shard = story.shard(), story.shard()
    said: list[Transition] = []
    for at, entry in enumerate(story.entries):
        if at in restarts:
            shard = restarted(shard, story)
        said += tell(shard, pieces([entry]))
    agree(tell(never, pieces(story.entries)), said, "restarted")
    assert restarted(shard, story).snapshot() == never.snapshot()


def restarted(shard: Shard, story: Story) -> Shard:
    follower = story.shard()
    carried = follower.restore(shard.snapshot())
    assert carried.ended == []
    return follower


# 3. Reference equality --------------------------------------------------------------------------------------------


@law
@given(told)
def test_the_engine_says_what_the_reference_interpreter_says(story: Story) -> None:
    shard, plain = story.shard(), story.interpreter()
    found: list[Said] = []
    expected: list[Said] = []
    for entry in story.entries:
        found += map(reduced, tell(shard, pieces([entry])))
        expected += hear(plain, entry)
        agree(expected, found, "reference")
    assert {name: n for name, n in shard.outcomes.items() if n} == dict(plain.outcomes)
    event(f"{min(len(found) // 10, 5)}0 transitions or more")


def hear(plain: Interpreter, entry: Entry) -> list[Said]:
    return plain.tick(entry) if isinstance(entry, Tick) else plain.apply(batch([entry]))


# 4. Lateness ------------------------------------------------------------------------------------------------------


@law
@given(told, st.data())
def test_a_reading_older_than_the_newest_of_its_series_changes_nothing(story: Story, data: st.DataObject) -> None:
    newest = dict(newest_of_series(story))
    late = [(at, data.draw(older_than(newest[at]), label="late")) for at in drawn_from(data, newest)]
    same_alerts(story, story.inserting(late))


@law
@given(told)
def test_what_a_device_kept_for_later_or_sent_as_a_test_raises_no_level(story: Story) -> None:
    """Back-filled history and test messages: they are signs of life and no more. What silence makes true is no
    reading's doing, so where a sentence asks who is online only rules on what is measured are looked at."""
    derived = {d.indicator for d in story.pack.derivations}
    asks = any(isinstance(node, Online) for d in story.pack.derivations for node in d.value.walk())
    rules = {rule.id for rule in story.pack.levels if not asks or rule.indicator not in derived}
    for flag in (Flag.BACKFILL, Flag.TEST):
        flagged = [e if isinstance(e, Tick) else e._replace(flags=e.flags | flag) for e in story.entries]
        said = tell(story.shard(), pieces(flagged))
        assert [t for t in said if t.rule in rules] == []


@law
@given(told, st.data())
def test_retained_and_future_readings_change_nothing_and_never_advance_time(story: Story, data: st.DataObject) -> None:
    readings = [entry for entry in story.entries if isinstance(entry, Reading)]
    spots = range(len(story.entries) + 1) if readings else ()
    extra: list[tuple[int, Entry]] = []
    for at in drawn_from(data, spots):
        reading = data.draw(st.sampled_from(readings))
        retained = reading._replace(flags=reading.flags | Flag.RETAINED)
        future = reading._replace(event_ms=START_MS + YEAR_MS)
        extra.append((at, data.draw(st.sampled_from([retained, future]))))
    same_alerts(story, story.inserting(extra))


def newest_of_series(story: Story) -> Iterator[tuple[int, Reading]]:
    """Where the series of the reading just taken has a newest reading, and that."""
    plain = story.interpreter()
    for at, entry in enumerate(story.entries):
        hear(plain, entry)
        if isinstance(entry, Reading) and entry.device in plain.things:
            series = plain.things[entry.device].series.get(entry.indicator)
            if series and series.newest:
                event_ms, seq = series.newest
                yield at + 1, entry._replace(event_ms=event_ms, seq=seq)


def older_than(newest: Reading) -> st.SearchStrategy[Reading]:
    """A reading of the same series that happened before, or at the same moment with a lower or the same seq."""
    before = st.builds(lambda ago: newest._replace(event_ms=newest.event_ms - ago), st.integers(1, 900_000))
    same_moment = st.builds(lambda seq: newest._replace(seq=seq), st.integers(0, newest.seq))
    values = st.sampled_from([0.0, 1.0, 12.0, 300.0])
    return st.builds(lambda r, v, f: r._replace(value=v, flags=int(f)), before | same_moment, values, FLAGS)


FLAGS = st.sampled_from([Flag(0), Flag(0), Flag.TEST, Flag.BACKFILL, Flag.SUSPECT_CLOCK])


# 5. Idempotence ---------------------------------------------------------------------------------------------------


@law
@given(told, st.data())
def test_a_reading_that_comes_again_changes_nothing(story: Story, data: st.DataObject) -> None:
    taken = dict(readings_taken(story))
    again: list[tuple[int, Entry]] = []
    for at in drawn_from(data, taken):
        copies = data.draw(st.lists(st.integers(at + 1, len(story.entries)), min_size=1, max_size=3), label="again at")
        again += [(later, taken[at]) for later in copies]
    same_alerts(story, story.inserting(again))


def readings_taken(story: Story) -> Iterator[tuple[int, Reading]]:
    """Readings that were not refused for being of the future: later they will not be, and then count for the first
    time."""
    plain = story.interpreter()
    for at, entry in enumerate(story.entries):
        before = plain.outcomes["future"]
        hear(plain, entry)
        if isinstance(entry, Reading) and plain.outcomes["future"] == before:
            yield at, entry


def drawn_from(data: st.DataObject, places: Iterator[int] | range | tuple[int, ...] | dict[int, Reading]) -> list[int]:
    """A few of these places, perhaps none."""
    choices = sorted(places)
    return sorted(data.draw(st.sets(st.sampled_from(choices), max_size=8), label="at")) if choices else []


def same_alerts(story: Story, changed: Story) -> None:
    agree(tell(story.shard(), pieces(story.entries)), tell(changed.shard(), pieces(changed.entries)), "changed log")
