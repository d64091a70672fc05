"""A sixteenth class is a change of YAML and tables alone: elevators (电梯), added to a copy of Bao'an and its rules."""

import shutil
from pathlib import Path

import pytest

from city.city import City
from city.fleet import fleet_of
from city.generate import FleetRequest, generate_fleet
from city.levels import Level
from city.readings import Tick, batch_of
from city.tables import read_city, shipped_pack
from rules.authoring.lint import lint
from rules.engine.shard import Shard
from rules.language.load import load_pack

PACK = Path(__file__).parents[2] / "rules" / "packs" / "baoan"
MINUTE_MS, START_MS = 60_000, 1_717_200_000_000
CLASS = """- {code: R16, slug: elevator, name: 电梯, domain: public, lead: 市场监管, ticket_category: 特种设备}
"""
TYPE = """
- slug: elevator-box
  name: 电梯物联终端
  feed: telemetry
  interval_s: 60
  classes: [elevator]
  measures: [trapped_min]
"""
INDICATOR = """
- number: 2501
  risk_class: elevator
  id: trapped_min
  name: 困人时长
  unit: min
  valid_min: 0
  valid_max: 1440
  source: TSG T5002
"""
AREA = "BA-R16-01,新安高层住宅电梯,elevator,440306017,BA-Z-xinan,22.5552,113.8885,,true\n"
RULES = """
class: elevator
rules:
  - id: elevator-trapped
    title: 电梯困人
    indicator: trapped_min
    levels: {orange: 1 min, red: 30 min}
    evidence: {max_gap: 5m}
    clear: {margin: 0.5 min, for: 5m}
    actions: {orange: [通知维保单位三十分钟到场]}
    source: TSG T5002, rescue within 30 min
"""


@pytest.fixture
def city(tmp_path: Path) -> City:
    folder = tmp_path / "city"
    shutil.copytree(shipped_pack("baoan"), folder)
    catalogue = folder / "catalogue.yaml"
    text = catalogue.read_text(encoding="utf-8")
    for table, row in (("classes", CLASS), ("device_types", TYPE), ("indicators", INDICATOR)):
        text = text.replace(f"\n{table}:\n", f"\n{table}:\n{row}")
    catalogue.write_text(text, encoding="utf-8")
    with (folder / "areas.csv").open("a", encoding="utf-8") as areas:
        areas.write(AREA)
    return generate_fleet(read_city(folder), FleetRequest(telemetry={"elevator-box": 2}), seed=1)


def test_its_devices_are_judged_by_its_rules_and_nothing_else_changes(city: City, tmp_path: Path) -> None:
    assert (len(city.catalogue.classes), len(city.areas)) == (16, 62)
    folder = tmp_path / "rules"
    shutil.copytree(PACK, folder)
    (folder / "elevator.yaml").write_text(RULES, encoding="utf-8")
    pack = load_pack(folder, city.catalogue)
    shard = Shard(city, fleet_of(city), pack)
    device = next(iter(city.devices.values()))
    said = shard.tick(Tick("t", START_MS, 1000, True))
    for minute, trapped in enumerate((0, 2, 31), 1):
        now_ms = START_MS + minute * MINUTE_MS
        shard.tick(Tick("t", now_ms, 1000, True))
        said += shard.apply(batch_of([device.number], [2501], [now_ms], [trapped], [minute], [0]))
    raised = [(t.rule, t.level_to) for t in said]
    assert raised == [("elevator-trapped", Level.ORANGE), ("elevator-trapped", Level.RED)]
    assert said[-1].risk_class == "elevator" and said[-1].actions == ("通知维保单位三十分钟到场",)
    assert [r.code for r in lint(folder, pack, city)] == []


def test_the_shipped_district_has_exactly_4_domains_15_classes_and_61_areas_and_dongguan_need_not() -> None:
    baoan, dongguan = read_city(shipped_pack("baoan")), read_city(shipped_pack("dongguan"))
    assert (len(baoan.catalogue.domains), len(baoan.catalogue.classes), len(baoan.areas)) == (4, 15, 61)
    assert len(dongguan.areas) != 61
