"""Shares and places: how a count is split, and where things stand around a centre."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

METRES_A_DEGREE = 111_320.0  # of latitude
LONGEST_LINE_M = 30_000.0


def split(count: int, weights: Sequence[float] | Floats) -> list[int]:
    """`count` in whole shares as near as can be to the weights (largest remainders); the shares sum to `count`."""
    exact = np.asarray(weights, float) * count / float(np.sum(weights))
    shares = np.floor(exact).astype(np.int64)
    largest = np.argsort(shares - exact, kind="stable")[: count - int(shares.sum())]
    shares[largest] += 1
    return [int(share) for share in shares]


def level(count: int, floors: Sequence[int]) -> list[int]:
    """`count` in shares as equal as can be, none below its floor. The floors must not sum to more than `count`.

    Of shares that cannot be quite equal, those with higher floors get one more.
    """
    shares = list(floors)
    rising = sorted(range(len(floors)), key=lambda i: (-floors[i], i))
    left = count
    while rising and floors[rising[0]] * len(rising) > left:
        left -= floors[rising.pop(0)]  # its floor is above what the rest can have
    for place, i in enumerate(rising):
        shares[i] = left // len(rising) + (place < left % len(rising))
    return shares


def scatter(rng: np.random.Generator, lat: float, lon: float, radius_m: float, n: int) -> tuple[Floats, Floats]:
    """Latitudes and longitudes, (n,) each, of n places spread evenly over a disc; to the nearest metre or so."""
    distance = radius_m * np.sqrt(rng.random(n)) / METRES_A_DEGREE
    bearing = 2 * np.pi * rng.random(n)
    lats = lat + distance * np.cos(bearing)
    lons = lon + distance * np.sin(bearing) / np.cos(np.radians(lat))
    return np.round(lats, 5), np.round(lons, 5)


def line(
    rng: np.random.Generator, lat: float, lon: float, step_m: tuple[float, float], n: int
) -> tuple[Floats, Floats]:
    """Latitudes and longitudes, (n,) each, of n places one after another along a winding line around a centre.

    step_m: least and most from one to the next; less where so many would lead out of the city.
    """
    steps = rng.uniform(*step_m, n - 1) / METRES_A_DEGREE
    steps *= min(1.0, LONGEST_LINE_M / METRES_A_DEGREE / max(steps.sum(), 1e-9))
    bearing = rng.uniform(0, 2 * np.pi) + rng.uniform(-0.5, 0.5, n - 1)
    north = np.concatenate([[0.0], np.cumsum(steps * np.cos(bearing))])
    east = np.concatenate([[0.0], np.cumsum(steps * np.sin(bearing))]) / np.cos(np.radians(lat))
    return np.round(lat + north - north[-1] / 2, 5), np.round(lon + east - east[-1] / 2, 5)


def distance_m(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """Between two places of one city."""
    east = (lon - to_lon) * np.cos(np.radians(to_lat))
    return float(np.hypot(lat - to_lat, east) * METRES_A_DEGREE)


def nearest(lats: Floats, lons: Floats, to_lats: Floats, to_lons: Floats) -> npt.NDArray[np.int64]:
    """Index of the nearest of the places `to_*` (k,) for each of the places (n,): (n,) int64. k must not be 0."""
    shrink = np.cos(np.radians(to_lats[0]))
    found = np.empty(len(lats), np.int64)
    for start in range(0, len(lats), 10_000):  # in pieces, to bound the table of distances
        piece = slice(start, start + 10_000)
        north = lats[piece, None] - to_lats[None, :]
        east = (lons[piece, None] - to_lons[None, :]) * shrink
        found[piece] = np.argmin(north**2 + east**2, axis=1)
    return found
