"""The JSON Schema of rules files, for editors: completion, hovering, and what is wrong while it is typed.

Made of the same structs that files are read by. What an editor cannot know (expressions, units, names derived
elsewhere) it lets pass; `qianshao rules lint` does not.
"""

import json
from typing import Any

import msgspec

from city.catalogue import Catalogue
from rules.language.schema import RulesFile

DIALECT = "http://json-schema.org/draft-07/schema#"
"""What editors understand best."""
SCHEMA_FILE = "rules.schema.json"
MODELINE = f"# yaml-language-server: $schema=../{SCHEMA_FILE}"
"""The first line of every rules file in a pack that lies beside the schema."""

ABOUT = {
    "class": "规则所属的风险区域类",
    "classes": "规则适用的多个类 (与 class 二选一)",
    "derive": "由其他指标推算的指标",
    "rules": "规则",
    "parents": "上级 (网关、供电、网络、平台) 失效的判断",
    "id": "规则编号, 全包唯一, 小写英文与连字符",
    "title": "给人看的名称",
    "source": "阈值的出处: 标准、文件, 或谁定的",
    "confidence": "对阈值的把握: low 低, med 中, high 高",
    "nature": "hazard 城市风险, device 设备故障",
    "per": "判断的对象: device 每台设备, 或 site 点位、area 区域、street 街道、zone 片区",
    "device_types": "只判这些类型的设备; 不写为全部",
    "indicator": "判断的指标, 目录中的或本包推算的",
    "direction": "high 越高越险, low 越低越险",
    "levels": "各级阈值, 带单位: {blue: 10 cm, red: 40 cm}",
    "conditions": "各级条件 (表达式), 与 indicator/levels 二选一",
    "when": "条件成立时才判",
    "hold": "条件须持续多久才升级: 5m, 或逐级 {blue: 5m, red: 1m}",
    "evidence": "证据: min_samples 至少几个读数, max_gap 读数间隔最长多久",
    "min_samples": "至少几个连续读数",
    "max_gap": "两个读数相隔超过它, 持续就重新算起",
    "clear": "解除: margin 须退过阈值多少, for 保持多久",
    "margin": "须退过阈值多少, 防止来回抖动",
    "for": "保持多久",
    "step": "突变: quarantine 隔离待证, ignore 不管",
    "promote": "条件成立时升级: by 升几级, 或 to 升到某级",
    "cap": "条件成立时封顶",
    "confirm": "印证: any/all 旁证; 没有旁证为存疑, 按 otherwise 封顶",
    "otherwise": "没有旁证时: cap 封顶, for 多久后放宽到 then",
    "overrides": "个别点位或区域的阈值",
    "sites": "点位编号",
    "areas": "监测区域编号",
    "actions": "各级处置建议, 随工单下发",
    "absence": "失联: of 哪些心跳, levels 静默多久",
    "group": "哪些预警并成一个事件",
    "cause": "原因; 同一地点同一原因是一个事件",
    "value": "怎样推算 (表达式)",
    "unit": "单位; 目录里有的指标不用写",
    "kind": "上级种类",
    "level": "等级",
    "silent": "下挂设备静默的比例, 如 80%",
    "at_least": "至少几台",
    "points": "或达到几台",
    "by": "升几级",
    "to": "升到某级",
    "then": "之后封顶的等级",
    "all": "全部旁证都要成立",
    "any": "任一旁证成立即可",
    "of": "any 任何存活信号, 或列出心跳指标",
}
"""What each key means, for those who hover over it."""


def rules_schema(catalogue: Catalogue) -> dict[str, Any]:
    """The schema for a city's rules: its classes, device types and indicators are offered."""
    (_,), definitions = msgspec.json.schema_components([RulesFile], ref_template="#/definitions/{name}")
    classes = [c.slug for c in catalogue.classes]
    types = [t.slug for t in catalogue.device_types]
    indicators = sorted({i.id for i in catalogue.indicators})
    offered: dict[str, dict[str, Any]] = {
        "class": {"enum": classes},
        "classes": {"type": "array", "items": {"enum": classes}},
        "device_types": {"type": "array", "items": {"enum": types}},
        "indicator": {"anyOf": [{"enum": indicators}, {"type": "string"}]},
    }
    for definition in definitions.values():
        for key, of_key in definition.get("properties", {}).items():
            if key in offered:
                _offer(of_key, offered[key])
            if key in ABOUT:
                of_key["description"] = ABOUT[key]
        definition.pop("description", None)
    root = definitions.pop("RulesFile")
    return {"$schema": DIALECT, "title": "前哨规则文件", **root, "definitions": definitions}


def _offer(of_key: dict[str, Any], offered: dict[str, Any]) -> None:
    """Narrow a key down to what there is; null stays where it was."""
    nullable = {"type": "null"} in of_key.pop("anyOf", [])
    for old in ("type", "items"):
        of_key.pop(old, None)
    of_key |= {"anyOf": [offered, {"type": "null"}]} if nullable else offered


def schema_text(catalogue: Catalogue) -> str:
    """The schema as the text of its file."""
    return json.dumps(rules_schema(catalogue), ensure_ascii=False, indent=1) + "\n"
