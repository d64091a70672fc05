"""Outlines of streets, and where things stand in them."""

import numpy as np
import pytest

from alerts.console.atlas import Atlas, atlas_of
from city.city import City
from city.geometry import NOBODY, Floats, Ground, outlines, path, projection, survey
from city.tables import read_city, shipped_pack


@pytest.fixture(scope="module")
def baoan() -> City:
    return read_city(shipped_pack("baoan"))


@pytest.fixture(scope="module")
def atlas(baoan: City) -> Atlas:
    return atlas_of(baoan)


def test_every_street_has_an_outline_around_most_of_its_grids_and_all_of_its_areas(baoan: City, atlas: Atlas) -> None:
    lat = np.array([g.lat for g in baoan.grids.values()] + [a.lat for a in baoan.areas.values()])
    lon = np.array([g.lon for g in baoan.grids.values()] + [a.lon for a in baoan.areas.values()])
    code = [baoan.street_of(g.parent) for g in baoan.grids.values()]
    code += [baoan.street_of(a.admin) for a in baoan.areas.values()]
    codes = np.array([unit.code if unit else "" for unit in code])
    places = projection(lat, lon)(lat, lon)
    assert len(atlas.streets) == 10
    for street in atlas.streets.values():
        inside = within(places, rings_of(street.path))
        assert inside[codes == street.code].mean() > 0.8, street.name  # the pack's made-up grids intermix a little
        assert inside[4000:][codes[4000:] == street.code].all(), street.name


def test_outlines_do_not_overlap_and_leave_no_gap_between_neighbours(atlas: Atlas) -> None:
    x, y = np.meshgrid(np.arange(0, atlas.width, 4) + 0.37, np.arange(0, atlas.height, 4) + 0.37)
    points = np.stack([x.ravel(), y.ravel()], axis=-1)
    owners = sum(within(points, rings_of(street.path)).astype(int) for street in atlas.streets.values())
    assert (owners > 1).mean() < 0.0005  # coordinates of paths are rounded
    land = (owners > 0).reshape(x.shape)
    holes = ~land[1:-1, 1:-1] & land[:-2, 1:-1] & land[2:, 1:-1] & land[1:-1, :-2] & land[1:-1, 2:]
    assert holes.sum() <= 2


def test_marks_stand_apart_each_in_its_own_street(atlas: Atlas) -> None:
    marks = list(atlas.areas.values())
    at = np.array([[mark.x, mark.y] for mark in marks])
    distance = np.hypot(*np.moveaxis(at[:, None] - at, -1, 0))
    np.fill_diagonal(distance, np.inf)
    assert len(marks) == 61
    assert distance.min() > 40
    for street in atlas.streets.values():
        mine = np.array([mark.street == street.code for mark in marks])
        assert within(at[mine], rings_of(street.path)).all(), street.name


def test_names_of_streets_keep_clear_of_marks_and_of_each_other(atlas: Atlas) -> None:
    marks = np.array([[mark.x, mark.y] for mark in atlas.areas.values()])
    names = np.array([[street.x, street.y] for street in atlas.streets.values()])
    away = np.abs(names[:, None] - marks)
    assert ((away[..., 0] > 30) | (away[..., 1] > 24)).all()
    between = np.abs(names[:, None] - names) + np.eye(len(names))[..., None] * 1000
    assert ((between[..., 0] > 80) | (between[..., 1] > 40)).all()


def test_a_city_of_towns_is_drawn_by_its_towns() -> None:
    dongguan = read_city(shipped_pack("dongguan"))
    atlas = atlas_of(dongguan)
    assert {dongguan.admin[code].kind for code in atlas.streets} == {dongguan.admin_kinds[1]}
    assert len(atlas.streets) == 33
    assert set(atlas.areas) == set(dongguan.areas)


def test_a_street_that_others_outnumber_everywhere_keeps_the_ground_under_its_point() -> None:
    points = np.concatenate([np.full((50, 2), 100.0), [[100.0, 100.0]]])
    street = np.array([0] * 50 + [1])
    ground = survey(points, street, np.ones(51), projection(np.array([0.0, 0.1]), np.array([0.0, 0.1])))
    assert len(ground.cells(1)) > 0
    assert all(outlines(ground))


def test_what_is_cut_off_from_its_street_goes_to_the_street_around_it() -> None:
    drawing = projection(np.array([0.0, 0.1]), np.array([0.0, 0.1]))
    points = np.array([[200.0, 200.0]] * 5 + [[600.0, 600.0]] * 5 + [[590.0, 610.0]])
    ground = survey(points, np.array([0] * 5 + [1] * 5 + [0]), np.array([1.0] * 10 + [9.0]), drawing)
    assert ground.at(np.array([600.0, 600.0])) == 1


def test_outside_the_raster_is_nobodys() -> None:
    ground = Ground(np.zeros((2, 2), np.int64))
    assert ground.at(np.array([[-1.0, 3.0], [3.0, 3.0], [99.0, 3.0]])).tolist() == [NOBODY, 0, NOBODY]


def test_a_path_closes_each_of_its_rings() -> None:
    assert path([np.array([[0, 0], [6.4, 0], [6, 6]]), np.array([[1.0, 1], [2, 1], [2, 2]])]) == (
        "M0 0L6 0L6 6ZM1 1L2 1L2 2Z"
    )


def rings_of(d: str) -> list[Floats]:
    rings = [ring.split("L") for ring in d.removeprefix("M").removesuffix("Z").split("ZM")]
    return [np.array([[float(part) for part in point.split()] for point in ring]) for ring in rings]


def within(points: Floats, rings: list[Floats]) -> np.ndarray:
    """Which points (n, 2) the rings enclose, by the number of edges to the right of each."""
    crossings = np.zeros(len(points), int)
    x, y = points.T
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if y0 != y1:
                crossings += ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return crossings % 2 == 1
