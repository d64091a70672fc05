"""Where marks and names go on a drawing: marks apart from each other, names clear of them."""

import numpy as np

from city.geometry import CELL, NOBODY, Floats, Ground, Ints

APART = 46.0  # between marks, drawing units
ROUNDS = 400
NAME_GLYPH = 30.0  # of a street's name and the line below it, drawing units
NAME_LINES = 32.0
NAME_LEAST = 84.0  # as wide as what may stand below it
CLEAR_ENOUGH = 34.0
SEA_WORTH = 0.7  # of a place off the land, to one on it


def apart(home: Floats, street: Ints, ground: Ground) -> Floats:
    """Places (n, 2) near `home` (n, 2), APART from each other as far as there is room, each in its `street` (n,)."""
    turn = np.arange(len(home)) * 2.4
    at: Floats = home + np.stack([np.cos(turn), np.sin(turn)], axis=-1)  # so that no two are at one place
    for _ in range(ROUNDS):
        between = at[:, None] - at[None]
        distance = np.hypot(between[..., 0], between[..., 1])
        np.fill_diagonal(distance, np.inf)
        push = between * (np.maximum(APART - distance, 0) / np.maximum(distance, 1e-6))[..., None]
        moved = at + push.sum(axis=1) * 0.3 + (home - at) * 0.01
        at = np.where((ground.at(moved) == street)[:, None], moved, at)
    return at


def place_names(names: list[str], ground: Ground, marks: Floats) -> list[tuple[float, float]]:
    """Where each street's name goes, two lines high. marks: (n, 2), what it keeps clear of."""
    cells = ground.cells()
    away = np.full(len(cells), CLEAR_ENOUGH)
    for mark in marks:
        away = np.minimum(away, np.hypot(*(cells - mark).T))
    clear = away.reshape(ground.owner.shape)
    return [_place_name(name, street, ground, clear) for street, name in enumerate(names)]


def _place_name(name: str, street: int, ground: Ground, clear: Floats) -> tuple[float, float]:
    """Best of all places: one's own ground, then the sea, never a neighbour's; clear of marks; near the middle.

    clear: (rows, columns) of the ground, how far the nearest mark is.
    """
    own = ground.cells(street)
    half = max(len(name) * NAME_GLYPH, NAME_LEAST) / 2
    box = np.array([[x * half, y * NAME_LINES] for x in (-1, -0.5, 0, 0.5, 1) for y in (-0.8, 0.2, 1.2)])
    middles = np.concatenate([own, ground.cells(NOBODY)])
    middles = middles[((middles[:, None] + box > 0) & (middles[:, None] + box < ground.size)).all(axis=(1, 2))]
    column, row = np.moveaxis(((middles[:, None] + box) / CELL).astype(np.int64), -1, 0)
    owner, room = ground.owner[row, column], clear[row, column].min(axis=1)
    home = (owner == street).mean(axis=1) + SEA_WORTH * (owner == NOBODY).mean(axis=1)
    from_middle = np.hypot(*(middles - own.mean(axis=0)).T)
    best = int(np.argmax(home * 700 + room * 20 - from_middle * 0.5))
    return round(float(middles[best, 0]), 1), round(float(middles[best, 1]), 1)
