"""What the registry says of sites and their contacts, as points: said once a day, so that a wall can show it beside
what is measured there. Posts and units, never persons."""

from collections.abc import Iterator

from city.city import City
from city.registry import Contact, Site
from city.series import Measurement
from streams.series.census import Census
from streams.series.lines import Point, Value

DAY_MS = 86_400_000


def register_points(census: Census) -> Iterator[Point]:
    """Of every site in which devices are in service, and of its contacts."""
    city = census.city
    sites = {device.site for device in census.in_service}
    for site in sorted(sites):
        yield _site_point(city.sites[site], census)
    for (site, _), contact in sorted(city.contacts.items()):
        if site in sites:
            yield _contact_point(contact, census)


def _site_point(site: Site, census: Census) -> Point:
    city, area = census.city, census.city.areas[site.area]
    fields: dict[str, Value] = {
        "name": site.name,
        "area_name": area.name,
        "road": site.road_section,
        "lat": float(site.lat),
        "lon": float(site.lon),
        "upstream": "、".join(city.sites[above].name for above in site.upstream),
        "devices": census.devices_of_site[site.id],
        "contacts": sum((site.id, slot) in city.contacts for slot in range(1, 5)),
    }
    if site.reference_elevation_m is not None:
        fields["elevation"] = float(site.reference_elevation_m)
    fields |= {f"mark_{name}": float(level) for name, level in site.reference_levels.items()}
    tags = {"site": site.id, "area": area.id, "class": area.risk_class}
    return Point(Measurement.SITE, tags | _where(city, site), fields)


def _contact_point(contact: Contact, census: Census) -> Point:
    site = census.city.sites[contact.site]
    tags = {"site": site.id, "slot": str(contact.slot)} | _where(census.city, site)
    unit = census.city.units[contact.unit]
    return Point(Measurement.CONTACT, tags, {"role": contact.role, "unit": unit.name, "staffed": int(unit.staffed)})


def _where(city: City, site: Site) -> dict[str, str]:
    return {"street": city.areas[site.area].admin, "community": city.grids[site.grid].parent}
