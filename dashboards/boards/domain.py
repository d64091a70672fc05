"""领域: one of the four risk domains, and the classes in it."""

from grafana_foundation_sdk.builders import table

from city.catalogue import Domain
from city.series import Measurement
from dashboards import palette
from dashboards.boards import shared
from dashboards.boards.frame import Board, Folder, Layout, Wall, board
from dashboards.panels.tables import Column, Kind, rows


def domains(wall: Wall) -> list[Board]:
    return [domain(wall, each) for each in wall.city.catalogue.domains]


def domain(wall: Wall, of: Domain) -> Board:
    where = {"domain": of.slug}
    classes = tuple(each.slug for each in wall.city.catalogue.classes if each.domain == of.slug)
    figures = [*shared.level_figures(wall, where), shared.blind_figure(wall, where)]
    incidents, health = (of(wall, {"class": classes}) for of in (shared.incidents_figure, shared.health_figure))
    layout = Layout().row(4, *((panel, 3) for panel in figures), (incidents, 4), (health, 5))
    layout.beside(
        shared.area_map(wall, where, (9, 17)), 9, (_classes(wall, where), 8), (shared.areas_table(wall, where), 9)
    )
    layout.row(8, (shared.level_trend(wall, where), 10), (shared.level_bands(wall, where), 14))
    layout.row(8, (shared.incidents_table(wall, {"class": classes}), 12), (_changes(wall, classes), 12))
    return board(wall, Folder.WATCH, f"domain-{of.slug}", f"领域 {of.name}", layout)


def _changes(wall: Wall, classes: tuple[str, ...]) -> table.Panel:
    return shared.changes_table(wall, {"nature": "hazard", "class": classes})


def _classes(wall: Wall, where: dict[str, str]) -> table.Panel:
    """The classes of a domain, the worst first."""
    areas = wall.store.now(Measurement.AREA, where).fields_as_columns()
    found = areas.map(areas="1", risky="if r.level > 0 then 1 else 0")
    found = found.totals(("class",), sums=("areas", "risky", "alerts", "devices", "offline", "blind"), most=("level",))
    link = ("类别详情", wall.address("class-${__data.fields.class}"))
    return rows(
        "各类别",
        found.then('sort(columns: ["level", "alerts"], desc: true)').map(name="r.class"),
        [
            Column("level", "等级", Kind.LEVEL, 64),
            Column("name", "类别", words=palette.words(wall.class_names), link=link),
            Column("areas", "区域", Kind.COUNT, 64),
            Column("risky", "有风险", Kind.COUNT, 72),
            Column("alerts", "预警", Kind.COUNT, 64),
            Column("devices", "设备", Kind.COUNT, 64),
            Column("offline", "离线", Kind.TROUBLE, 64),
            Column("blind", "盲区", Kind.TROUBLE, 64),
            Column("class", "编号", Kind.HIDDEN),
        ],
    )
