"""Outlines determine how streets are drawn when all that is known of them is where their grids lie.

The ground is a raster. Every cell near enough to some point is land, bays narrower than a few kilometres are filled,
and a cell belongs to the street whose points lie thickest around it. Boundaries between two streets are smoothed once
and used by both, so that outlines neither overlap nor leave a gap. The result is a sketch, and is called one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Corner = tuple[int, int]

SIZE = 1000.0  # of the drawing's longer side, in drawing units
MARGIN = 36.0
CELL = 6.0  # of the raster
REACH = 34.0  # how far from a point there is certainly land
BAY = 170.0  # what is narrower than twice this is no bay
THICKNESS = 14.0  # how far a point's vote carries before it fades
SMOOTHINGS = 14
KEEP_EVERY = 3
NOBODY = -1


@dataclass(frozen=True)
class Projection:
    """Degrees to drawing units, x to the right and y down. Equirectangular: right enough for a city."""

    west: float
    north: float
    x_per_degree: float
    y_per_degree: float
    width: float
    height: float

    def degrees(self, points: Floats) -> Floats:
        """Longitude and latitude (..., 2) of points (..., 2) in drawing units."""
        lon = self.west + (points[..., 0] - MARGIN) / self.x_per_degree
        lat = self.north - (points[..., 1] - MARGIN) / self.y_per_degree
        return np.stack([lon, lat], axis=-1)

    def __call__(self, lat: Floats | float, lon: Floats | float) -> Floats:
        """Points (..., 2) in drawing units."""
        x = MARGIN + (np.asarray(lon) - self.west) * self.x_per_degree
        y = MARGIN + (self.north - np.asarray(lat)) * self.y_per_degree
        return np.stack([x, y], axis=-1).astype(np.float64)


def projection(lat: Floats, lon: Floats) -> Projection:
    """The projection that fits points of these (n,) degrees, with what lies around them, into the drawing."""
    shrink = float(np.cos(np.radians(lat.mean())))
    wide, tall = max(float(np.ptp(lon)) * shrink, 1e-4), max(float(np.ptp(lat)), 1e-4)
    y_per_degree = (SIZE - 2 * MARGIN) / max(wide, tall)
    width, height = wide * y_per_degree + 2 * MARGIN, tall * y_per_degree + 2 * MARGIN
    return Projection(float(lon.min()), float(lat.max()), y_per_degree * shrink, y_per_degree, width, height)


@dataclass(frozen=True)
class Ground:
    """The raster: `owner` (rows, columns) int64 is the street of a cell, NOBODY at sea. Cells are CELL wide."""

    owner: Ints

    @property
    def size(self) -> Floats:
        """Width and height, drawing units."""
        return np.array(self.owner.shape[::-1]) * CELL

    def at(self, points: Floats) -> Ints:
        """Owner at points (..., 2)."""
        cell = np.floor(points / CELL).astype(np.int64)
        rows, columns = self.owner.shape
        inside = (cell >= 0).all(axis=-1) & (cell[..., 0] < columns) & (cell[..., 1] < rows)
        x, y = np.clip(cell[..., 0], 0, columns - 1), np.clip(cell[..., 1], 0, rows - 1)
        return np.where(inside, self.owner[y, x], NOBODY)

    def cells(self, street: int | None = None) -> Floats:
        """Middles of a street's cells, or of all, row by row: (n, 2)."""
        rows, columns = np.nonzero(np.full(self.owner.shape, True) if street is None else self.owner == street)
        return np.asarray((np.stack([columns, rows], axis=-1) + 0.5) * CELL, np.float64)


def survey(points: Floats, street: Ints, weight: Floats, drawing: Projection) -> Ground:
    """Who owns which ground. points: (n, 2) drawing units; street: (n,) from 0 up; weight: (n,) of a point's vote."""
    shape = int(np.ceil(drawing.height / CELL)), int(np.ceil(drawing.width / CELL))
    column, row = np.clip((points / CELL).astype(np.int64), 0, np.array(shape[::-1]) - 1).T
    votes = np.zeros((int(street.max()) + 1, *shape))
    np.add.at(votes, (street, row, column), weight)
    land = _closed(_grown(np.asarray(votes.any(axis=0)), REACH / CELL), BAY / CELL)
    thickness = _around(votes, lambda distance: 1 / (1 + (distance * CELL / THICKNESS) ** 2) ** 2)
    owner = np.where(land, thickness.argmax(axis=0), NOBODY)
    outvoted = np.isin(street, owner, invert=True)  # streets that would vanish keep the ground under their points
    owner[row[outvoted], column[outvoted]] = street[outvoted]
    return Ground(_whole(owner))


def outlines(ground: Ground) -> list[list[Floats]]:
    """Rings of every street, each (n, 2) drawing units; those of neighbours share their points."""
    smoothed: dict[tuple[Corner, ...], Floats] = {}
    owner = np.pad(ground.owner, 1, constant_values=NOBODY)
    corners = _junctions(owner)
    streets = range(int(ground.owner.max()) + 1)
    return [[_smooth_ring(ring, corners, smoothed) for ring in _rings(owner, street)] for street in streets]


