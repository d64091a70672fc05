"""A ward: a shard of the small city with a clock, for stories told in minutes."""

from collections.abc import Iterable, Mapping

from city.city import City
from city.fleet import Fleet, fleet_of
from city.levels import Level
from city.readings import Tick, batch_of
from city.transitions import Transition
from rules.engine.carry import Carried
from rules.engine.shard import Shard
from rules.language.pack import Pack
from tests.cities import BEAT, WATER_DEPTH

START_MS = 1_694_066_400_000
SECOND_MS, MINUTE_MS = 1_000, 60_000
STEP_S = 10


class Ward:
    """Ticks come every ten seconds; devices that live beat, and gauges that measure report, every thirty."""

    def __init__(self, city: City, pack: Pack, fleet: Fleet | None = None) -> None:
        self.city, self.pack = city, pack
        self.shard = Shard(city, fleet_of(city) if fleet is None else fleet, pack)
        self.now_ms = START_MS
        self.said: list[Transition] = []
        self._seq = 0
        self._tick()

    def minutes(self, n: float, alive: Iterable[str] = (), depth: Mapping[str, float] | None = None) -> "Ward":
        """Let time pass. `alive`: who beats meanwhile. `depth`: cm that gauges report meanwhile."""
        for second in range(STEP_S, int(n * 60) + 1, STEP_S):
            self.now_ms += STEP_S * SECOND_MS
            if second % 30 == 0:
                self._report(dict.fromkeys(alive, 1.0), BEAT)
                self._report(depth or {}, WATER_DEPTH)
            self._tick()
        return self

    def levels(self) -> dict[tuple[str, str], Level]:
        """Level of everything that has one, by rule and subject."""
        now = {(t.rule, t.subject): t.level_to for t in self.said}
        return {what: level for what, level in now.items() if level}

    def restarted(self, city: City | None = None, pack: Pack | None = None) -> tuple["Ward", Carried]:
        """The same ward after a restart with another registry or other rules, and how its state was carried over."""
        after = Ward.__new__(Ward)
        after.city, after.pack = city or self.city, pack or self.pack
        after.shard = Shard(after.city, fleet_of(after.city), after.pack)
        after.now_ms, after.said, after._seq = self.now_ms, list(self.said), self._seq
        carried = after.shard.restore(self.shard.snapshot())
        after.said += carried.ended
        return after, carried

    def _report(self, values: Mapping[str, float], indicator: int) -> None:
        numbers = [self.city.devices[device].number for device in values]
        n = len(numbers)
        self._seq += 1
        batch = batch_of(
            numbers, [indicator] * n, [self.now_ms] * n, list(map(float, values.values())), [self._seq] * n, [0] * n
        )
        self.said += self.shard.apply(batch)

    def _tick(self) -> None:
        self.said += self.shard.tick(Tick("east", self.now_ms, STEP_S * SECOND_MS, True, wall_ms=self.now_ms + 1.0))
