"""视频点: 在线率 and 完好率 of the first and second class, by platform and street, and what they hang on."""

from grafana_foundation_sdk.builders import stat, table, timeseries

from city.registry import ParentKind
from city.series import Measurement
from dashboards import palette
from dashboards.boards import shared
from dashboards.boards.frame import Board, Folder, Layout, Wall, board
from dashboards.boards.overview import parents_table
from dashboards.flux import Where
from dashboards.panels.tables import Column
from dashboards.panels.trends import curves
from dashboards.panels.values import figure, share, trouble

CLASS = "video-coverage"
WHERE: Where = {"class": CLASS}
CLASSES = {"ipc-class1": "一类视频点", "ipc-class2": "二类视频点"}
KEY, SECTOR = 98.0, 95.0
"""完好率 that is asked for at key public areas and in key sectors: 关于加强公共安全视频监控建设联网应用工作的若干意见
(2015). For 在线率 the same, as operator default."""


def video(wall: Wall) -> Board:
    kind = wall.city.street_kind
    platforms = {parent.id: parent.name for parent in wall.city.parents.values() if parent.kind is ParentKind.PLATFORM}
    platform = shared.named_column("platform", "平台", platforms)
    layout = Layout().row(4, *_figures(wall))
    layout.row(8, (_rates(wall, "在线率", shared.ONLINE), 12), (_rates(wall, "完好率", shared.INTACT), 12))
    layout.row(9, (_table(wall, "各平台", platform), 12), (_table(wall, f"各{kind}", shared.street_column(wall)), 12))
    layout.row(8, (parents_table(wall), 10), (shared.changes_table(wall, WHERE), 14))
    return board(wall, Folder.THEMES, "video", "视频点", layout)


def _figures(wall: Wall) -> list[tuple[stat.Panel, int]]:
    found: list[tuple[stat.Panel, int]] = []
    for slug, name in CLASSES.items():
        health = wall.store.now(Measurement.HEALTH, {**WHERE, "type": slug}).fields_as_columns()
        totals = health.totals((), ("devices", "offline", "faulty")).then("filter(fn: (r) => r.devices > 0)")
        found += [
            (figure(f"{name} 在用", totals.map(_value="r.devices").keep("_value"), QUIET), 3),
            (share(f"{name} 在线率", totals.map(_value=shared.ONLINE).keep("_value"), KEY, SECTOR), 4),
            (share(f"{name} 完好率", totals.map(_value=shared.INTACT).keep("_value"), KEY, SECTOR), 3),
        ]
    down = wall.store.now(Measurement.CITY, {}, ("parents_down",))
    return [*found, (trouble("中断链路", down, description="平台、网关、供电区、网络区"), 4)]


def _rates(wall: Wall, title: str, rate: str) -> timeseries.Panel:
    """A share of each class over time."""
    fields = ("devices", "offline", "faulty")
    sums = wall.store.trend(Measurement.HEALTH, fields, {**WHERE, "type": tuple(CLASSES)}).over(("type",))
    shares = sums.wide().then("filter(fn: (r) => r.devices > 0)").map(_value=rate).spread("type", CLASSES)
    marks = ((SECTOR, palette.POOR), (KEY, palette.GOOD))
    return curves(title, [shares], "percent", decimals=2, marks=marks)


def _table(wall: Wall, title: str, by: Column) -> table.Panel:
    where = {**WHERE, "type": tuple(CLASSES)}
    return shared.health_table(wall, where, [by, shared.named_column("type", "类别", CLASSES, 110)], title, intact=True)


QUIET = palette.steps((None, palette.GROUND))
