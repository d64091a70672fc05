"""类别: one of the fifteen classes, all by one template."""

from grafana_foundation_sdk.builders import table

from city.catalogue import Indicator, RiskClass
from city.series import Measurement
from dashboards.boards import choices, shared
from dashboards.boards.frame import Board, Folder, Layout, Wall, board
from dashboards.panels.tables import Column, rows

AREA = {"area": "${area}"}


def classes(wall: Wall) -> list[Board]:
    return [risk_class(wall, each) for each in wall.city.catalogue.classes]


def risk_class(wall: Wall, of: RiskClass) -> Board:
    where, indicators = {"class": of.slug}, measured(wall, of)
    figures = [*shared.level_figures(wall, where), shared.blind_figure(wall, where), shared.health_figure(wall, where)]
    bands = shared.level_bands(wall, where)
    layout = Layout().row(4, *((panel, 4) for panel in figures))
    layout.beside(shared.area_map(wall, where, (8, 15)), 8, (shared.areas_table(wall, where), 8), (bands, 7))
    layout.row(8, (shared.incidents_table(wall, where), 12), (shared.changes_table(wall, where), 12))
    layout.heading(f"各{wall.city.street_kind}趋势")
    layout.even(7, [shared.summary_curve(wall, each, of.slug) for each in indicators], 8)
    layout.heading("所选监测区域与点位")
    layout.row(8, (_sites(wall, of), 14), (_devices(wall, where), 10))
    layout.row(9, (shared.site_readings(wall), 24))
    areas = {area.id: area.name for area in wall.city.areas.values() if area.risk_class == of.slug}
    variables = [
        choices.listed("area", "监测区域", areas),
        choices.site(wall, AREA),
        choices.device(wall),
    ]
    return board(wall, Folder.THEMES, f"class-{of.slug}", f"{of.code} {of.name}", layout, variables)


def measured(wall: Wall, of: RiskClass) -> list[Indicator]:
    """What the types of device that stand there report, of the class's own indicators."""
    catalogue = wall.city.catalogue
    types = [each.slug for each in catalogue.device_types if of.slug in each.classes]
    found = {i.id: i for slug in types for i in catalogue.reported(of.slug, slug) if i.risk_class == of.slug}
    return list(found.values())


def _devices(wall: Wall, where: dict[str, str]) -> table.Panel:
    types = {each.slug: each.name for each in wall.city.catalogue.device_types}
    return shared.health_table(wall, where, [shared.named_column("type", "设备类型", types)], "本类别设备")


def _sites(wall: Wall, of: RiskClass) -> table.Panel:
    chosen = wall.address(f"class-{of.slug}", area="${area}", site="${__data.fields.site}")
    found = wall.store.told(Measurement.SITE, ("name", "road"), ("site",), AREA)
    return rows(
        "所选区域的点位",
        found,
        [
            Column("site", "点位", width=150, link=("看这个点位", chosen)),
            Column("name", "名称"),
            Column("road", "路段"),
        ],
    )
