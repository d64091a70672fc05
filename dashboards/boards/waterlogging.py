"""积水内涝: how deep it is, how fast it rises, the rain beside it, the pumps, a site's record, and whom to call."""

from grafana_foundation_sdk.builders import stat, table, timeseries

from city.catalogue import Indicator
from city.series import Measurement
from dashboards import palette
from dashboards.boards import choices, shared
from dashboards.boards.choices import SITE
from dashboards.boards.frame import Board, Folder, Layout, Wall, board
from dashboards.flux import Flux, Where, compared, joined
from dashboards.panels.tables import Column, Kind, rows
from dashboards.panels.trends import bars, coloured, curves
from dashboards.panels.values import figure, trouble
from dashboards.store import SITE_SPAN
from dashboards.units import unit

CLASSES = ("waterlogging", "underpass-flooding")
OF_STREET: Where = {"class": CLASSES, "street": "${street}"}
DEPTH, RAIN, PUMPS = "water_depth", "rain_total", ("pump_expected", "pump_running")
HEARD, RISE = "30m", "10m"
"""How old a depth may be to be shown as that of now: gauges speak every five minutes; and the time of a rise."""
MARKS = ((15.0, palette.POOR), (27.0, palette.BAD))
"""Depths in cm of lines in curves: 15, GB 51222; 27, the red line of Beijing's underpasses."""
DEPTH_STEPS = palette.level_steps_at(10, 15, 27, 40)
"""As the rule waterlogging-depth has its levels."""
RECORD = {
    "name": "点位",
    "area_name": "监测区域",
    "road": "路段",
    "lat": "纬度",
    "lon": "经度",
    "elevation": "基准高程(米)",
    "upstream": "上游点位",
    "devices": "设备",
    "contacts": "联系人",
    "mark_water_depth": "警戒水深(厘米)",
}


def waterlogging(wall: Wall) -> Board:
    layout = Layout().row(9, (_sites(wall), 14), (shared.areas_table(wall, OF_STREET), 10))
    layout.row(8, (_deepest(wall), 9), (_rain(wall), 8), (_pumps(wall), 7))
    layout.heading("所选点位")
    layout.row(4, *_figures(wall))
    layout.row(9, (_depth(wall), 11), (_rise(wall), 7), (_record(wall), 6))
    layout.row(7, (_contacts(wall), 8), (_without_contacts(wall), 6), (shared.changes_table(wall, OF_STREET), 10))
    variables = [choices.street(wall), choices.site(wall, OF_STREET)]
    return board(wall, Folder.THEMES, "waterlogging", "积水内涝", layout, variables)


def _indicator(wall: Wall, name: str) -> Indicator:
    """As the first class that has it measures it."""
    return next(i for i in wall.city.catalogue.indicators if i.id == name and i.risk_class in CLASSES)


def _now(wall: Wall, where: Where, how: str = "last()", reach: str = HEARD) -> Flux:
    """The depth that each gauge told last, or first, within some time."""
    found = wall.store.lately(Measurement.READING, where, (DEPTH,), reach)
    return found.then(how).keep("site", "device", "_time", "_value")


def _sites(wall: Wall) -> table.Panel:
    """The sites of a street, the deepest first."""
    now = _now(wall, OF_STREET).group("site").then("max()").keep("site", "_time", "_value").group()
    fields = ("name", "mark_water_depth", "contacts")
    records = wall.store.ever(Measurement.SITE, OF_STREET, fields).then("last()").fields_as_columns().group()
    deep = joined(now, records.keep("site", *fields), "site").then('sort(columns: ["_value"], desc: true)')
    chosen = wall.address("waterlogging", street="${street}", site="${__data.fields.site}")
    depth = unit(_indicator(wall, DEPTH).unit)
    return rows(
        "点位水深, 最深在前",
        deep.map(over="r._value - r.mark_water_depth"),
        [
            Column("name", "点位", link=("看这个点位", chosen)),
            Column("_value", "水深", Kind.VALUE, 96, depth),
            Column("mark_water_depth", "警戒水深", Kind.VALUE, 96, depth),
            Column("over", "超警戒", Kind.VALUE, 96, depth),
            Column("_time", "时间", Kind.TIME),
            Column("contacts", "联系人", Kind.COUNT, 72),
            Column("site", "编号", Kind.HIDDEN),
        ],
        "30 分钟内报过水深的点位",
    )


def _deepest(wall: Wall) -> timeseries.Panel:
    found = wall.store.summary(DEPTH, OF_STREET).spread("class", wall.class_names)
    return curves("最大水深", [found], unit("cm"), marks=MARKS)