def _around(fields: Floats, kernel: Callable[[Floats], Floats]) -> Floats:
    """Each (rows, columns) field folded with a kernel of the distance in cells, as far as the field is large."""
    rows, columns = fields.shape[-2:]
    dy, dx = np.arange(-rows + 1, rows), np.arange(-columns + 1, columns)
    weights = kernel(np.hypot(dy[:, None], dx[None, :]))
    size = (_even(rows + weights.shape[0]), _even(columns + weights.shape[1]))
    folded = np.fft.irfft2(np.fft.rfft2(fields, size) * np.fft.rfft2(weights, size), size)
    return np.asarray(folded[..., rows - 1 : 2 * rows - 1, columns - 1 : 2 * columns - 1])


def _even(n: int) -> int:
    """At least n, and of a length that is quickly transformed."""
    return -(-n // 32) * 32


def _grown(mask: Mask, cells: float) -> Mask:
    return np.asarray(_around(mask.astype(float), lambda distance: (distance <= cells).astype(float)) > 0.5)


def _closed(mask: Mask, cells: float) -> Mask:
    """The mask with every inlet filled into which no disc of so many cells would fit."""
    pad = int(cells) + 2
    grown = _grown(np.pad(mask, pad), cells)
    return np.asarray(~_grown(~grown, cells)[pad:-pad, pad:-pad] | mask)


def _whole(owner: Ints) -> Ints:
    """Owners with every street in one piece: scattered bits go to the street around them."""
    for street in range(int(owner.max()) + 1):
        pieces = sorted(_pieces(owner == street), key=len)
        for piece in pieces[:-1]:
            rows, columns = np.array(piece).T
            owner[rows, columns] = NOBODY
            around = [owner[r, c] for place in piece for r, c in _beside(place, owner.shape) if owner[r, c] != NOBODY]
            owner[rows, columns] = np.bincount(around).argmax() if around else NOBODY
    return owner


def _pieces(mask: Mask) -> Iterator[list[Corner]]:
    left = {(int(r), int(c)) for r, c in zip(*np.nonzero(mask), strict=True)}
    while left:
        piece = [left.pop()]
        for place in piece:
            near = [beside for beside in _beside(place, mask.shape) if beside in left]
            left.difference_update(near)
            piece += near
        yield piece


def _beside(place: Corner, shape: tuple[int, ...]) -> Iterator[Corner]:
    for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        r, c = place[0] + dr, place[1] + dc
        if 0 <= r < shape[0] and 0 <= c < shape[1]:
            yield r, c


def _junctions(owner: Ints) -> set[Corner]:
    """Corners of cells where more than two boundaries meet: they stay where they are, so that outlines meet there."""
    nw, ne, sw, se = owner[:-1, :-1], owner[:-1, 1:], owner[1:, :-1], owner[1:, 1:]
    meeting = (nw != ne).astype(int) + (ne != se) + (se != sw) + (sw != nw)
    return {(int(r) + 1, int(c) + 1) for r, c in zip(*np.nonzero(meeting > 2), strict=True)}


def _rings(owner: Ints, street: int) -> Iterator[list[Corner]]:
    """Boundaries of a street as closed walks over the corners of its cells, the street on the right hand."""
    ahead: dict[Corner, list[Corner]] = {}
    for r, c in zip(*np.nonzero(owner == street), strict=True):
        north, east, south, west = (
            (int(r), int(c)),
            (int(r), int(c) + 1),
            (int(r) + 1, int(c) + 1),
            (int(r) + 1, int(c)),
        )
        sides = ((-1, 0, north, east), (0, 1, east, south), (1, 0, south, west), (0, -1, west, north))
        for dr, dc, begin, end in sides:
            if owner[r + dr, c + dc] != street:
                ahead.setdefault(begin, []).append(end)
    while ahead:
        ring = [next(iter(ahead))]
        while (ends := ahead.get(ring[-1])) is not None:
            ring.append(ends.pop())
            if not ends:
                del ahead[ring[-2]]
        yield ring


def _smooth_ring(ring: Sequence[Corner], fixed: set[Corner], done: dict[tuple[Corner, ...], Floats]) -> Floats:
    """A ring with each stretch between fixed corners smoothed, always in the same direction."""
    start = next((i for i, corner in enumerate(ring[:-1]) if corner in fixed), ring.index(min(ring)))
    turned = [*ring[start:-1], *ring[:start], ring[start]]
    cuts = [0, *(i for i in range(1, len(turned) - 1) if turned[i] in fixed), len(turned) - 1]
    stretches = []
    for begin, end in pairwise(cuts):
        stretch = tuple(turned[begin : end + 1])
        forward = min(stretch, stretch[::-1])
        if forward not in done:
            done[forward] = _smooth(forward)
        points = done[forward] if forward == stretch else done[forward][::-1]
        stretches.append(points[:-1])
    return np.concatenate(stretches)


def _smooth(stretch: Sequence[Corner]) -> Floats:
    """(n, 2) drawing units; its ends stay. Corners are (row, column) of the raster padded by one cell."""
    points = (np.array(stretch, np.float64)[:, ::-1] - 1) * CELL
    for _ in range(SMOOTHINGS):
        points[1:-1] = (points[:-2] + 2 * points[1:-1] + points[2:]) / 4
    kept = [*range(0, len(points) - 1, KEEP_EVERY), len(points) - 1]
    return points[kept]


def path(rings: Sequence[Floats]) -> str:
    """Rings as the `d` of an SVG path."""
    return "".join("M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in ring) + "Z" for ring in rings)
