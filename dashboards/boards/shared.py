"""Panels that several boards have, each about whatever `where` narrows it to."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries

from city.catalogue import Indicator
from city.levels import LEVELS, Level
from city.series import Measurement, Statistic
from city.transitions import Nature
from dashboards import palette
from dashboards.boards.choices import DEVICE, SITE
from dashboards.boards.frame import Wall
from dashboards.flux import Flux, Where
from dashboards.panels.maps import level_map
from dashboards.panels.tables import Column, Kind, rows
from dashboards.panels.trends import bands, curves, stacked
from dashboards.panels.values import level_count, share, trouble
from dashboards.store import SITE_SPAN
from dashboards.units import WORDS as UNITS
from dashboards.units import unit

SEVERE = (Level.RED, Level.ORANGE, Level.YELLOW, Level.BLUE)
LOW_IS_BAD = frozenset(
    {
        *("manhole_headroom", "battery_voltage", "oxygen", "do", "ph", "pipe_pressure", "outlet_pressure"),
        *("hydrant_pressure", "wet_flow_ratio", "tank_temp_margin", "recording_integrity", "rec_ok", "online"),
        *("stream_ok", "fps", "registered", "gate_closed", "air_pressure", "fan_running"),
    }
)
"""Indicators of which the least is the worst; of all others the most is."""
PLACE = "${__data.fields.place}"
"""The code of the place that a row is about."""
ONLINE = "100.0 * float(v: r.devices - r.offline) / float(v: r.devices)"
"""在线率: of the devices in service, those that live."""
INTACT = "100.0 * float(v: r.devices - r.offline - r.faulty) / float(v: r.devices)"
"""完好率: of the devices in service, those that live and are well."""
DOUBT = palette.coloured_words({"1": ("存疑", "#f2a65a"), "0": (" ", palette.QUIET)})
BLIND_WORDS = palette.coloured_words({"1": ("盲区", palette.BLIND), "0": (" ", palette.QUIET)})
STATES = palette.words(
    {
        "suspected": "存疑待核",
        "reported": "上报",
        "accepted": "受理",
        "filed": "立案",
        "dispatched": "派遣",
        "signed": "签收",
        "disposing": "处置中",
        "feedback": "处置反馈",
        "verifying": "核查",
        "closed": "结案",
        "rework": "返工",
        "returned": "退单",
        "extension_pending": "延期申请",
        "suspended": "挂账",
        "merged": "并案",
        "void": "作废",
    }
)
NATURES = palette.words(
    {
        Nature.HAZARD.value: "风险",
        Nature.DEVICE.value: "设备",
        Nature.PARENT.value: "链路",
        Nature.BLIND.value: "盲区",
        Nature.RULE.value: "规则",
    }
)


def level_figures(wall: Wall, where: Where) -> list[stat.Panel]:
    """How many areas are red, orange, yellow and blue now."""
    areas = wall.store.now(Measurement.AREA, where, ("level",))
    return [
        level_count(f"{level.zh}区域", _counted(areas, f"r._value == {int(level)}"), palette.LEVEL_COLOURS[level])
        for level in SEVERE
    ]


def blind_figure(wall: Wall, where: Where) -> stat.Panel:
    """How many areas nobody sees now."""
    areas = wall.store.now(Measurement.AREA, where, ("blind",))
    told = "没有一台设备有数据,或采集中断: 平静不等于安全"
    return trouble("监测盲区", _counted(areas, "r._value == 1"), palette.BLIND, told)


def incidents_figure(wall: Wall, where: Where) -> stat.Panel:
    """How many incidents go on."""
    told = wall.store.ever(Measurement.INCIDENT, where, ("recovered_ms", "merged", "exercise")).fields_as_columns()
    goes_on = "if r.recovered_ms == 0 and r.merged == 0 and r.exercise == 0 then 1 else 0"
    question = told.group().map(_value=goes_on).keep("_value").then("sum()")
    return trouble("进行中的事件", question, palette.LEVEL_COLOURS[Level.ORANGE]).no_value("0")


def _counted(series: Flux, condition: str) -> Flux:
    """Of how many series something holds; no figure where there are no series."""
    return series.map(_value=f"if {condition} then 1 else 0").keep("_value").then("sum()")


def area_map(wall: Wall, where: Where, size: tuple[int, int] | None = None) -> build.Panel:
    """The areas in their colours. `size`: of the panel, in columns and rows of the board, to see the whole city; else
    only where these areas are."""
    areas = wall.store.now(Measurement.AREA, where).fields_as_columns().group().then('sort(columns: ["level"])')
    areas = areas.keep("area", "name", "class", "street", "level", "alerts", "devices", "offline", "blind")
    street = wall.address("street", street="${__data.fields.street}")
    links = [("区域详情", _area_address(wall)), (f"{wall.city.street_kind}详情", street)]
    blind = areas.then("filter(fn: (r) => r.blind == 1)")
    return level_map("监测区域四色图", areas, blind, wall.ground, size, links, "标记位置为示意, 彼此错开")


def _area_address(wall: Wall) -> str:
    """Of an area's class, narrowed to it."""
    return wall.address("class-${__data.fields.class}", area="${__data.fields.area}")


