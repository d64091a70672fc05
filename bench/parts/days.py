"""The readings that the benchmarks play: a quiet day, as the simulators have it, and a storm."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from city.catalogue import Indicator
from city.city import City
from city.fleet import Fleet
from city.readings import Batch
from simulators.world import CALM as CALM_OF_STATIONS
from simulators.world import Calm

START_MS = 1_700_000_000_000
ROUND_MS = 60_000  # every device sends once a round
BEATS = 8  # of so many rounds one is of beats
CALM = CALM_OF_STATIONS | {
    # gauges
    "solar_voltage": Calm(18.0, 0.1, 1),
    "rssi": Calm(-70.0, 2.0, 0),
    "device_temperature": Calm(25.0, 0.2, 1),
    "immersed": Calm(0.0),
    # sentries
    "queue_len": Calm(4.0, 0.5, 0),
    "pass_rate": Calm(6.0, 1.0, 0),
    "deny_rate": Calm(0.0),
    "verify_latency_p95": Calm(0.8, 0.1, 1),
    "mode": Calm(0.0),
    # cameras
    "online": Calm(1.0),
    "stream_ok": Calm(1.0),
    "no_signal": Calm(0.0),
    "black": Calm(0.0),
    "frozen": Calm(0.0),
    "occluded": Calm(0.0),
    "fps": Calm(25.0),
    "bitrate": Calm(4000.0, 200.0, 0),
    "packet_loss": Calm(0.04, 0.01, 2),
    "rec_ok": Calm(1.0),
    "recording_integrity": Calm(99.9),
    "faulty": Calm(0.0),
    "clock_offset": Calm(0.5, 0.1, 1),
}
"""What is measured on a quiet day: by stations as the simulators have it, and what the messages of the others say."""
STORM_PER_MIN = {"rain_total": 1.0, "water_depth": 0.5, "stage": 0.01, "wind_speed": 0.3}
"""By how much a minute a storm moves what is measured, everywhere alike: 60 mm of rain an hour, and 5 cm of water in
ten minutes on every road."""


def rounds(
    city: City,
    fleet: Fleet,
    size: int,
    count: int,
    rng: np.random.Generator,
    most: int | None = None,
    storm: bool = False,
) -> Iterator[list[Batch]]:
    """`count` rounds of a quiet day, or of a storm that begins with the first: in each, every device sends a message
    (in every eighth a beat) in random order, cut into batches of `size` readings, the last of which may be smaller.
    `most`: devices in a round."""
    usual, beats = _Said(city, fleet, messages(city, fleet)), _Said(city, fleet, [[beat_of(city)]] * len(fleet.kinds))
    for n in range(count):
        said = beats if n % BEATS == BEATS - 1 else usual
        rows, place = said.readings(rng.permutation(len(fleet))[:most])
        sent_ms = START_MS + n * ROUND_MS + np.sort(rng.integers(0, ROUND_MS - 10_000, len(rows)))
        event_ms = np.maximum.accumulate(np.where(place == 0, sent_ms, 0))
        values = said.values(rows, place, rng, minutes=float(n) if storm else 0.0)
        seq, flags = np.full(len(rows), n, np.uint32), np.zeros(len(rows), np.uint8)
        whole = Batch(fleet.number[rows], said.number[fleet.kind[rows], place], event_ms, values, seq, flags)
        yield [whole[i : i + size] for i in range(0, len(rows), size)]


def messages(city: City, fleet: Fleet) -> list[list[Indicator]]:
    """What the usual message of each kind of device says, in order; a beat, where CALM knows of nothing else."""
    beat = beat_of(city)
    said = [[i for i in city.catalogue.reported(*kind) if i.id in CALM] for kind in fleet.kinds]
    video = {t.slug for t in city.catalogue.device_types if t.feed == "video"}
    return [
        [beat, *what] if not what or device_type in video else what
        for (_, device_type), what in zip(fleet.kinds, said, strict=True)
    ]


def beat_of(city: City) -> Indicator:
    """The indicator of beats."""
    return next(i for i in city.catalogue.indicators if i.id == "beat")


class _Said:
    """Messages by kind as tables, a row a kind and a column a place in its message."""

    def __init__(self, city: City, fleet: Fleet, said: list[list[Indicator]]) -> None:
        self._kind, self._site = fleet.kind, fleet.site
        self._lengths = np.array([len(what) for what in said])
        shape = (len(said), max(map(len, said)))
        self.number = np.zeros(shape, np.uint16)
        self._value, self._noise, self._per_min, self._least, self._most = (np.zeros(shape) for _ in range(5))
        self._mark = np.full(shape, -1)
        names: list[str] = []
        for kind, what in enumerate(said):
            for place, i in enumerate(what):
                calm, at = CALM.get(i.id, Calm(1.0)), (kind, place)
                self.number[at], self._least[at], self._most[at] = i.number, i.valid_min, i.valid_max
                self._value[at], self._noise[at] = calm.value, calm.noise
                self._per_min[at] = STORM_PER_MIN.get(i.id, 0.0)
                if calm.mark:
                    names += [calm.mark] if calm.mark not in names else []
                    self._mark[at] = names.index(calm.mark)
        levels = [city.sites[site].reference_levels for site in fleet.site_ids]
        self._marks = np.array([[of.get(name, 0.0) for name in (*names, "")] for of in levels])

    def readings(self, devices: Any) -> tuple[Any, Any]:
        """Row in the fleet, and place in the message, of each reading that some devices send."""
        lengths = self._lengths[self._kind[devices]]
        first = np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.repeat(devices, lengths), np.arange(lengths.sum()) - first

    def values(self, rows: Any, place: Any, rng: np.random.Generator, minutes: float) -> Any:
        """What is measured after so many minutes of a storm."""
        at = (self._kind[rows], place)
        usual = self._value[at] + self._marks[self._site[rows], self._mark[at]] + self._per_min[at] * minutes
        return np.clip(usual + self._noise[at] * rng.standard_normal(len(rows)), self._least[at], self._most[at])
