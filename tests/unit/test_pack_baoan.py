"""The shipped pack of Bao'an against the facts of its domain, tests/fixtures/indicators.csv: 93 indicators with their
levels, holds and clearing."""

import csv
from pathlib import Path

import pytest

from city.city import City
from city.tables import read_city, shipped_pack
from qianshao.settings import Settings
from rules.language.load import load_pack, rules_paths
from rules.language.pack import LevelRule, Pack, all_rules

FACTS = Path(__file__).parents[1] / "fixtures" / "indicators.csv"
COLOURS = ("blue", "yellow", "orange", "red")
SILENCE = {"heartbeat_age", "keepalive_age_c1", "keepalive_age_c2"}
"""Ages of a heartbeat, which absence rules judge."""
Facts = dict[str, str]


def facts() -> list[Facts]:
    with FACTS.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def city() -> City:
    return read_city(shipped_pack("baoan"))


@pytest.fixture(scope="module")
def pack(city: City) -> Pack:
    return load_pack(Settings().rules, city.catalogue)


def rules_on(pack: Pack, row: Facts) -> list[LevelRule]:
    return [r for r in pack.levels if r.indicator == row["indicator"] and row["risk_class"] in r.classes]


def name(row: Facts) -> str:
    return f"{row['risk_class']}/{row['indicator']}"


def test_the_district_has_4_domains_15_classes_and_61_areas(city: City) -> None:
    catalogue = city.catalogue
    assert (len(catalogue.domains), len(catalogue.classes), len(city.areas)) == (4, 15, 61)
    assert len(facts()) == 93


def test_every_class_has_a_rule_of_its_own(city: City, pack: Pack) -> None:
    spoken = {c for rule in pack.levels if len(rule.classes) == 1 for c in rule.classes}
    assert spoken == {c.slug for c in city.catalogue.classes}


def test_every_indicator_is_judged(pack: Pack) -> None:
    assert [name(row) for row in facts() if not rules_on(pack, row) and row["indicator"] not in SILENCE] == []


@pytest.mark.parametrize("row", facts(), ids=name)
def test_levels_holds_and_clearing_are_those_of_the_domain(pack: Pack, row: Facts) -> None:
    for rule in rules_on(pack, row):
        assert rule.low == (row["direction"] == "low")
        assert rule.threshold == tuple(float(row[c]) if row[c] else None for c in COLOURS)
        holds = [int(float(row[f"hold_{c}_s"]) * 1000) for c in COLOURS if row[c]]
        assert [hold for hold, mark in zip(rule.hold_ms, rule.threshold, strict=True) if mark is not None] == holds
        assert rule.margin == pytest.approx(float(row["clear_margin"]))
        assert rule.clear_ms == int(row["clear_s"]) * 1000


def operators() -> list[dict[str, str]]:
    with (FACTS.parent / "operator_rules.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", operators(), ids=lambda row: row["rule"])
def test_every_operators_rule_of_the_domain_is_kept_by_a_rule_or_by_what_stands_before_them(
    pack: Pack, row: Facts
) -> None:
    if row["kept by"] in ("rule", "parent"):
        assert row["where"] in {rule.id for rule in all_rules(pack)}
        texts = "".join(path.read_text(encoding="utf-8") for path in rules_paths(Settings().rules))
        assert row["rule"] in texts or row["kept by"] == "parent" or row["rule"] == "vc-register-no-beat"
    else:
        assert (FACTS.parents[2] / row["where"]).exists()


def test_every_rule_says_where_its_numbers_are_from(pack: Pack) -> None:
    for rule in (*pack.levels, *pack.absences, *pack.parents):
        assert rule.source.strip(), rule.id


def test_confidence_is_that_of_the_domain(pack: Pack) -> None:
    for row in facts():
        for rule in rules_on(pack, row):
            assert rule.confidence == row["confidence"] or rule.id == "low-battery", rule.id