def areas_table(wall: Wall, where: Where, title: str = "风险区域", least: Level = Level.BLUE) -> table.Panel:
    """The areas from a level on, and those that nobody sees, the worst first."""
    found = wall.store.now(Measurement.AREA, where).fields_as_columns().group()
    found = found.then(f"filter(fn: (r) => r.level >= {int(least)} or r.blind == 1)")
    found = found.then('sort(columns: ["level", "blind", "alerts"], desc: true)')
    street = wall.address("street", street="${__data.fields.street}")
    return rows(
        title,
        found,
        [
            Column("level", "等级", Kind.LEVEL, 64),
            Column("name", "监测区域", link=("区域详情", _area_address(wall))),
            Column("class", "类别", words=palette.words(wall.class_names)),
            street_column(wall, link=("属地详情", street)),
            Column("alerts", "预警", Kind.COUNT, 56),
            Column("offline", "离线", Kind.TROUBLE, 56),
            Column("blind", "盲区", width=56, words=BLIND_WORDS),
            Column("suspected", "印证", width=56, words=DOUBT),
            Column("area", "编号", Kind.HIDDEN),
        ],
    )


def street_column(wall: Wall, link: tuple[str, str] | None = None) -> Column:
    """The street (or town) that a row is in."""
    return Column("street", wall.city.street_kind, width=84, words=palette.words(wall.street_names), link=link)


def named_column(name: str, title: str, words: Mapping[str, str], width: int | None = None) -> Column:
    """A column of codes, shown as the words for them."""
    return Column(name, title, width=width, words=palette.words(dict(words)))


def _area(wall: Wall) -> Column:
    return named_column("area", "区域", wall.area_names)


def level_trend(wall: Wall, where: Where, title: str = "各等级区域数") -> timeseries.Panel:
    """How many areas were at each level."""
    levels = wall.store.trend(Measurement.AREA, ("level",), where).keep("_time", "_value")
    each = levels.map(**{level.slug: f"if r._value == {int(level)} then 1 else 0" for level in LEVELS})
    counts = each.totals(("_time",), sums=tuple(level.slug for level in LEVELS))
    return stacked(title, counts.then('sort(columns: ["_time"])'), level_series())


def level_series() -> dict[str, tuple[str, str]]:
    """Columns of counts by level, with words and colours, the worst at the bottom."""
    return {level.slug: (level.zh, palette.LEVEL_COLOURS[level]) for level in SEVERE}


def level_bands(wall: Wall, where: Where, title: str = "各区域等级") -> statetimeline.Panel:
    """Each area's level over time."""
    levels = wall.store.trend(Measurement.AREA, ("level",), where)
    return bands(title, levels.spread("area", wall.area_names))


def changes_table(wall: Wall, where: Where, title: str = "最近等级变化") -> table.Panel:
    """What went up or down within a day of the end of the range, the newest first."""
    found = wall.store.lately(Measurement.TRANSITION, where).fields_as_columns().group()
    found = found.then('sort(columns: ["_time"], desc: true)', "limit(n: 200)").map(level="r.to", before="r.from")
    return rows(
        title,
        found,
        [
            Column("_time", "时间", Kind.TIME),
            Column("before", "原等级", Kind.LEVEL, 72),
            Column("level", "现等级", Kind.LEVEL, 72),
            Column("title", "预警"),
            Column("subject", "对象"),
            _area(wall),
            street_column(wall),
            Column("value", "读数", Kind.VALUE, 72),
            named_column("unit", "单位", UNITS, 100),
            Column("suspected", "印证", width=56, words=DOUBT),
        ],
        description="至多 200 条, 至多 24 小时",
    )


def incidents_table(wall: Wall, where: Where, title: str = "进行中的事件") -> table.Panel:
    """Incidents that go on, the worst first."""
    found = wall.store.ever(Measurement.INCIDENT, where).fields_as_columns().group()
    found = found.then("filter(fn: (r) => r.recovered_ms == 0 and r.merged == 0 and r.exercise == 0)")
    found = found.then('sort(columns: ["level", "_time"], desc: true)', "limit(n: 200)")
    return rows(
        title,
        found,
        [
            Column("level", "等级", Kind.LEVEL, 64),
            Column("peak", "最高", Kind.LEVEL, 64),
            Column("_time", "开始", Kind.TIME),
            Column("title", "事件"),
            Column("nature", "性质", width=56, words=NATURES),
            _area(wall),
            street_column(wall),
            Column("alerts", "预警", Kind.COUNT, 56),
            Column("suspected", "印证", width=56, words=DOUBT),
        ],
    )


