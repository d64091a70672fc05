"""Wording determines what people read of an incident: what and where, why, and whether it must still be verified."""

from alerts.book import Incident
from city.city import City
from city.transitions import Nature, SubjectKind, Transition

SUSPECTED = "存疑"
VERIFY = "存疑, 请网格员到场核实"
CONFIRMED = "已印证"

_CATEGORIES = {Nature.RULE: "系统运维"}


def place_name(city: City, place: str) -> str | None:
    """What people call an area, a site, a zone or a street (as a code, or as `code/zone`). None for what is none."""
    if place in city.sites:
        site = city.sites[place]
        area = city.areas.get(site.area)
        return site.name if area is None or area.name in site.name else f"{area.name} {site.name}"
    code, _, zone = place.partition("/")
    for table in (city.areas, city.zones, city.admin):
        if code in table:
            within = city.zones.get(zone)
            return table[code].name + (f" ({within.name})" if within is not None else "")
    return None


def title_of(incident: Incident, city: City, suspected: bool) -> str:
    """What and where, in the words of the city."""
    return f"【{SUSPECTED}】{_title(incident, city)}" if suspected else _title(incident, city)


def _title(incident: Incident, city: City) -> str:
    area, place = city.areas.get(incident.area or ""), place_name(city, incident.subject)
    parent, unit = city.parents.get(incident.subject), city.admin.get(incident.admin or "")
    if incident.nature is Nature.RULE:
        return f"规则 {incident.subject}: {incident.title}"
    if incident.nature is Nature.HAZARD and (place is not None or area is not None):
        return f"{place or (area.name if area else '')}: {incident.title}"
    if parent is not None:
        return f"{unit.name if unit else ''} {parent.name}: {incident.title}"
    if place is not None:
        return f"{place}: {incident.title}"
    return f"{area.name if area else ''} {incident.subject}: {incident.title}".strip()


def category_of(incident: Incident, city: City) -> str:
    if incident.nature is not Nature.HAZARD:
        return _CATEGORIES.get(incident.nature, "设施运维")
    classes = {c.slug: c.ticket_category for c in city.catalogue.classes}
    return classes.get(incident.risk_class or "", "其他")


def reason_of(transition: Transition, city: City) -> str:
    """Why, in one line: the reading and what held for how long."""
    kind = transition.subject_kind
    if kind is SubjectKind.RULE:
        return f"规则 {transition.subject} 运行时出错过多, 已停用: 它管的险情现在无人判定"
    if kind is SubjectKind.PARENT:
        return f"{transition.subject} 下 {transition.value:.0f} 台设备同时失联"
    subject = transition.subject if kind is SubjectKind.DEVICE else place_name(city, transition.subject)
    said = f"{subject or transition.subject} {transition.title}"
    if kind is SubjectKind.INGEST or not transition.unit:
        return said
    held = f", 持续 {transition.held_ms // 1000} 秒" if transition.held_ms else ""
    value = "" if transition.unit == "1" else f" {transition.value:g} {transition.unit}"
    return f"{said}{value}{held}"
