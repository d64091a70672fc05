"""The rules of the made-up night: some of the shipped ones, and of water one that says everything a rule can say."""

from functools import cache
from pathlib import Path

import rules
from alerts.rulebook import RuleBook
from city.clock import wall_ms
from qianshao.rulebook import rule_book
from tests.browser.night import baoan
from tests.unit.packs import load

WATER = """
class: waterlogging
derive:
  - {indicator: rise_10m, unit: cm, value: "rise(water_depth, 10m) when water_depth >= 3 cm"}
  - {indicator: dry_depth, unit: cm, value: water_depth when max(rain_3h within 3km) < 0.1 mm}
rules:
  - id: depth
    title: 积水深度
    device_types: [electronic-water-gauge, buried-pressure-level, radar-level]
    indicator: water_depth
    levels: {blue: 10 cm, yellow: "site(water_depth, 15 cm)", orange: 27 cm, red: 40 cm}
    hold: {blue: 5m, yellow: 3m, orange: 2m, red: 1m}
    evidence: {min_samples: 2, max_gap: 15m}
    clear: {margin: 3 cm, for: 15m}
    promote:
      - {when: rise_10m >= 10 cm, by: 1}
    confirm:
      any:
        - max(rain_1h within 2km) >= 5 mm
        - count(water_depth >= 5 cm within 500m) >= 1
      otherwise: {cap: yellow, for: 10m, then: orange}
    overrides:
      - {areas: [BA-R01-03], levels: {orange: 24 cm, red: 30 cm}, source: 2024 年汛后复盘}
    actions: {orange: [设置警示标志, 启动泵站], red: [封闭道路, 疏散滞留车辆和行人]}
    cause: ponding
    source: 15 cm lane ponding limit GB 51222; 27 cm Beijing underpass red line
    confidence: med
  - id: street-ponding
    title: 多点同时积水
    per: street
    conditions:
      orange: count(water_depth >= 15 cm in street) >= 3
      red: count(water_depth >= 27 cm in street) >= 5
    evidence: {max_gap: 5m}
    clear: {for: 15m}
    actions: {orange: [启动街道防汛响应]}
    source: operator default
"""
PACK = Path(rules.__file__).parent / "packs" / "baoan"
SHIPPED = ("community-checkpoint", "device-health", "parents", "signals", "underpass-flooding", "video-coverage")


STANDING_FOR = {"waterlogging-depth": "depth"}
"""Rules that shipped ones speak of, by those of here that stand in for them."""


def shipped(name: str) -> str:
    """A shipped file of rules as it reads in this pack."""
    text = (PACK / f"{name}.yaml").read_text(encoding="utf-8")
    for rule, own in STANDING_FOR.items():
        text = text.replace(rule, own)
    return text


@cache
def night_rules(water: str = WATER) -> RuleBook:
    """What the page shows of them."""
    pack = load(baoan().catalogue, *map(shipped, SHIPPED), water)
    return rule_book(pack, baoan(), int(wall_ms()))