def tickets_table(wall: Wall, where: Where, title: str = "未结工单") -> table.Panel:
    """Open tickets, those whose deadline is nearest first."""
    found = wall.store.ever(Measurement.TICKET, where).fields_as_columns().group()
    found = found.then("filter(fn: (r) => r.closed_ms == 0 and r.exercise == 0)")
    found = found.map(left="(r.due_ms - int(v: v.timeRangeStop) / 1000000) / 60000")
    found = found.then('sort(columns: ["left"])', "limit(n: 500)")
    units = {unit.id: unit.name for unit in wall.city.units.values()}
    return rows(
        title,
        found,
        [
            Column("level", "等级", Kind.LEVEL, 64),
            Column("id", "工单", width=160),
            Column("title", "事由"),
            Column("state", "状态", width=84, words=STATES),
            Column("unit", "处置单位", words=palette.words(units)),
            street_column(wall),
            Column("_time", "上报", Kind.TIME),
            Column("due_ms", "当前时限", Kind.TIME),
            Column("left", "剩余", Kind.LEFT, 100),
        ],
        description="剩余为负即超时; 至多 500 张",
    )


def places_table(wall: Wall, kind: str, title: str, link: tuple[str, str], above: str = "") -> table.Panel:
    """Administrative units of a kind, the worst first. `above`: only those right below it."""
    where: dict[str, str] = {"kind": kind} | ({"above": above} if above else {})
    found = wall.store.now(Measurement.PLACE, where).fields_as_columns().group()
    found = found.then('sort(columns: ["level", "alerts", "overdue"], desc: true)')
    online = f"if r.devices == 0 then 100.0 else {ONLINE}"
    return rows(
        title,
        found.map(online=online),
        [
            Column("level", "等级", Kind.LEVEL, 64),
            Column("name", kind, link=link),
            Column("alerts", "预警", Kind.COUNT, 64),
            Column("tickets", "未结工单", Kind.COUNT, 84),
            Column("due_soon", "临期", Kind.TROUBLE, 64),
            Column("overdue", "超时", Kind.TROUBLE, 64),
            Column("devices", "设备", Kind.COUNT, 64),
            Column("online", "在线率", Kind.SHARE, 84),
            Column("place", "编号", Kind.HIDDEN),
        ],
    )


def health_figure(wall: Wall, where: Where, title: str = "设备在线率") -> stat.Panel:
    """Share of the devices in service that live."""
    health = wall.store.now(Measurement.HEALTH, where).fields_as_columns()
    totals = health.totals((), sums=("devices", "offline"))
    return share(title, totals.then("filter(fn: (r) => r.devices > 0)").map(_value=ONLINE).keep("_value"), 98, 95)


def health_table(wall: Wall, where: Where, by: Sequence[Column], title: str, intact: bool = False) -> table.Panel:
    """Devices put together by columns, the worst share first. `intact`: with 完好率, which counts who is not well."""
    sums = ("devices", "offline", "faulty")
    found = wall.store.now(Measurement.HEALTH, where).fields_as_columns()
    found = found.totals(tuple(column.name for column in by), sums=sums).then("filter(fn: (r) => r.devices > 0)")
    found = found.map(online=ONLINE, intact=INTACT).then('sort(columns: ["online", "intact"])')
    columns = [
        *by,
        Column("devices", "在用", Kind.COUNT, 72),
        Column("offline", "离线", Kind.TROUBLE, 72),
        Column("faulty", "故障", Kind.TROUBLE, 72),
        Column("online", "在线率", Kind.SHARE, 88),
    ]
    return rows(title, found, [*columns, Column("intact", "完好率", Kind.SHARE, 88)] if intact else columns)


def health_curve(wall: Wall, where: Where, title: str, by: str, words: Mapping[str, str]) -> timeseries.Panel:
    """The share of devices that live, over time, one curve for each value of a tag."""
    found = wall.store.trend(Measurement.HEALTH, ("devices", "offline"), where).over((by,)).group(by)
    rate = found.wide().then("filter(fn: (r) => r.devices > 0)").map(_value=ONLINE)
    return curves(title, [rate.spread(by, words)], "percent", decimals=2)


def site_readings(wall: Wall) -> timeseries.Panel:
    """All that the chosen devices of the chosen site have measured."""
    indicators = {i.id: i.name for i in wall.city.catalogue.indicators}
    found = wall.store.readings((), {**SITE, **DEVICE}, raw_span=SITE_SPAN).keep("_time", "_value", "_field", "device")
    wide = found.group("device").pivoted("_time")
    panel = curves("所选点位的全部读数", [wide.then('sort(columns: ["_time"])').renamed(indicators)], "none")
    return panel.display_name("${__field.labels.device} ${__field.name}")


def summary_curve(wall: Wall, indicator: Indicator, risk_class: str) -> timeseries.Panel:
    """An indicator's worst value in each street."""
    how, word = (Statistic.MIN, "最小") if indicator.id in LOW_IS_BAD else (Statistic.MAX, "最大")
    found = wall.store.summary(indicator.id, {"class": risk_class}, how).spread("street", wall.street_names)
    return curves(f"{indicator.name} 各{wall.city.street_kind}{word}", [found], unit(indicator.unit))