def _rain(wall: Wall) -> timeseries.Panel:
    """What fell on each gauge within ten minutes, or an hour where only hours are kept: the mean and the most."""
    totals = wall.store.readings((RAIN,), OF_STREET, every=RISE).keep("_time", "_value", "device").group("device")
    fell = totals.then("difference(nonNegative: true)").group().then('sort(columns: ["_time"])')
    mean, most = (fell.windows(how, RISE).map(_field=f'"{how}"') for how in ("mean", "max"))
    panel = curves("雨量", [mean.wide(), most.wide()], unit("mm"), description="每格 10 分钟; 更长的时段每格 1 小时")
    return bars(coloured(panel, {"mean": ("平均", "#5aa9e6"), "max": ("最大", "#2b6ea8")}))


def _pumps(wall: Wall) -> timeseries.Panel:
    """How many pumps should run, and do."""
    sums = wall.store.readings(PUMPS, OF_STREET).over(()).wide()
    panel = curves("水泵", [sums], "none", decimals=0, steps=True)
    return coloured(panel, {"pump_expected": ("应开", palette.WARM), "pump_running": ("在运行", palette.GOOD)})


def _figures(wall: Wall) -> list[tuple[stat.Panel, int]]:
    depth = _now(wall, SITE).group().then("max()")
    mark = wall.store.ever(Measurement.SITE, SITE, ("mark_water_depth",)).then("last()").keep("_value")
    contacts = wall.store.ever(Measurement.SITE, SITE, ("contacts",)).then("last()")
    missing = contacts.map(_value="4 - r._value").keep("_value")
    return [
        (figure("当前水深", depth.keep("_value"), DEPTH_STEPS, unit("cm"), 1), 6),
        (
            figure(
                "近 15 分钟涨落",
                _risen(wall),
                palette.steps((None, palette.GROUND), (3, palette.POOR), (10, palette.BAD)),
                unit("cm"),
                1,
            ),
            6,
        ),
        (figure("警戒水深", mark, palette.steps((None, palette.GROUND)), unit("cm"), 0), 6),
        (trouble("缺联系人", missing, description="每个点位应有四个联系人"), 6),
    ]


def _risen(wall: Wall) -> Flux:
    """How much a gauge's depth changed within a quarter of an hour, in which it speaks twice: the most of a site."""
    first, last = (_now(wall, SITE, how, "15m") for how in ("first()", "last()"))
    both = compared(first, last, ("before", "after"), ("site", "device"))
    return both.map(_value="r.after - r.before").then("max()").keep("_value")


def _depth(wall: Wall) -> timeseries.Panel:
    found = wall.store.readings((DEPTH,), SITE, raw_span=SITE_SPAN).spread("device", {})
    return curves("水深", [found], unit("cm"), decimals=1, marks=MARKS)


def _rise(wall: Wall) -> timeseries.Panel:
    depths = wall.store.readings((DEPTH,), SITE, every=RISE, raw_span=SITE_SPAN)
    rise = depths.then("difference()").spread("device", {})
    return bars(curves("每 10 分钟涨落", [rise], unit("cm"), decimals=1))


def _record(wall: Wall) -> table.Panel:
    """What the registry says of the site."""
    found = wall.store.ever(Measurement.SITE, SITE, tuple(RECORD)).then("last()")
    said = found.map(said="string(v: r._value)").keep("_field", "said").group()
    return rows("点位档案", said, [shared.named_column("_field", "项目", RECORD, 130), Column("said", "内容")])


def _contacts(wall: Wall) -> table.Panel:
    found = wall.store.ever(Measurement.CONTACT, SITE).then("last()").fields_as_columns().group()
    return rows(
        "四个联系人",
        found.then('sort(columns: ["slot"])'),
        [Column("slot", "次序", width=56), Column("role", "岗位"), Column("unit", "单位")],
        "岗位与单位; 姓名与电话不入时序库",
    )


def _without_contacts(wall: Wall) -> table.Panel:
    """Sites that may flood and have not four contacts: those whom nobody would call."""
    found = (
        wall.store.ever(Measurement.SITE, OF_STREET, ("name", "contacts")).then("last()").fields_as_columns().group()
    )
    few = found.then("filter(fn: (r) => r.contacts < 4)", 'sort(columns: ["contacts"])')
    return rows("联系人不足的点位", few, [Column("name", "点位"), Column("contacts", "联系人", Kind.COUNT, 72)])
