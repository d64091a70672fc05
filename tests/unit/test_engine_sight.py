"""How far the log has come, and when we could not see. Seconds count from the first tick; docs/rules.md, clause 2."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from city.readings import Tick
from rules.engine.sight import Blindness, Sight, observe

START_MS = 1_694_000_000_000
SECOND = 1_000


@dataclass
class Watch:
    """Hears ticks and keeps what was said of blindness: (second, "begin" or "end", ingest, since second)."""

    sight: Sight = field(default_factory=Sight)
    said: list[tuple[float, str, str, float]] = field(default_factory=list)

    def hears(
        self, ingest: str, second: float, up: bool = True, step_s: float = 1, retired: bool = False
    ) -> list[Blindness]:
        clock_ms = START_MS + int(second * SECOND)
        changes = observe(self.sight, Tick(ingest, clock_ms, int(step_s * SECOND), up, retired=retired))
        self.said += [(past(c.event_ms), "begin" if c.began else "end", c.ingest, past(c.since_ms)) for c in changes]
        return changes

    def hears_every_second(self, ingest: str, first: int, last: int) -> None:
        for second in range(first, last + 1):
            self.hears(ingest, second)

    @property
    def log_s(self) -> float:
        return past(self.sight.log_ms)

    @property
    def sighted_s(self) -> float:
        return self.sight.sighted / SECOND


def past(ms: int) -> float:
    return (ms - START_MS) / SECOND


def test_the_log_has_come_as_far_as_the_slowest_of_those_that_keep_up() -> None:
    watch = Watch()
    watch.hears("east", 0)
    watch.hears("west", 0)
    watch.hears("east", 5)
    assert watch.log_s == 0
    watch.hears("west", 3)
    assert watch.log_s == 3
    watch.hears("east", 6)
    assert watch.log_s == 3
    assert watch.said == []


def test_log_time_never_goes_back() -> None:
    watch = Watch()
    watch.hears("east", 100)
    watch.hears("west", 95)  # starts late, five seconds behind
    assert watch.log_s == 100
    watch.hears("east", 90)  # its clock was set back
    assert watch.log_s == 100
    watch.hears("east", 101)
    assert watch.log_s == 100
    watch.hears("west", 101)
    assert watch.log_s == 101


def test_an_ingest_that_falls_behind_is_no_longer_waited_for_and_we_are_blind_through_it() -> None:
    watch = Watch()
    watch.hears("west", 0)
    watch.hears_every_second("east", 0, 10)
    assert (watch.log_s, watch.said) == (0, [])  # ten seconds of patience
    watch.hears("east", 11)
    assert watch.log_s == 11
    assert watch.said == [(0, "begin", "west", 0)]

    watch.hears("west", 11)
    assert watch.said[1:] == [(11, "end", "west", 0)]


def test_time_spent_blind_is_nobodys_absence() -> None:
    watch = Watch()
    watch.hears("west", 0)
    watch.hears_every_second("east", 0, 30)
    assert watch.log_s == 30
    assert watch.sighted_s == 0  # nothing was seen through west since the start

    watch.hears("west", 30)
    watch.hears("east", 31)
    watch.hears("west", 31)
    assert watch.sighted_s == 1  # the advance that ended the blindness does not count, the next does


def test_a_broken_mqtt_session_makes_us_blind_since_the_last_tick_that_had_one() -> None:
    watch = Watch()
    watch.hears_every_second("east", 0, 20)
    watch.hears("east", 21, up=False)
    assert watch.said == [(20, "begin", "east", 20)]
    watch.hears("east", 22, up=False)
    watch.hears("east", 23, up=True)
    assert watch.said[1:] == [(23, "end", "east", 20)]
    watch.hears("east", 24)
    assert (watch.log_s, watch.sighted_s) == (24, 21)


def test_an_ingest_that_starts_without_a_session_is_blind_from_its_first_tick() -> None:
    watch = Watch()
    watch.hears("east", 7, up=False)
    assert watch.said == [(7, "begin", "east", 7)]


def test_a_gap_of_the_only_ingest_is_a_blindness_that_begins_and_ends_at_once() -> None:
    watch = Watch()
    watch.hears_every_second("east", 0, 60)
    watch.hears("east", 360)
    assert watch.said == [(60, "begin", "east", 60), (360, "end", "east", 60)]
    assert (watch.log_s, watch.sighted_s) == (360, 60)


def test_a_pause_within_patience_is_no_gap() -> None:
    watch = Watch()
    watch.hears("east", 0)
    watch.hears("east", 10)
    assert (watch.said, watch.sighted_s) == ([], 10)
    watch.hears("east", 20.001)
    assert [word for _, word, _, _ in watch.said] == ["begin", "end"]


def test_patience_is_ten_steps_when_time_is_played_faster() -> None:
    watch = Watch()
    watch.hears("east", 0, step_s=60)
    watch.hears("east", 600, step_s=60)
    assert (watch.said, watch.sighted_s) == ([], 600)
    watch.hears("east", 1_260, step_s=60)
    assert watch.said == [(600, "begin", "east", 600), (1_260, "end", "east", 600)]


def test_a_gap_while_blind_already_says_nothing_more() -> None:
    watch = Watch()
    watch.hears("east", 0)
    watch.hears("east", 1, up=False)
    watch.hears("east", 100, up=False)
    assert watch.said == [(0, "begin", "east", 0)]
    watch.hears("east", 101)
    assert watch.said[1:] == [(101, "end", "east", 0)]
    assert watch.sighted_s == 0


def test_a_retired_ingest_is_forgotten() -> None:
    watch = Watch()
    watch.hears_every_second("east", 0, 5)
    watch.hears_every_second("west", 0, 5)
    watch.hears("west", 6, retired=True)
    watch.hears_every_second("east", 6, 60)
    assert (watch.log_s, watch.said) == (60, [])
    assert list(watch.sight.ingests) == ["east"]


def test_retiring_while_blind_ends_the_blindness_at_log_time() -> None:
    watch = Watch()
    watch.hears("west", 0)
    watch.hears_every_second("east", 0, 20)
    watch.hears("west", 0.5, retired=True)
    assert watch.said == [(0, "begin", "west", 0), (20, "end", "west", 0)]


def test_when_the_fastest_retires_the_others_are_no_longer_behind() -> None:
    """A clock that ran ahead made everybody else look late."""
    watch = Watch()
    watch.hears("west", 0)
    watch.hears("fast", 100)
    assert watch.said == [(0, "begin", "west", 0)]
    watch.hears("fast", 101, retired=True)
    assert watch.said[1:] == [(0, "end", "west", 0)]


def test_with_the_last_ingest_retired_time_stands_still() -> None:
    watch = Watch()
    watch.hears_every_second("east", 0, 5)
    watch.hears("east", 6, retired=True)
    assert (watch.log_s, watch.sighted_s, watch.said) == (5, 5, [])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["east", "west", "north"]),
            st.integers(-20, 40),
            st.sampled_from([True, True, True, False]),
            st.sampled_from([False] * 9 + [True]),
        ),
        max_size=60,
    )
)
def test_whatever_ticks_come_time_goes_on_and_blindness_alternates(ticks: list[tuple[str, int, bool, bool]]) -> None:
    watch, clocks = Watch(), {"east": 0, "west": 0, "north": 0}
    blind: dict[str, int] = {}
    for ingest, seconds, up, retired in ticks:
        log_ms, sighted = watch.sight.log_ms, watch.sight.sighted
        clocks[ingest] += seconds
        for change in watch.hears(ingest, clocks[ingest], up=up, retired=retired):
            assert change.began == (change.ingest not in blind)
            if change.began:
                blind[change.ingest] = change.since_ms
            assert change.since_ms == blind[change.ingest] <= change.event_ms
            if not change.began:
                del blind[change.ingest]
        assert watch.sight.log_ms >= log_ms
        assert 0 <= watch.sight.sighted - sighted <= max(0, watch.sight.log_ms - log_ms)
        assert watch.sight.blind == bool(blind)
