"""四个联系人: who is called about a site that floods, in four ordered slots."""

from city.city import City
from city.registry import Area, Contact, Site, Unit

ROLES = ("主管部门联系人", "属地三防联系人", "村(社区)联系人(网格长)", "排水管养单位(第一响应人)")
"""By slot. Who the four are is not public: this is our assumption, and each city's table says its own."""


class ContactBook:
    """Finds the four contacts of a site among the city's units."""

    def __init__(self, city: City) -> None:
        self.city = city
        self._unit_of_grid = {officer.grid: officer.unit for officer in city.officers.values()}
        self._of_area: dict[str, list[Unit]] = {}

    def of(self, site: Site, area: Area) -> list[Contact]:
        """Four contacts; none where the city has no unit that answers for the area."""
        units = self._units(area)
        if not units:
            return []
        top, street = units[0], units[-1]
        drainage = next((unit for unit in units[1:] if unit.scope == top.scope), top)
        officers_unit = self._unit_of_grid.get(site.grid, street.id)
        chosen = (top.id, street.id, officers_unit, drainage.id)
        slots = enumerate(zip(ROLES, chosen, strict=True), 1)
        return [Contact(site=site.id, slot=slot, role=role, unit=unit) for slot, (role, unit) in slots]

    def _units(self, area: Area) -> list[Unit]:
        """Units that answer for an area's class, or for any when none names it; the widest scope first."""
        if area.id not in self._of_area:
            chain = [unit.code for unit in self.city.ancestors(area.admin)]
            near = [unit for unit in self.city.units.values() if unit.scope in chain]
            named = [unit for unit in near if area.risk_class in unit.classes]
            found = named or [unit for unit in near if not unit.classes]
            self._of_area[area.id] = sorted(found, key=lambda unit: -chain.index(unit.scope))
        return self._of_area[area.id]
