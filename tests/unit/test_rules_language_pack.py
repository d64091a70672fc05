"""What a pack means: versions that follow meaning, and the shipped pack on the shipped city."""

from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rules
from city.city import City
from city.fleet import fleet_of
from city.generate import FleetRequest, generate_fleet
from city.levels import Level
from city.registry import PARENT_KINDS, ParentKind
from city.tables import read_city, shipped_pack
from city.transitions import Nature
from rules.engine.plans import plan_kinds
from rules.engine.subjects import subjects_of
from rules.language.expressions import Reading
from rules.language.load import load_pack
from rules.language.pack import AbsenceRule, Cap, Confirmation, LevelRule, Override, Pack, ParentRule, Promotion, lowest
from tests.unit.packs import CAMERA_OFF, DEPTH, GATEWAY_DARK, GAUGE_OFF, pack

BAOAN = Path(rules.__file__).parent / "packs" / "baoan"
TEXTS = ("title", "source", "confidence", "texts", "when_text")
RULES: tuple[LevelRule | AbsenceRule | ParentRule, ...] = (
    *pack(DEPTH).levels,
    *pack(GAUGE_OFF).absences,
    *pack(GATEWAY_DARK).parents,
)

marks = st.tuples(*[st.none() | st.floats(-100, 100)] * 4)
OTHERS: dict[str, st.SearchStrategy[Any]] = {
    "title": st.text(),
    "source": st.text(),
    "id": st.text(),
    "nature": st.sampled_from(Nature),
    "classes": st.lists(st.text()).map(tuple),
    "device_types": st.none() | st.lists(st.text()).map(tuple),
    "clear_ms": st.integers(0, 10**9),
    "group": st.sampled_from(["area", "device", "gateway", "power", "network", "platform"]),
    "cause": st.text(),
    "indicator": st.text(),
    "low": st.booleans(),
    "threshold": marks,
    "hold_ms": st.tuples(*[st.integers(0, 10**7)] * 4),
    "min_samples": st.integers(1, 255),
    "max_gap_ms": st.integers(0, 10**9),
    "margin": st.floats(0, 100),
    "quarantine": st.booleans(),
    "of": st.none() | st.lists(st.text()).map(tuple),
    "after_ms": marks,
    "intervals": marks,
    "kind": st.sampled_from(ParentKind),
    "level": st.sampled_from(Level),
    "silent": st.floats(0, 1),
    "at_least": st.integers(2, 100),
    "points": st.none() | st.integers(2, 100),
    "confidence": st.sampled_from(["low", "med", "high"]),
    "per": st.sampled_from(["device", "site", "area", "street", "zone"]),
    "mark": st.tuples(*[st.text()] * 4),
    "when": st.none() | st.builds(Reading, st.text()),
    "promotions": st.lists(st.builds(Promotion, st.builds(Reading, st.text()), st.integers(1, 3))).map(tuple),
    "caps": st.lists(st.builds(Cap, st.builds(Reading, st.text()), st.sampled_from(Level))).map(tuple),
    "confirmation": st.none()
    | st.builds(
        Confirmation, st.just((Reading("rain"),)), st.booleans(), st.sampled_from(Level), st.none(), st.just(4)
    ),
    "overrides": st.lists(st.builds(Override, st.just(("S1",)), st.just(()), marks, st.just(""))).map(tuple),
    "actions": st.lists(st.tuples(st.sampled_from(Level), st.lists(st.text()).map(tuple))).map(tuple),
    "basis": st.text(),
    "texts": st.tuples(*[st.text()] * 4),
    "when_text": st.text(),
}


@given(st.data())
def test_a_change_of_meaning_changes_the_version_and_a_change_of_words_does_not(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(RULES))
    changed: Field[Any] = data.draw(st.sampled_from(fields(rule)))
    other = data.draw(OTHERS[changed.name].filter(lambda value: value != getattr(rule, changed.name)))
    assert (replace(rule, **{changed.name: other}).version == rule.version) == (changed.name in TEXTS)


AS_WRITTEN = """
class: waterlogging
derive:
  - {indicator: filling, unit: cm, value: "rise(water_depth, 10m) when water_depth >= 3 cm"}
rules:
  - id: deep
    title: 积水深度
    indicator: water_depth
    levels: {yellow: "site(water_depth, 15 cm)", red: 40 cm}
    evidence: {max_gap: 10m}
    clear: {margin: 3 cm, for: 5m}
    when: "hours(07:00-09:00)"
    promote: [{when: "filling >= 10 cm", by: 1}]
    cap: [{when: "age(water_depth) > 5 min", level: yellow}]
    confirm: {any: ["count(water_depth >= 5 cm within 500m) >= 1"], otherwise: {cap: yellow}}
    source: operator default
  - id: long-queue
    title: 排队
    conditions: {orange: queue >= 10}
    evidence: {max_gap: 10m}
    clear: {for: 5m}
    source: operator default
"""


def test_a_pack_keeps_expressions_as_their_authors_wrote_them() -> None:
    written = pack(AS_WRITTEN)
    deep, queue = written.levels
    assert deep.texts == ("", "site(water_depth, 15 cm)", "", "40 cm")
    assert deep.when_text == "hours(07:00-09:00)"
    assert [p.text for p in deep.promotions] == ["filling >= 10 cm"]
    assert [c.text for c in deep.caps] == ["age(water_depth) > 5 min"]
    assert deep.confirmation is not None
    assert deep.confirmation.texts == ("count(water_depth >= 5 cm within 500m) >= 1",)
    assert queue.texts == ("", "", "queue >= 10", "")
    assert [d.text for d in written.derivations] == ["rise(water_depth, 10m) when water_depth >= 3 cm", ""]


