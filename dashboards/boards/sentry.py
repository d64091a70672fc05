"""电子哨兵: checkpoints of communities: who queues, who gets through, and which lanes do not answer."""

from grafana_foundation_sdk.builders import stat, table, timeseries

from city.catalogue import Indicator
from city.series import Measurement, Statistic
from dashboards import palette
from dashboards.boards import choices, shared
from dashboards.boards.frame import Board, Folder, Layout, Wall, board
from dashboards.boards.overview import parents_table
from dashboards.flux import Flux
from dashboards.panels.tables import Column, Kind, rows
from dashboards.panels.trends import coloured, curves
from dashboards.panels.values import figure, trouble
from dashboards.units import unit

CLASS, TYPE = "community-checkpoint", "electronic-sentry"
WHERE = {"class": CLASS, "type": TYPE}
OF_STREET = WHERE | {"street": "${street}"}
MODES = ("在线核验", "离线放行", "常开")
"""As the contract counts them (docs/mqtt.md): who lets pass without asking looks healthy, and is not."""
FLOW = (
    ("pass_rate", Statistic.MEAN, "通行速率 平均"),
    ("deny_rate", Statistic.MEAN, "拒绝速率 平均"),
    ("verify_latency_p95", Statistic.MAX, "核验时延 P95 最大"),
)
LANE = ("queue_len", "pass_rate", "deny_rate", "verify_latency_p95", "mode")


def sentry(wall: Wall) -> Board:
    kind = wall.city.street_kind
    online = shared.health_curve(wall, WHERE, f"各{kind}在线率", "street", wall.street_names)
    streets = shared.health_table(wall, WHERE, [shared.street_column(wall)], f"各{kind}", intact=True)
    layout = Layout().row(4, *_figures(wall))
    layout.row(9, (streets, 11), (online, 13))
    layout.row(8, *((_flow(wall, *each), 8) for each in FLOW))
    layout.heading(f"所选{kind}")
    layout.row(9, (_lanes(wall), 14), (_modes(wall), 10))
    layout.row(8, (shared.changes_table(wall, {"class": CLASS}), 14), (parents_table(wall), 10))
    return board(wall, Folder.THEMES, "sentry", "电子哨兵", layout, [choices.street(wall)])


def _indicator(wall: Wall, name: str) -> Indicator:
    return next(i for i in wall.city.catalogue.indicators if i.id == name and i.risk_class == CLASS)


def _figures(wall: Wall) -> list[tuple[stat.Panel, int]]:
    health = wall.store.now(Measurement.HEALTH, WHERE)

    def total(field: str) -> Flux:
        return health.where({"_field": field}).group().then("sum()").keep("_value")

    longest = wall.store.lately(Measurement.READING, WHERE, ("queue_len",), "5m").then("last()").group().then("max()")
    queue = palette.steps((None, palette.GROUND), (10, palette.POOR), (20, palette.WARM), (40, palette.BAD))
    return [
        (figure("在用车道", total("devices"), palette.steps((None, palette.GROUND))), 4),
        (shared.health_figure(wall, WHERE, "在线率"), 5),
        (trouble("离线", total("offline")), 4),
        (trouble("故障", total("faulty"), palette.WARM), 4),
        (figure("最长排队", longest.keep("_value"), queue, unit("{person}")), 4),
        (shared.blind_figure(wall, {"class": CLASS}), 3),
    ]


def _flow(wall: Wall, name: str, how: Statistic, title: str) -> timeseries.Panel:
    found = wall.store.summary(name, {"class": CLASS}, how).spread("street", wall.street_names)
    return curves(title, [found], unit(_indicator(wall, name).unit))


def _lanes(wall: Wall) -> table.Panel:
    """The lanes of a street as they said last, the longest queue first."""
    told = wall.store.lately(Measurement.READING, OF_STREET, LANE, "15m").then("last()")
    lanes = told.keep("device", "site", "_field", "_value").group()
    wide = lanes.then('pivot(rowKey: ["device", "site"], columnKey: ["_field"], valueColumn: "_value")')
    units = {name: unit(_indicator(wall, name).unit) for name in LANE}
    return rows(
        "车道",
        wide.then('sort(columns: ["queue_len"], desc: true)', "limit(n: 500)"),
        [
            Column("device", "车道"),
            Column("site", "卡口"),
            Column("queue_len", "排队", Kind.VALUE, 84, units["queue_len"]),
            Column("pass_rate", "通行", Kind.VALUE, 110, units["pass_rate"]),
            Column("deny_rate", "拒绝", Kind.VALUE, 110, units["deny_rate"]),
            Column("verify_latency_p95", "时延 P95", Kind.VALUE, 100, units["verify_latency_p95"]),
            shared.named_column("mode", "方式", {str(number): word for number, word in enumerate(MODES)}, 96),
        ],
        "15 分钟内有过数据的车道, 至多 500 条",
    )


def _modes(wall: Wall) -> timeseries.Panel:
    """How many lanes verify, let pass offline, or stand open."""
    said = wall.store.readings(("mode",), OF_STREET).keep("_time", "_value")
    names = [f"mode_{number}" for number in range(len(MODES))]
    each = said.map(**{name: f"if r._value == {number}.0 then 1 else 0" for number, name in enumerate(names)})
    panel = curves(
        "核验方式", [each.totals(("_time",), tuple(names)).then('sort(columns: ["_time"])')], "none", decimals=0
    )
    colours = (palette.GOOD, palette.WARM, palette.BAD)
    return coloured(panel, dict(zip(names, zip(MODES, colours, strict=True), strict=True)))
