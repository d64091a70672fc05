"""The rule pack as the page shows it: every rule in its author's words, with what holds at each site."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as with_fields

from alerts.rulebook import Judges, RuleBook, RuleCard
from city.city import City, by_id
from city.levels import Level
from city.registry import Device
from qianshao.rulebook import rule_book
from tests.cities import small_city
from tests.unit.packs import CAMERA_OFF, DEPTH, GATEWAY_DARK, pack

WATER = """
class: waterlogging
derive:
  - {indicator: filling, unit: cm, value: "rise(water_depth, 10m) when water_depth >= 3 cm"}
  - {indicator: hurry, unit: "1", value: "filling / 10 cm"}
rules:
  - id: deep
    title: 积水深度
    device_types: [gauge]
    indicator: water_depth
    levels: {yellow: "site(water_depth, 15 cm)", red: 40 cm}
    hold: {yellow: 3m, red: 1m}
    evidence: {min_samples: 2, max_gap: 10m}
    clear: {margin: 3 cm, for: 5m}
    promote: [{when: hurry >= 2, by: 1}]
    cap: [{when: "age(water_depth) > 5 min", level: yellow}]
    confirm: {any: ["count(water_depth >= 5 cm within 500m) >= 1"], otherwise: {cap: yellow, for: 10m}}
    overrides: [{areas: [A-W2], levels: {red: 30 cm}, source: 汛后复盘}]
    actions: {yellow: [设置警示], red: [封闭道路]}
    source: GB 51222
    confidence: med
  - id: many-deep
    title: 多点积水
    per: street
    conditions: {orange: "count(water_depth >= 15 cm in street) >= 3"}
    evidence: {max_gap: 10m}
    clear: {for: 5m}
    source: operator default
"""


@pytest.fixture(scope="module")
def city() -> City:
    """Gauges at the low-lying road, one of them with a mark of its own, and one in another area."""
    gauges = [
        Device(number=n, id=f"G{n}", type="gauge", site=site) for n, site in enumerate(("S-W", "S-W", "S-O", "S-2"))
    ]
    town = small_city([*gauges, Device(number=9, id="C9", type="camera", site="S-V", gateway=None, in_service=False)])
    there = with_fields(town.areas["A-W"], id="A-W2", name="桥下")
    own = with_fields(town.sites["S-W"], id="S-O", name="涵洞", reference_levels={"water_depth": 12.0})
    bridge = with_fields(town.sites["S-W"], id="S-2", name="桥墩", area="A-W2")
    return replace(
        town,
        areas={**town.areas, "A-W2": there},
        sites={**town.sites, **by_id([own, bridge])},
    )


@pytest.fixture(scope="module")
def book(city: City) -> RuleBook:
    return rule_book(pack(WATER, CAMERA_OFF, GATEWAY_DARK), city, 1_000)


def card(book: RuleBook, rule: str) -> RuleCard:
    return next(card for card in book.rules if card.id == rule)


def test_a_book_names_its_pack_and_has_every_rule(book: RuleBook) -> None:
    assert (book.pack, book.version, book.title, book.loaded_ms) == ("small", "1", "小城规则包", 1_000)
    assert [c.id for c in book.rules] == ["deep", "many-deep", "camera-offline", "gateway-dark"]


def test_a_rule_says_what_it_judges_at_which_marks_and_how_it_clears(book: RuleBook) -> None:
    deep = card(book, "deep")
    assert (deep.judges, deep.indicator, deep.indicator_name, deep.unit) == (
        Judges.VALUE,
        "water_depth",
        "积水深度",
        "cm",
    )
    assert [(s.level, s.mark, s.hold_ms) for s in deep.steps] == [
        (Level.YELLOW, "site(water_depth, 15 cm)", 180_000),
        (Level.RED, "40 cm", 60_000),
    ]
    assert (deep.min_samples, deep.gap_ms, deep.margin, deep.clear_ms) == (2, 600_000, 3.0, 300_000)
    assert (deep.device_types, deep.source, deep.confidence) == (("水尺",), "GB 51222", "med")


def test_a_level_asks_for_what_lower_levels_ask_for_as_well(book: RuleBook) -> None:
    assert [s.actions for s in card(book, "deep").steps] == [("设置警示",), ("设置警示", "封闭道路")]


def test_expressions_stand_as_written_with_all_that_they_are_computed_from(book: RuleBook) -> None:
    deep = card(book, "deep")
    assert [(f.name, f.text) for f in deep.formulas] == [
        ("hurry", "filling / 10 cm"),
        ("filling", "rise(water_depth, 10m) when water_depth >= 3 cm"),
    ]
    assert [(a.text, a.by, a.cap) for a in deep.adjustments] == [
        ("hurry >= 2", 1, None),
        ("age(water_depth) > 5 min", 0, Level.YELLOW),
    ]
    assert deep.witnesses is not None
    assert deep.witnesses.texts == ("count(water_depth >= 5 cm within 500m) >= 1",)
    assert (deep.witnesses.cap, deep.witnesses.for_ms, deep.witnesses.then) == (Level.YELLOW, 600_000, Level.RED)


def test_sites_with_marks_of_their_own_and_overrides_are_named_with_what_holds_there(book: RuleBook) -> None:
    found = [(d.id, d.name, d.marks, d.by_rule, d.source) for d in card(book, "deep").deviations]
    assert found == [
        ("S-O", "涵洞", ("12 cm", ""), False, ""),
        ("S-2", "桥墩", ("", "30 cm"), True, "汛后复盘"),
    ]


def test_what_devices_of_other_classes_are_asked_for_is_explained_as_well(city: City) -> None:
    other = """
class: video
rules:
  - id: seen
    title: 看见积水
    conditions: {orange: "max(filling within 1km) >= 5 cm"}
    evidence: {max_gap: 10m}
    clear: {for: 5m}
    source: operator default
"""
    seen = card(rule_book(pack(WATER, other), city, 0), "seen")
    assert [f.name for f in seen.formulas] == ["filling"]


def test_conditions_and_places_are_told_as_such(book: RuleBook) -> None:
    many = card(book, "many-deep")
    assert (many.judges, many.per, many.group, many.indicator) == (Judges.CONDITIONS, "street", "street", "")
    assert [s.mark for s in many.steps] == ["count(water_depth >= 15 cm in street) >= 3"]
    assert many.deviations == ()


def test_a_rule_says_how_many_devices_it_has_so_that_a_blind_one_is_seen(book: RuleBook) -> None:
    devices = {c.id: c.devices for c in book.rules}
    assert devices == {"deep": 4, "many-deep": 4, "camera-offline": 0, "gateway-dark": 0}
    assert [c.id for c in book.rules if not c.wired] == ["camera-offline"], "the only camera is out of service"


def test_silence_and_failed_parents_are_told_in_words(book: RuleBook) -> None:
    off, dark = card(book, "camera-offline"), card(book, "gateway-dark")
    assert (off.judges, off.indicator_name) == (Judges.SILENCE, "任何存活信号")
    assert [s.mark for s in off.steps] == ["3 个周期, 至少 3 分", "10 分", "30 分"]
    assert (dark.judges, dark.per) == (Judges.PARENT, "gateway")
    assert [s.mark for s in dark.steps] == ["静默 ≥ 80% 且 ≥ 3 台"]


def test_packs_that_judge_alike_have_the_same_meaning_whatever_their_words() -> None:
    same = pack(DEPTH.replace("title: 积水深度", "title: 路面积水"))
    other = pack(DEPTH.replace("red: 40 cm", "red: 45 cm"))
    assert pack(DEPTH).meaning == same.meaning != other.meaning
