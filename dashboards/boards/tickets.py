"""工单督办: what is open, what is late, whose it is."""

from grafana_foundation_sdk.builders import stat, table, timeseries

from city.series import Measurement
from dashboards import palette
from dashboards.boards import shared
from dashboards.boards.frame import Board, Folder, Layout, Wall, board
from dashboards.flux import Flux
from dashboards.panels.tables import Column, Kind, rows
from dashboards.panels.trends import bars, coloured, curves, stacked
from dashboards.panels.values import trouble

COUNTS = ("tickets", "due_soon", "overdue")
HOURS = "1h"


def tickets(wall: Wall) -> Board:
    layout = Layout().row(4, *_figures(wall))
    layout.row(13, (shared.tickets_table(wall, {}), 24))
    layout.row(9, (_units(wall), 10), (_by_level(wall), 7), (_late(wall), 7))
    layout.row(9, (_streets(wall), 12), (_opened(wall), 12))
    return board(wall, Folder.WATCH, "tickets", "工单督办", layout)


def _figures(wall: Wall) -> list[tuple[stat.Panel, int]]:
    def of(field: str) -> Flux:
        return wall.store.now(Measurement.CITY, {}, (field,))

    levels = [
        (trouble(f"{level.zh}未结", of(f"tickets_{level.slug}"), palette.LEVEL_COLOURS[level]), 3)
        for level in shared.SEVERE
    ]
    return [
        (trouble("未结", of("tickets"), palette.GROUND), 4),
        (trouble("临期", of("due_soon"), palette.POOR, "已过当前时限的 80 %, 应督办"), 4),
        (trouble("超时", of("overdue")), 4),
        *levels,
    ]


def _units(wall: Wall) -> table.Panel:
    """Units with what they have open, those that are late first."""
    found = wall.store.now(Measurement.TICKETS).fields_as_columns().totals(("unit",), COUNTS)
    names = {unit.id: unit.name for unit in wall.city.units.values()}
    return rows(
        "各处置单位",
        found.then("filter(fn: (r) => r.tickets > 0)", 'sort(columns: ["overdue", "due_soon", "tickets"], desc: true)'),
        [
            shared.named_column("unit", "处置单位", names),
            Column("tickets", "未结", Kind.COUNT, 72),
            Column("due_soon", "临期", Kind.TROUBLE, 72),
            Column("overdue", "超时", Kind.TROUBLE, 72),
        ],
    )


def _by_level(wall: Wall) -> timeseries.Panel:
    series = {f"tickets_{level.slug}": (level.zh, palette.LEVEL_COLOURS[level]) for level in shared.SEVERE}
    return stacked("各等级未结工单", wall.store.trend(Measurement.CITY, tuple(series)).wide(), series)


def _late(wall: Wall) -> timeseries.Panel:
    series = {"due_soon": ("临期", palette.POOR), "overdue": ("超时", palette.BAD)}
    counts = wall.store.trend(Measurement.CITY, tuple(series)).wide()
    return coloured(curves("临期与超时", [counts], "none", decimals=0, steps=True), series)


def _streets(wall: Wall) -> table.Panel:
    kind = wall.city.street_kind
    return shared.places_table(wall, kind, f"各{kind}", (f"{kind}详情", wall.address("street", street=shared.PLACE)))


def _opened(wall: Wall) -> timeseries.Panel:
    """How many tickets were reported in each window, and of those reported then how many are closed by now."""
    told = wall.store.points(Measurement.TICKET, {}, ("level", "closed_ms")).fields_as_columns().group()
    each = told.map(opened="1", closed="if r.closed_ms > 0 then 1 else 0").then('sort(columns: ["_time"])')
    counts = [
        each.then(f'aggregateWindow(every: {HOURS}, fn: sum, column: "{name}", createEmpty: true)')
        for name in ("opened", "closed")
    ]
    return bars(
        coloured(
            curves("每小时新报与其中已结", counts, "none", decimals=0),
            {"opened": ("新报", "#5aa9e6"), "closed": ("其中已结", palette.GOOD)},
        )
    )
