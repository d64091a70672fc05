"""The lowest levels of an administration: communities below its streets, grids below them, officers in the grids."""

from dataclasses import dataclass

import msgspec
import numpy as np

from city.generate.places import scatter, split
from city.registry import AdminUnit, Grid, Officer


class AdministrationPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to make. `communities`: how many by code of the unit above; `kind` is what they are called.

    `officers` are shared out evenly: each grid has as many as another, or one more. Not fewer than `grids`.
    `officer_unit` is the id of an officer's unit, with {slug} for that of the unit above.
    """

    seed: int
    kind: str
    communities: dict[str, int]
    grids: int
    officers: int
    officer_prefix: str
    officer_unit: str
    community_spread_m: float
    grid_spread_m: float


@dataclass(frozen=True)
class Administration:
    """What was made, in order of codes."""

    communities: list[AdminUnit]
    grids: list[Grid]
    officers: list[Officer]


def administration(above: list[AdminUnit], plan: AdministrationPlan) -> Administration:
    """Communities, grids and officers below these units, which must have coordinates. Same plan, same result.

    A community's code is that of its unit and three digits, a grid's that of its community and three more.
    """
    rng = np.random.default_rng(plan.seed)
    units = [unit for unit in above if unit.code in plan.communities]
    communities = [c for unit in units for c in _communities(rng, unit, plan)]
    shares = split(plan.grids, 0.6 + 0.8 * rng.random(len(communities)))
    grids = [g for c, count in zip(communities, shares, strict=True) for g in _grids(rng, c, count, plan)]
    slug_of = {c.code: unit.slug for unit in units for c in communities if c.parent == unit.code}
    return Administration(communities, grids, _officers(rng, grids, slug_of, plan))


def _communities(rng: np.random.Generator, unit: AdminUnit, plan: AdministrationPlan) -> list[AdminUnit]:
    assert unit.lat is not None and unit.lon is not None
    count = plan.communities[unit.code]
    lats, lons = scatter(rng, unit.lat, unit.lon, plan.community_spread_m, count)
    return [
        AdminUnit(
            code=f"{unit.code}{i + 1:03d}",
            name=f"{unit.name}第{i + 1:02d}{plan.kind}",
            kind=plan.kind,
            parent=unit.code,
            code_system="示例",
            lat=float(lats[i]),
            lon=float(lons[i]),
            illustrative=True,
        )
        for i in range(count)
    ]


def _grids(rng: np.random.Generator, community: AdminUnit, count: int, plan: AdministrationPlan) -> list[Grid]:
    assert community.lat is not None and community.lon is not None
    lats, lons = scatter(rng, community.lat, community.lon, plan.grid_spread_m, count)
    return [
        Grid(
            code=f"{community.code}{i + 1:03d}",
            name=f"{community.name}第{i + 1:03d}网格",
            parent=community.code,
            lat=float(lats[i]),
            lon=float(lons[i]),
            illustrative=True,
        )
        for i in range(count)
    ]


def _officers(
    rng: np.random.Generator, grids: list[Grid], slug_of: dict[str, str | None], plan: AdministrationPlan
) -> list[Officer]:
    """As many officers in each grid as go round, and one more in as many grids as are left over."""
    each, left = divmod(plan.officers, len(grids))
    more = set(np.argsort(rng.random(len(grids)), kind="stable")[:left].tolist())
    posts = [grid for i, grid in enumerate(grids) for _ in range(each + (i in more))]
    return [
        Officer(
            id=f"{plan.officer_prefix}{i + 1:05d}",
            grid=grid.code,
            unit=plan.officer_unit.format(slug=slug_of[grid.parent]),
        )
        for i, grid in enumerate(posts)
    ]