@pytest.mark.parametrize(
    ("written", "as_well"),
    [
        ("filling >= 10 cm", "filling  >=  100 mm"),
        ("rise(water_depth, 10m) when", "(rise(water_depth, 10m)) when"),
        ("age(water_depth) > 5 min", "age(water_depth) > 300 s"),
    ],
)
def test_an_expression_that_means_the_same_in_other_words_keeps_the_version(written: str, as_well: str) -> None:
    before, after = pack(AS_WRITTEN), pack(AS_WRITTEN.replace(written, as_well))
    assert after.levels[0].version == before.levels[0].version
    assert after == before, "and packs are equal by meaning"


@pytest.mark.parametrize(
    ("written", "as_well"),
    [
        ("yellow: 15 cm", "yellow: 150 mm"),
        ("yellow: 15 cm", "yellow: 0.15 m"),
        ("hold: {blue: 2m, yellow: 1m}", "hold: {yellow: 60s, blue: 120s}"),
        ("for: 5m", "for: 300s"),
        ("    step: ignore\n    cause: ponding\n", "    cause: ponding\n    step: ignore\n"),
        ("title: 积水深度", "title: 路面积水"),
        ("source: operator default", "source: GB 51222"),
        ("class: waterlogging", "classes: [waterlogging]"),
        ("    indicator", "    nature: hazard\n    direction: high\n    group: area\n    indicator"),
    ],
)
def test_the_same_rule_in_other_words_keeps_its_version(written: str, as_well: str) -> None:
    assert written in DEPTH
    assert pack(DEPTH.replace(written, as_well)).levels[0].version == pack(DEPTH).levels[0].version


def test_a_rule_keeps_its_version_in_another_file_and_another_order() -> None:
    def versions(*files: str) -> set[str]:
        return {rule.version for rule in (*pack(*files).levels, *pack(*files).absences, *pack(*files).parents)}

    assert versions(DEPTH, GAUGE_OFF, CAMERA_OFF, GATEWAY_DARK) == versions(GATEWAY_DARK, CAMERA_OFF, GAUGE_OFF, DEPTH)


def test_a_rule_speaks_of_its_classes_and_of_its_types_of_device() -> None:
    (gauges,), (cameras,) = pack(GAUGE_OFF).absences, pack(CAMERA_OFF).absences
    assert gauges.speaks_of("waterlogging", "gauge")
    assert not gauges.speaks_of("waterlogging", "camera")
    assert not gauges.speaks_of("video", "gauge")
    assert cameras.speaks_of("video", "whatever stands there")


def test_the_lowest_level_is_the_first_that_exists() -> None:
    assert lowest((None, None, 3.0, 4.0)) == Level.ORANGE
    assert lowest((0.0, None, None, None)) == Level.BLUE
    with pytest.raises(ValueError, match="empty"):
        lowest((None, None, None, None))


@pytest.fixture(scope="module")
def city() -> City:
    """Bao'an with some of every sort of device that the generator makes."""
    plain = read_city(shipped_pack("baoan"))
    stations = {t.slug: 6 for t in plain.catalogue.device_types if t.feed == "telemetry"}
    mixed = generate_fleet(plain, FleetRequest.of_size(300), seed=1)
    return generate_fleet(mixed, FleetRequest(telemetry=stations, upstream=True), seed=2)


@pytest.fixture(scope="module")
def baoan(city: City) -> Pack:
    return load_pack(BAOAN, city.catalogue)


def test_the_shipped_pack_loads_against_the_shipped_city(baoan: Pack) -> None:
    assert baoan.name == "baoan"
    assert baoan.levels
    assert baoan.absences
    assert {rule.kind for rule in baoan.parents} == set(PARENT_KINDS)


def test_no_rule_of_the_shipped_pack_is_blind(city: City, baoan: Pack) -> None:
    """Each judges some device of a fleet; one that matches nothing never fires, and nobody would notice."""
    plans = plan_kinds(baoan, city.catalogue, subjects_of(fleet_of(city), baoan, city).kinds)
    judged = {baoan.levels[row].id for plan in plans for row in plan.tracks}
    watched = {baoan.absences[row].id for plan in plans for row in plan.watches}
    assert {rule.id for rule in baoan.levels} - judged == set()
    assert {rule.id for rule in baoan.absences} - watched == set()
    assert {rule.kind for rule in baoan.parents} - {parent.kind for parent in city.parents.values()} == set()


def test_every_device_of_the_shipped_city_is_missed_when_it_is_silent(city: City, baoan: Pack) -> None:
    any_sign = [rule for rule in baoan.absences if rule.of is None]
    speaking = [kind for kind in fleet_of(city).kinds if kind[1] != "signal-point"]  # whose source alone speaks
    unwatched = [kind for kind in speaking if not any(rule.speaks_of(*kind) for rule in any_sign)]
    assert unwatched == []


def test_every_alert_of_the_shipped_pack_has_words_for_people(baoan: Pack) -> None:
    for rule in (*baoan.levels, *baoan.absences, *baoan.parents):
        assert rule.title.strip()
        assert rule.source.strip()
