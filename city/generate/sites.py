"""New sites in areas, with the marks that rules need and the four contacts of those that may flood."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from city.generate.contacts import ContactBook
from city.generate.ground import Ground
from city.generate.names import Names
from city.generate.places import Floats, line, scatter
from city.registry import Area, Contact, Site

WATERLOGGING, UNDERPASS = "waterlogging", "underpass-flooding"
DEPTH = "water_depth"
WARNING_DEPTH_CM = {WATERLOGGING: (12, 18), UNDERPASS: (15, 20)}
"""Least and most 警戒水深 of a site. Around the 15 cm of GB 51222; the spread is our own proposal."""
Marks = dict[str, float]


@dataclass
class SiteMaker:
    """Makes sites, and keeps them in `made`, with the `contacts` of those that may flood."""

    ground: Ground
    names: Names
    book: ContactBook
    rng: np.random.Generator
    made: list[Site] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)

    def scattered(self, area: Area, count: int, marks: Sequence[Marks] = ()) -> list[str]:
        """Ids of new sites somewhere in an area. marks: reference levels of the first of them."""
        lats, lons = scatter(self.rng, area.lat, area.lon, area.radius_m, count)
        return self._make(area, lats, lons, self.ground.grids_of(area, lats, lons), marks)

    def chain(self, area: Area, count: int, step_m: tuple[float, float], marks: Sequence[Marks] = ()) -> list[str]:
        """Ids of new sites downstream in a line around the centre of an area, and past its radius if need be; each
        has the one before upstream."""
        lats, lons = line(self.rng, area.lat, area.lon, step_m, count)
        grids = self.ground.grids_of(area, lats, lons, whole_street=True)
        return self._make(area, lats, lons, grids, marks, chained=True)

    def _make(
        self,
        area: Area,
        lats: Floats,
        lons: Floats,
        grids: list[str],
        marks: Sequence[Marks],
        chained: bool = False,
    ) -> list[str]:
        count, stem = len(grids), f"{area.id}-S"
        depths = self._warning_depths(area, count)
        ids = self.names.take(stem, count, self.names.width(stem, count, 2))
        made = [
            Site(
                id=id_,
                name=f"{area.name}第{id_.removeprefix(stem)}点",
                area=area.id,
                grid=grids[i],
                lat=float(lats[i]),
                lon=float(lons[i]),
                reference_levels=depths[i] | (marks[i] if i < len(marks) else {}),
                upstream=ids[i - 1 : i] if chained and i else [],
                illustrative=True,
            )
            for i, id_ in enumerate(ids)
        ]
        self.made += made
        self.contacts += [c for site in made if DEPTH in site.reference_levels for c in self.book.of(site, area)]
        return ids

    def _warning_depths(self, area: Area, count: int) -> list[Marks]:
        if area.risk_class not in WARNING_DEPTH_CM:
            return [{}] * count
        least, most = WARNING_DEPTH_CM[area.risk_class]
        return [{DEPTH: float(depth)} for depth in self.rng.integers(least, most + 1, count)]
