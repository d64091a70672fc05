"""A Sampler determines of which moments of log time it is said how the city stands, and says it: all of it every
STANDING_MS, and what has changed at the moment that it does. Where something is recorded late, it goes back and says it
again."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from city.series import STANDING_MS
from city.transitions import Transition
from streams.series.census import Census
from streams.series.history import History
from streams.series.lines import Point
from streams.series.moment import changed, ended, points
from streams.series.register import DAY_MS, register_points
from streams.series.standing import Standing

AT_ONCE_MS = 10 * 60_000
"""Log time caught up with in one go."""
OVERLAP_MS = 10_000
"""Time for which a transaction may be under way: what it recorded comes to light only then."""


class Sampler:
    """Says how the city stands up to a moment, and goes on from there. `at_ms`: said until then; None: from now on."""

    def __init__(self, history: History, census: Census, at_ms: int | None = None) -> None:
        self._history, self._census = history, census
        self._at_ms = at_ms
        self._standing: Standing | None = None
        self._said: list[Point] = []
        self._seen: frozenset[str] = frozenset()
        self._newest_wall_ms = 0.0
        self._newest_log_ms = 0
        self._register_ms: int | None = None

    def lines(self) -> list[str]:
        """What is to be said since the last time, of at most AT_ONCE_MS. Empty: nothing yet."""
        log_ms = self._history.log_ms()
        if log_ms is None:
            return []
        if self._standing is None:
            self._newest_wall_ms = self._history.newest_recorded()
            self._look()
            self._begin_at(log_ms - STANDING_MS if self._at_ms is None else self._at_ms)
        elif new := self._look():
            self._begin_at(min(self._at_ms or 0, min(new) - 1))
        assert self._at_ms is not None
        until_ms = min(max(log_ms, self._newest_log_ms), self._at_ms + AT_ONCE_MS)
        return list(self._reach(until_ms))

    @property
    def at_ms(self) -> int | None:
        """Log time up to which it has been said how the city stands."""
        return self._at_ms

    @property
    def behind_ms(self) -> int:
        """Log time that is still to be said."""
        return max(0, (self._history.log_ms() or 0) - (self._at_ms or 0))

    def _look(self) -> list[int]:
        """Log times of what has come to light since the last look."""
        recorded = self._history.recorded_since(self._newest_wall_ms - OVERLAP_MS)
        new = [r.log_ms for r in recorded if r.id not in self._seen]
        self._newest_wall_ms = max([self._newest_wall_ms, *(r.wall_ms for r in recorded)])
        self._seen = frozenset(r.id for r in recorded if r.wall_ms > self._newest_wall_ms - OVERLAP_MS)
        self._newest_log_ms = max([self._newest_log_ms, *new])
        return new

    def _begin_at(self, at_ms: int) -> None:
        """Take up how things stood at a moment, unless that is where we are."""
        if self._standing is None or at_ms != self._at_ms:
            self._at_ms = at_ms
            self._standing = Standing({t.alert: t for t in self._history.open_at(at_ms)})
            self._said = self._points(self._standing, at_ms)

    def _reach(self, until_ms: int) -> Iterator[str]:
        assert self._at_ms is not None
        changes = self._history.between(self._at_ms, until_ms)
        times = [t.log_ms for t in changes]
        taken = 0
        for moment_ms in sorted({*_marks(self._at_ms, until_ms), *times}):
            upto = bisect_right(times, moment_ms)
            yield from self._say(moment_ms, changes[taken:upto])
            taken = upto
        yield from self._papers(self._at_ms - OVERLAP_MS, until_ms)
        self._at_ms = max(until_ms, self._at_ms)

    def _say(self, at_ms: int, changes: Iterable[Transition]) -> Iterator[str]:
        assert self._standing is not None
        for transition in changes:
            self._standing.take(transition)
        now = self._points(self._standing, at_ms)
        mark = at_ms % STANDING_MS == 0
        said = [*now, *ended(self._said, now)] if mark else changed(self._said, now)
        self._said = now
        yield from (point.line(at_ms) for point in said)
        if mark:
            yield from self._shards(at_ms)
            yield from self._register(at_ms)

    def _shards(self, at_ms: int) -> Iterator[str]:
        shards = self._history.shards()
        newest_ms = max((shard.log_ms or 0 for shard in shards), default=0)
        return (line for shard in shards for line in shard.lines(at_ms, newest_ms))

    def _register(self, at_ms: int) -> Iterator[str]:
        """Sites and contacts of a day that has begun, or in which we have."""
        day_ms = at_ms - at_ms % DAY_MS
        if day_ms != self._register_ms:
            self._register_ms = day_ms
            yield from (point.line(day_ms) for point in register_points(self._census))

    def _points(self, standing: Standing, at_ms: int) -> list[Point]:
        return points(standing, self._census, self._history.paper_at(at_ms), at_ms)

    def _papers(self, after_ms: int, until_ms: int) -> Iterator[str]:
        """Incidents and tickets to which something happened, as they are now."""
        paper, city = self._history.paper_between(after_ms, until_ms), self._census.city
        for ticket in paper.tickets:
            yield ticket.line(city.street_of(next(iter(ticket.admin), None)))
        for incident in paper.incidents:
            yield incident.line(city.street_of(incident.admin))


def _marks(after_ms: int, until_ms: int) -> range:
    """Moments of the grid after one time and until another."""
    return range((after_ms // STANDING_MS + 1) * STANDING_MS, until_ms + 1, STANDING_MS)
