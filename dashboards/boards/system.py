"""系统自身: whether what the other boards show can be trusted: does data come in, is it judged in time, is any lost,
and who does not see?"""

from grafana_foundation_sdk.builders import stat, table, timeseries

from city.series import Measurement
from dashboards import palette
from dashboards.boards import shared
from dashboards.boards.frame import Board, Folder, Layout, Wall, board
from dashboards.boards.overview import age_figure
from dashboards.panels.tables import Column, Kind, rows
from dashboards.panels.trends import bars, curves
from dashboards.panels.values import trouble

REASONS = {
    "topic": "主题不符",
    "oversize": "报文过大",
    "not-json": "不是 JSON",
    "schema": "字段不符",
    "personal-data": "含个人信息",
    "unknown-device": "未登记设备",
    "wrong-device": "设备号不符",
    "range": "超量程",
    "unit": "单位错误",
    "indicator": "不测的指标",
    "clock": "时钟无效",
    "poison": "处理失败",
}
"""As on the page of the duty room."""


def system(wall: Wall) -> Board:
    layout = Layout().row(4, (age_figure(wall), 6), (_blind(wall), 6))
    layout.row(8, (_shards(wall), 12), (_letters(wall), 12))
    layout.row(8, (_ticks(wall), 12), (shared.changes_table(wall, {"nature": ("blind", "rule")}, "盲区与停用规则"), 12))
    return board(wall, Folder.SYSTEM, "system", "系统自身", layout)


def _blind(wall: Wall) -> stat.Panel:
    blind = wall.store.now(Measurement.SHARD, {}, ("blind",)).group().then("sum()")
    return trouble("盲分片", blind, palette.BLIND)


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


def _letters(wall: Wall) -> timeseries.Panel:
    counts = wall.store.points(Measurement.LETTER, {}, ("count",)).windows("sum").spread("reason", REASONS)
    return bars(curves("拒收报文", [counts], "none", decimals=0))


def _ticks(wall: Wall) -> timeseries.Panel:
    """Whether each ingest process said that its MQTT session stands."""
    up = wall.store.points(Measurement.TICK, {"shard": "0"}, ("up",)).windows("min").spread("ingest", {})
    return curves("采集进程的 MQTT 会话", [up], "none", decimals=0, steps=True)
