"""系统自身: whether what the other boards show can be trusted: does data come in, is it judged in time, is any lost,
and who does not see?"""

from grafana_foundation_sdk.builders import stat, table, timeseries

from city.series import Measurement
from dashboards import palette
from dashboards.boards import shared
from dashboards.boards.frame import Board, Folder, Layout, Wall, board
from dashboards.boards.overview import age_figure
from dashboards.flux import Flux
from dashboards.panels.tables import Column, Kind, rows
from dashboards.panels.trends import bars, coloured, curves
from dashboards.panels.values import figure, trouble

REASONS = {
    "topic": "主题不符",
    "oversize": "报文过大",
    "not-json": "不是 JSON",
    "not-xml": "不是 XML",
    "schema": "字段不符",
    "personal-data": "含个人信息",
    "unknown-device": "未登记设备",
    "wrong-device": "设备号不符",
    "range": "超量程",
    "unit": "单位错误",
    "indicator": "不测的指标",
    "signal": "信号对照不上",
    "clock": "时钟无效",
    "frame": "帧不可读",
    "poison": "处理失败",
}
"""As on the page of the duty room."""
PROCESSES = {"ingest": "采集", "detect": "研判", "incidents": "事件工单", "series": "时序"}
NOW = "2m"
"""Processes report every ten seconds: what none has told within this is not known."""
WINDOW_S = "(float(v: int(v: v.windowPeriod)) / 1000000000.0)"
TICKET_DELAY, DETECT_DELAY = "qianshao_incidents_ticket_delay_seconds", "qianshao_detect_delay_seconds"
LOG_WRITE, SERIES_WRITE = "qianshao_ingest_write_seconds", "qianshao_series_write_seconds"
CHECKPOINT = "qianshao_detect_checkpoint_seconds"
FAR_BEHIND = 1_000
"""Records of the log, of which a shard gets at most some forty a second. Operator default."""
SLOW_S, TOO_SLOW_S = 1.0, 5.0
"""From a reading in the log to its ticket: more is worth a look, and is too late. Operator default."""


def system(wall: Wall) -> Board:
    layout = Layout().row(4, *_figures(wall))
    layout.row(8, (_rates(wall), 8), (_delays(wall), 8), (_lag(wall), 8))
    layout.row(8, (_letters(wall), 8), (_influx(wall), 8), (_checkpoints(wall), 8))
    layout.row(9, (_shards(wall), 14), (_sessions(wall), 10))
    layout.row(8, (shared.changes_table(wall, {"nature": ("blind", "rule")}, "盲区与停用规则"), 24))
    return board(wall, Folder.SYSTEM, "system", "系统自身", layout)


def _figures(wall: Wall) -> list[tuple[stat.Panel, int]]:
    blind = wall.store.now(Measurement.SHARD, {}, ("blind",)).group().then("sum()")
    letters = wall.store.lately(Measurement.LETTER, {}, ("count",), "1h").group().then("sum()")
    up = _gauge(wall, "qianshao_ingest_session_up").then("min()")
    away = _gauge(wall, "qianshao_series_away").then("max()")
    words = {"1": ("正常", palette.GOOD), "0": ("中断", palette.BAD)}
    quiet, delay = palette.steps((None, palette.GROUND)), (SLOW_S, TOO_SLOW_S)
    late = palette.steps((None, palette.GOOD), (delay[0], palette.POOR), (delay[1], palette.BAD))
    behind = palette.steps((None, palette.GROUND), (FAR_BEHIND / 10, palette.POOR), (FAR_BEHIND, palette.BAD))
    return [
        (age_figure(wall), 3),
        (trouble("盲分片", blind, palette.BLIND), 2),
        (_state("MQTT 会话", up, words), 3),
        (_state("时序库", away.map(_value="1.0 - r._value"), words), 3),
        (figure("每秒报文", _per_second(wall, "qianshao_ingest_messages_total"), quiet, "none"), 3),
        (figure("工单时延 p99", _quantile_now(wall, TICKET_DELAY), late, "suffix: 秒", 2), 4),
        (figure("日志积压", _gauge(wall, "qianshao_log_lag_records").then("sum()"), behind), 3),
        (trouble("近 1 小时拒收", letters, palette.WARM).no_value("0"), 3),
    ]


def _gauge(wall: Wall, name: str) -> Flux:
    """What each process said last of how it stands."""
    told = wall.store.lately(Measurement.METRIC, {"name": name}, ("value",), NOW)
    return told.then("last()").keep("_value").group()


def _state(title: str, question: Flux, words: dict[str, tuple[str, str]]) -> stat.Panel:
    steps = palette.steps((None, palette.BAD), (1, palette.GOOD))
    return figure(title, question, steps, "none").mappings(palette.coloured_words(words))


def _per_second(wall: Wall, name: str) -> Flux:
    """How many a second, over NOW."""
    counts = wall.store.lately(Measurement.METRIC, {"name": name}, ("value",), NOW).group().then("sum()")
    return counts.map(_value="r._value / 120.0")


def _rate(wall: Wall, name: str, called: str) -> Flux:
    counts = wall.store.lately(Measurement.METRIC, {"name": name}, ("value",)).group().then('sort(columns: ["_time"])')
    return (
        counts.windows("sum")
        .map(_value=f"r._value / {WINDOW_S}", _field=f'"{called}"')
        .keep("_time", "_value", "_field")
    )


