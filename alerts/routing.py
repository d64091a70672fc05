"""A Route determines whose task a ticket is: geography gives the grid, then the nearest unit that answers for the
class."""

from collections.abc import Iterable
from math import cos, hypot, radians

from alerts.tickets import Route
from city.city import City
from city.registry import Site, Unit


def route(city: City, risk_class: str | None, site: str | None, admin: str | None, area: str | None = None) -> Route:
    """Route of an incident at a site, in an area, or known only by its administrative unit: what is about a whole
    street or zone is no single grid's.

    Walks up from the grid; at each step a unit of that scope that answers for the class wins over one that answers for
    all. Ends at a staffed unit of the top. LookupError when the city has none: `unstaffed` tells beforehand.
    """
    grid = city.sites[site].grid if site is not None and site in city.sites else _grid_of_area(city, area)
    above = tuple(unit.code for unit in city.ancestors(grid or admin or _top(city)))
    for scope in above or (_top(city),):
        unit = _answering(city, scope, risk_class)
        if unit is not None:
            return Route(grid, above, unit.id)
    raise LookupError(f"no staffed unit answers for {risk_class} anywhere above {grid or admin}")


def unstaffed(city: City) -> list[str]:
    """Areas from which a ticket of their class would reach nobody. Empty: every route ends at someone."""
    missing = []
    for area in city.areas.values():
        try:
            route(city, area.risk_class, None, area.admin)
        except LookupError:
            missing.append(area.id)
    return missing


def _grid_of_area(city: City, area: str | None) -> str | None:
    """Grid of the site nearest to an area's middle; None for an area without sites."""
    middle = city.areas.get(area or "")
    if middle is None:
        return None
    sites = [site for site in city.sites.values() if site.area == middle.id]
    # A degree of longitude is shorter than one of latitude by this much; over one area that is exact enough.
    narrow = cos(radians(middle.lat))

    def distance(site: Site) -> tuple[float, str]:
        return hypot(site.lat - middle.lat, (site.lon - middle.lon) * narrow), site.id

    return min(sites, key=distance).grid if sites else None


def _answering(city: City, scope: str, risk_class: str | None) -> Unit | None:
    here = [unit for unit in city.units.values() if unit.scope == scope]
    return _first(unit for unit in here if risk_class in unit.classes) or _first(
        unit for unit in here if not unit.classes and unit.staffed
    )


def _first(units: Iterable[Unit]) -> Unit | None:
    return min(units, key=lambda unit: unit.id, default=None)


def _top(city: City) -> str:
    return next(unit.code for unit in city.admin.values() if unit.parent is None)
