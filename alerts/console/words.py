"""Chinese words of the page: times, reasons, outcomes, and what came from devices made safe to look at."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
SHORT_LEVELS = ("无", "蓝", "黄", "橙", "红")
NATURES = {"hazard": "风险", "device": "设备", "parent": "链路", "blind": "盲区", "rule": "规则"}

ACTIONS = {"report": "上报", "raise": "升级", "confirm": "印证", "merge": "并案"}

PER = {"device": "设备", "site": "点位", "area": "监测区域", "street": "街道", "zone": "片区"}
GROUPS = PER | {"gateway": "网关", "power": "供电区", "network": "网络区", "platform": "平台"}
CONFIDENCE = {"low": "低", "med": "中", "high": "高"}
REPORTS = {"shadow": "影子运行", "backtest": "回测"}
CHANGES = {"added": "新增", "removed": "删去", "meaning": "改了意思"}
DIFFERENCES = {
    "only-candidate": "只有候选规则报",
    "only-live": "只有在用规则报",
    "other-level": "等级不同",
    "earlier": "候选规则更早",
    "later": "候选规则更晚",
    "other-words": "等级相同, 存疑、归因或处置建议不同",
}
_UNITS = {"1": "", "{person}": "人"}

_GLYPHS = {
    "waterlogging": "涝",
    "river-reservoir": "河",
    "slope-geohazard": "坡",
    "typhoon-wind": "风",
    "underpass-flooding": "隧",
    "gas-network": "气",
    "pipe-collapse": "管",
    "bridge-structure": "桥",
    "hazchem-plant": "危",
    "dust-confined-space": "尘",
    "construction-site": "工",
    "env-pollution": "环",
    "fire-small-places": "消",
    "community-checkpoint": "卡",
    "video-coverage": "视",
}


@dataclass(frozen=True)
class Refusal:
    """A reason for which messages are refused: its name, what it means, what to do."""

    name: str
    meaning: str
    remedy: str


REFUSALS = {
    "topic": Refusal("主题不符", "主题的层级、街道或分类与登记不一致", "按 docs/mqtt.md 的主题格式改设备或网关的主题"),
    "oversize": Refusal("报文过大", "报文超过长度上限", "检查固件是否把多条报文拼在一起,或附带了图片"),
    "not-json": Refusal("不是 JSON", "报文不能按 JSON 解开", "检查编码、截断和设备固件版本"),
    "not-xml": Refusal("不是 XML", "预警报文不能按 XML 解开, 或带有实体与文档类型声明", "检查编码和截断; 去掉 DOCTYPE"),
    "schema": Refusal("字段不符", "缺字段、多字段,或字段类型不对", "对照 docs/mqtt.md 的报文格式改设备或适配器"),
    "personal-data": Refusal("含个人信息", "报文带有姓名、证件、电话、人脸或车牌字段", "让厂商立即停发; 其值没有保存"),
    "unknown-device": Refusal("未登记设备", "设备不在登记表中,或未投运", "核实后补登记; 查不到来源时按异常接入处理"),
    "wrong-device": Refusal("设备号不符", "报文里的设备号与主题里的不同", "检查网关的设备映射,或是否有设备冒用身份"),
    "range": Refusal("超量程", "读数超出该指标的有效范围", "到现场检查传感器和零点; 这类读数从不参与判定"),
    "unit": Refusal("单位错误", "读数像是用错了单位,例如毫米当厘米", "改设备的单位设置,并更新登记"),
    "indicator": Refusal(
        "不测的指标", "监测站报了它的类型不测的指标,或指标名写错", "按登记的设备类型改指标名; 其余测值照收"
    ),
    "signal": Refusal(
        "信号对照不上", "灾种、颜色、发布单位、类别或地点不在对照表里", "按详情补 signals.yaml 或登记信号落点, 再重发"
    ),
    "clock": Refusal("时钟无效", "时间早得不可能,多为断电后时钟复位", "恢复对时 (NTP), 更换时钟电池"),
    "frame": Refusal(
        "帧不可读", "TCP 协议帧校验、长度或功能码不对,或其中的值不能读", "对照帧的十六进制查校验算法、链路和设备固件"
    ),
    "poison": Refusal("处理失败", "报文使处理程序出错,已隔离并跳过", "把详情交给运维; 其余数据照常处理"),
}

OUTCOMES = {
    "judged": "已判定",
    "quarantined": "突变隔离",
    "duplicate_or_late": "迟到或重复",
    "history": "补传入档",
    "future": "时间超前",
    "retained": "保留消息",
    "unjudged": "无规则",
    "unknown": "未知设备",
}


def refusal(reason: str) -> Refusal:
    return REFUSALS.get(reason) or Refusal(reason, "没有说明的原因", "把详情交给运维")


def unit(written: str) -> str:
    """A unit as people write it; UCUM marks what it counts with braces."""
    return _UNITS.get(written, written.replace("{", "").replace("}", ""))


def glyph_of_class(slug: str, name: str) -> str:
    """One character for a risk class."""
    return _GLYPHS.get(slug) or name[:1]


def span(ms: float) -> str:
    """How long: 45秒, 12分, 3小时05分, 2天04小时. The page's script says it in the same words."""
    s = int(abs(ms) // 1000)
    if s < MINUTE_S:
        return f"{s}秒"
    if s < HOUR_S:
        return f"{s // MINUTE_S}分"
    if s < DAY_S:
        return f"{s // HOUR_S}小时{s % HOUR_S // MINUTE_S:02d}分"
    return f"{s // DAY_S}天{s % DAY_S // HOUR_S:02d}小时"


def ago(ms: int, now_ms: int) -> str:
    return f"{span(max(0, now_ms - ms))}前"


def due(ms: int, now_ms: int) -> str:
    """What is left until a deadline, or by how much it was missed."""
    return f"剩{span(ms - now_ms)}" if ms >= now_ms else f"超时{span(now_ms - ms)}"


def moment(ms: int | None, now_ms: int, zone: str) -> str:
    """When, by the clock on the wall: 02:41, or 09-07 23:41 on another day."""
    if ms is None:
        return "无"
    then, now = (datetime.fromtimestamp(t / 1000, ZoneInfo(zone)) for t in (ms, now_ms))
    if then.date() == now.date():
        return f"{then:%H:%M}"
    return f"{then:%m-%d %H:%M}" if then.year == now.year else f"{then:%Y-%m-%d %H:%M}"


def clock_face(ms: int, zone: str) -> tuple[str, str]:
    """Date with the day of the week, and time of day."""
    now = datetime.fromtimestamp(ms / 1000, ZoneInfo(zone))
    return f"{now:%Y-%m-%d} 周{'一二三四五六日'[now.weekday()]}", f"{now:%H:%M:%S}"


def shown(text: str | None, most: int = 120) -> str:
    """Foreign text made safe to look at: cut, and nothing in it that moves, hides or reorders other text."""
    whole = text or ""
    cut = "".join("·" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") else c for c in whole[:most])
    return cut + "…" if len(whole) > most else cut
