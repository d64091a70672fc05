"""属地: a street (or town), and a community (or village): the second and third level of the drill-down."""

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import stat, table, timeseries

from city.series import SAID, Measurement
from dashboards import palette
from dashboards.boards import choices, shared
from dashboards.boards.frame import Board, Folder, Layout, Wall, board
from dashboards.flux import Flux, Where
from dashboards.panels.tables import Column, Kind, rows
from dashboards.panels.trends import coloured, curves
from dashboards.panels.values import figure, share, trouble

STREET, COMMUNITY = "${street}", "${community}"


def street(wall: Wall) -> Board:
    kind, below, where = wall.city.street_kind, wall.city.admin_kinds[-1], {"street": STREET}
    inside = wall.address("community", street=STREET, community=shared.PLACE)
    communities = shared.places_table(wall, below, f"各{below}", (f"{below}详情", inside), above=STREET)
    layout = Layout().row(4, *_figures(wall, STREET))
    layout.beside(shared.area_map(wall, where), 9, (shared.areas_table(wall, where), 8), (communities, 9))
    layout.row(8, (shared.level_bands(wall, where), 12), (_curve(wall, STREET), 12))
    layout.row(8, (shared.tickets_table(wall, where), 14), (shared.incidents_table(wall, where), 10))
    layout.row(8, (shared.changes_table(wall, where), 14), (_health(wall, where), 10))
    return board(wall, Folder.PLACES, "street", kind, layout, [choices.street(wall)])


def community(wall: Wall) -> Board:
    kind, where = wall.city.admin_kinds[-1], {"community": COMMUNITY}
    layout = Layout().row(4, *_figures(wall, COMMUNITY))
    layout.row(9, (_sites(wall, where), 13), (_curve(wall, COMMUNITY), 11))
    layout.row(8, (_devices(wall), 9), (shared.site_readings(wall), 15))
    places = [choices.street(wall), _communities(wall, kind)]
    variables = [*places, choices.site(wall, where), choices.device(wall)]
    return board(wall, Folder.PLACES, "community", kind, layout, variables)


def _communities(wall: Wall, kind: str) -> build.QueryVariable:
    places = wall.store.ever(Measurement.PLACE, {"kind": kind, "above": STREET}, ("name",)).then("last()").group()
    return choices.asked("community", kind, places.map(_value='r._value + "|" + r.place').keep("_value"))


def _figures(wall: Wall, place: str) -> list[tuple[stat.Panel, int]]:
    def of(field: str) -> Flux:
        return wall.store.now(Measurement.PLACE, {"place": place}, (field,)).keep("_value")

    online = wall.store.now(Measurement.PLACE, {"place": place}, ("devices", "offline")).wide()
    rate = online.then("filter(fn: (r) => r.devices > 0)").map(_value=shared.ONLINE).keep("_value")
    level = figure("当前等级", of("level"), palette.level_steps())
    return [
        (level.mappings(palette.level_mappings()), 4),
        (trouble("预警", of("alerts"), palette.WARM), 4),
        (trouble("未结工单", of("tickets"), palette.GROUND), 3),
        (trouble("临期", of("due_soon"), palette.POOR), 3),
        (trouble("超时", of("overdue")), 3),
        (trouble("设备离线", of("offline")), 3),
        (share("设备在线率", rate, 98, 95), 4),
    ]


def _curve(wall: Wall, place: str) -> timeseries.Panel:
    fields = {
        "alerts": ("预警", palette.WARM),
        "offline": ("离线设备", palette.BLIND),
        "tickets": ("未结工单", palette.QUIET),
        "overdue": ("超时工单", palette.BAD),
    }
    counts = wall.store.trend(Measurement.PLACE, tuple(fields), {"place": place}).wide()
    return coloured(curves("预警、离线与工单", [counts], "none", decimals=0, steps=True), fields)


def _health(wall: Wall, where: Where) -> table.Panel:
    types = {each.slug: each.name for each in wall.city.catalogue.device_types}
    return shared.health_table(wall, where, [shared.named_column("type", "设备类型", types)], "设备", intact=True)


def _sites(wall: Wall, where: Where) -> table.Panel:
    found = wall.store.told(Measurement.SITE, ("name", "area_name", "road"), ("site", "class"), where)
    chosen = wall.address("community", street=STREET, community=COMMUNITY, site="${__data.fields.site}")
    return rows(
        "点位",
        found,
        [
            Column("name", "点位", link=("看这个点位", chosen)),
            Column("area_name", "监测区域"),
            shared.named_column("class", "类别", wall.class_names),
            Column("road", "路段"),
            Column("site", "编号", Kind.HIDDEN),
        ],
    )


def _devices(wall: Wall) -> table.Panel:
    """When each device of the chosen site was heard last, the one that has been silent longest first."""
    last = wall.store.lately(SAID, choices.SITE).then("last()").keep("device", "type", "_time")
    heard = last.group("device", "type").then('max(column: "_time")').group()
    types = {each.slug: each.name for each in wall.city.catalogue.device_types}
    return rows(
        "所选点位的设备最后数据",
        heard.then('sort(columns: ["_time"])'),
        [
            Column("device", "设备"),
            shared.named_column("type", "类型", types),
            Column("_time", "最后数据", Kind.TIME),
        ],
        "24 小时内有过数据的设备, 沉默最久的在前",
    )
