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
CALM = CALM_OF_STATIONS | {"queue_len": Calm(4.0, 0.5, 0), "packet_loss": Calm(0.04, 0.01, 2)}
"""What is measured on a quiet day: by stations as the simulators have it, by sentries and cameras as we say here."""
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
    """`count` rounds of a quiet day, or of a storm that begins with the first: in each, every device sends a reading of
    what it is there for, in every eighth a beat, in random order, cut into batches of `size`, the last of which may be
    smaller. `most`: rows of a round."""
    main = [_main_indicator(city, kind) for kind in fleet.kinds]
    number, beat = np.array([i.number for i in main], np.uint16), np.full(len(main), beat_of(city).number, np.uint16)
    per_min = np.array([STORM_PER_MIN.get(i.id, 0.0) * storm for i in main])[fleet.kind]
    value, noise = _calm_values(city, fleet, main)
    least, greatest = (np.array([getattr(i, name) for i in main])[fleet.kind] for name in ("valid_min", "valid_max"))
    for n in range(count):
        indicator = beat if n % BEATS == BEATS - 1 else number
        order, batches = rng.permutation(len(fleet))[:most], []
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            event_ms = START_MS + n * ROUND_MS + np.sort(rng.integers(0, ROUND_MS - 10_000, len(rows)))
            values = value[rows] + noise[rows] * rng.standard_normal(len(rows)) + per_min[rows] * n
            values = np.clip(values, least[rows], greatest[rows])
            seq, flags = np.full(len(rows), n, np.uint32), np.zeros(len(rows), np.uint8)
            batches.append(Batch(fleet.number[rows], indicator[fleet.kind[rows]], event_ms, values, seq, flags))
        yield batches


def beat_of(city: City) -> Indicator:
    """The indicator of beats."""
    return next(i for i in city.catalogue.indicators if i.id == "beat")


def _main_indicator(city: City, kind: tuple[str, str]) -> Indicator:
    """What a kind of device is there for: the first of its indicators of which CALM knows, else the beat."""
    return next((i for i in city.catalogue.reported(*kind) if i.id in CALM), beat_of(city))


def _calm_values(city: City, fleet: Fleet, main: list[Indicator]) -> tuple[Any, Any]:
    """(n,) each: what every device measures on a quiet day, and the noise of it."""
    calm = [CALM.get(i.id, Calm(1.0)) for i in main]
    value, noise = (np.array([getattr(c, name) for c in calm])[fleet.kind] for name in ("value", "noise"))
    marks = [city.sites[site].reference_levels for site in fleet.site_ids]
    for kind, of in enumerate(calm):
        if of.mark:
            rows = np.flatnonzero(fleet.kind == kind)
            value[rows] += [marks[site][of.mark] for site in fleet.site[rows]]
    return value, noise
