"""总览: the whole district at a glance, to be understood in two seconds from across the room."""

from grafana_foundation_sdk.builders import stat, table, timeseries

from city.registry import ParentKind
from city.series import Measurement
from dashboards import palette
from dashboards.boards import shared
from dashboards.boards.frame import Board, Folder, Layout, Wall, board
from dashboards.panels.tables import Column, Kind, rows
from dashboards.panels.trends import coloured, curves, stacked
from dashboards.panels.values import figure, trouble


def overview(wall: Wall) -> Board:
    kind = wall.city.street_kind
    streets = shared.places_table(wall, kind, f"各{kind}", (f"{kind}详情", wall.address("street", street=shared.PLACE)))
    layout = Layout().row(4, *_figures(wall))
    layout.beside(shared.area_map(wall, {}, (11, 20)), 11, (shared.areas_table(wall, {}), 11), (streets, 9))
    layout.row(8, (_levels(wall), 10), (index_curve(wall), 7), (_tickets(wall), 7))
    layout.row(8, (shared.changes_table(wall, {"nature": "hazard"}), 15), (parents_table(wall), 9))
    return board(wall, Folder.WATCH, "overview", "监测预警总览", layout, refresh="10s")


def _figures(wall: Wall) -> list[tuple[stat.Panel, int]]:
    levels = [(panel, 2) for panel in shared.level_figures(wall, {})]
    steps = palette.steps((None, palette.GROUND), (10, palette.POOR), (30, palette.WARM), (60, palette.BAD))
    told = "0 至 100: 一个红色区域为 18, 五个为 63, 十个为 86; 橙、黄、蓝各为红色的 1/2、1/5、1/10"
    index = figure("风险指数", wall.store.now(Measurement.CITY, {}, ("index",)), steps, "none", 0, told)
    return [
        *levels,
        (index, 3),
        (shared.blind_figure(wall, {}), 2),
        (_city(wall, "设备离线", "offline"), 2),
        (_city(wall, "链路中断", "parents_down"), 2),
        (_city(wall, "未结工单", "tickets", palette.GROUND), 2),
        (_city(wall, "工单超时", "overdue"), 2),
        (age_figure(wall), 3),
    ]


def _city(wall: Wall, title: str, field: str, colour: str = palette.BAD) -> stat.Panel:
    return trouble(title, wall.store.now(Measurement.CITY, {}, (field,)), colour)


def age_figure(wall: Wall) -> stat.Panel:
    """How old the newest of all figures is: a wall that stands still must say so."""
    newest = wall.store.ever(Measurement.CITY, {}, ("areas",)).then("last()")
    age = newest.map(_value="(int(v: v.timeRangeStop) - int(v: r._time)) / 1000000000").keep("_value")
    steps = palette.steps((None, palette.GOOD), (120, palette.POOR), (300, palette.BAD))
    told = "最新一组数据距所看时段末多久; 超过五分钟, 各图不再显示旧数"
    return figure("数据时效", age, steps, "suffix: 秒", 0, told)


def _levels(wall: Wall) -> timeseries.Panel:
    series = shared.level_series()
    counts = wall.store.trend(Measurement.CITY, tuple(series)).wide()
    return stacked("各等级区域数", counts, series)


def index_curve(wall: Wall) -> timeseries.Panel:
    curve = curves(
        "风险指数与盲区", [wall.store.trend(Measurement.CITY, ("index", "blind_areas")).wide()], "none", decimals=0
    )
    return coloured(curve, {"index": ("风险指数", "#f2a65a"), "blind_areas": ("盲区数", palette.BLIND)})


def _tickets(wall: Wall) -> timeseries.Panel:
    fields = {
        "tickets": ("未结", palette.QUIET),
        "due_soon": ("临期", palette.POOR),
        "overdue": ("超时", palette.BAD),
    }
    counts = wall.store.trend(Measurement.CITY, tuple(fields)).wide()
    return coloured(curves("工单", [counts], "none", decimals=0, steps=True), fields)


def parents_table(wall: Wall, title: str = "中断的链路", where: dict[str, str] | None = None) -> table.Panel:
    """Gateways, platforms, power and network zones that are down, and how many devices hang on each."""
    found = wall.store.now(Measurement.PARENT, where or {}).fields_as_columns().group()
    found = found.then("filter(fn: (r) => r.down == 1)", 'sort(columns: ["devices"], desc: true)')
    return rows(
        title,
        found,
        [
            Column("name", "名称"),
            Column("kind", "种类", width=72, words=palette.words({kind.value: kind.zh for kind in ParentKind})),
            shared.street_column(wall),
            Column("devices", "受影响设备", Kind.COUNT, 96),
            Column("since_ms", "自", Kind.TIME),
        ],
    )