def _rates(wall: Wall) -> timeseries.Panel:
    told = {
        "messages": ("报文/秒", "qianshao_ingest_messages_total", "#5aa9e6"),
        "readings": ("读数/秒", "qianshao_ingest_readings_total", "#7bd389"),
        "judged": ("已研判读数/秒", "qianshao_detect_readings_total", "#f2a65a"),
    }
    questions = [_rate(wall, name, field).wide() for field, (_, name, _) in told.items()]
    named = {field: (word, colour) for field, (word, _, colour) in told.items()}
    return coloured(curves("采集与研判", questions, "none", decimals=0, description="至多 24 小时, 以下同"), named)


def _quantiles(wall: Wall, name: str, quantile: float, called: str) -> Flux:
    """A quantile of each window, s, of a histogram that is told in increments."""
    told = wall.store.lately(Measurement.METRIC, {"name": f"{name}_bucket"}, ("value",)).windows("sum")
    each = told.keep("_time", "_value", "le").map(le="float(v: r.le)").group("_time", "le").then("sum()")
    return _of_buckets(each.group("_time"), quantile).map(_field=f'"{called}"').group()


def _quantile_now(wall: Wall, name: str) -> Flux:
    """The p99 of the last five minutes."""
    told = wall.store.lately(Measurement.METRIC, {"name": f"{name}_bucket"}, ("value",), "5m").group("le").then("sum()")
    return _of_buckets(told.map(le="float(v: r.le)").group(), 0.99).keep("_value")


def _of_buckets(buckets: Flux, quantile: float) -> Flux:
    arguments = f'quantile: {quantile}, countColumn: "_value", upperBoundColumn: "le"'
    return buckets.then(
        'sort(columns: ["le"])', f"histogramQuantile({arguments})", "filter(fn: (r) => exists r._value)"
    )


def _delays(wall: Wall) -> timeseries.Panel:
    told = {
        "ticket99": ("到工单 p99", TICKET_DELAY, 0.99, palette.BAD),
        "ticket50": ("到工单 p50", TICKET_DELAY, 0.5, palette.WARM),
        "detect99": ("到研判 p99", DETECT_DELAY, 0.99, "#5aa9e6"),
        "write99": ("写日志 p99", LOG_WRITE, 0.99, "#7bd389"),
    }
    questions = [_quantiles(wall, name, q, field).wide() for field, (_, name, q, _) in told.items()]
    named = {field: (word, colour) for field, (word, _, _, colour) in told.items()}
    return coloured(curves("时延", questions, "s"), named)


def _lag(wall: Wall) -> timeseries.Panel:
    lags = wall.store.lately(Measurement.METRIC, {"name": "qianshao_log_lag_records"}, ("value",)).windows("max")
    sums = lags.keep("_time", "_value", "process").group("process", "_time").then("sum()").group("process")
    return curves("日志积压 (记录)", [sums.spread("process", PROCESSES)], "none", decimals=0)


def _letters(wall: Wall) -> timeseries.Panel:
    counts = wall.store.points(Measurement.LETTER, {}, ("count",)).windows("sum").spread("reason", REASONS)
    return bars(curves("拒收报文", [counts], "none", decimals=0))


def _influx(wall: Wall) -> timeseries.Panel:
    told = {
        "points": ("写入点/秒", "qianshao_series_points_total", "#5aa9e6"),
        "refused": ("拒收点/秒", "qianshao_series_refused_total", palette.BAD),
    }
    questions = [_rate(wall, name, field).wide() for field, (_, name, _) in told.items()]
    named = {field: (word, colour) for field, (word, _, colour) in told.items()} | {
        "write": ("写入 p99 (秒)", palette.WARM)
    }
    return coloured(
        curves("时序库 InfluxDB", [*questions, _quantiles(wall, SERIES_WRITE, 0.99, "write").wide()], "none"), named
    )


def _checkpoints(wall: Wall) -> timeseries.Panel:
    saved = _quantiles(wall, CHECKPOINT, 0.99, "saved").wide()
    return coloured(curves("存档耗时", [saved], "s"), {"saved": ("p99", "#5aa9e6")})


def _shards(wall: Wall) -> table.Panel:
    """Each shard as of its last checkpoint."""
    found = wall.store.now(Measurement.SHARD).fields_as_columns().group()
    age = found.map(age_s="int(v: v.timeRangeStop) / 1000000000 - r.saved_ms / 1000")
    return rows(
        "分片与存档",
        age,
        [
            Column("shard", "分片", width=64),
            Column("owner", "归属"),
            Column("age_s", "存档于", Kind.VALUE, 110, "suffix: 秒前"),
            Column("behind_ms", "落后最前分片", Kind.VALUE, 120, "ms"),
            Column("offset", "日志位置", Kind.COUNT),
            Column("readings", "读数", Kind.COUNT),
            Column("transitions", "等级变化", Kind.COUNT),
            Column("blind", "盲区", width=64, words=shared.BLIND_WORDS),
        ],
    )


def _sessions(wall: Wall) -> timeseries.Panel:
    """Whether each ingest process said that its MQTT session stands."""
    up = wall.store.points(Measurement.TICK, {"shard": "0"}, ("up",)).windows("min").spread("ingest", {})
    return curves("采集进程的 MQTT 会话 (1 为正常)", [up], "none", decimals=0, steps=True)
