"""A pack compiled for the kinds of devices of a fleet: which rules judge what, and in which arrays."""

import numpy as np
import pytest
from msgspec.structs import replace as with_fields

from city.catalogue import Catalogue, Indicator
from city.levels import Level
from city.registry import PARENT_KINDS, ParentKind
from rules.engine.plans import Kind, KindPlan
from rules.engine.program import compile_pack
from rules.engine.state import NOBODY, NOT_DUE
from rules.language.pack import Pack
from tests.cities import BEAT, CATALOGUE, QUEUE, REGISTERED, WATER_DEPTH
from tests.unit.packs import CAMERA_OFF, DEPTH, GATEWAY_DARK, GAUGE_OFF, load, pack

GAUGE, CAMERA = Kind("waterlogging", "gauge"), Kind("video", "camera")
CALM = DEPTH.replace("step: ignore\n", "step: quarantine\n").replace("id: depth", "id: calm")
QUEUES = DEPTH.replace("id: depth", "id: queue").replace("water_depth", "queue").replace(" cm", "")
VOLTAGE = """
classes: [waterlogging, video]
rules:
  - id: low-battery
    title: 电源电压低
    nature: device
    device_types: [gauge]
    indicator: voltage
    direction: low
    levels: {blue: 11.8 V, red: 10.8 V}
    evidence: {max_gap: 2h}
    clear: {margin: 0.3 V, for: 10m}
    source: 12 V lead-acid practice
"""


def voltage(number: int, risk_class: str) -> Indicator:
    (depth,) = (i for i in CATALOGUE.indicators if i.number == WATER_DEPTH)
    return with_fields(depth, number=number, id="voltage", risk_class=risk_class, unit="V", valid_min=0, valid_max=30)


def catalogue(*more: Indicator) -> Catalogue:
    return with_fields(CATALOGUE, indicators=[*CATALOGUE.indicators, *more])


def numbers_of(plan: KindPlan) -> list[int]:
    return [column.indicator.number for column in plan.columns if column.indicator]


def test_each_kind_is_judged_by_the_rules_that_speak_of_it() -> None:
    rules = pack(DEPTH, GAUGE_OFF, CAMERA_OFF, QUEUES)
    gauge, camera = compile_pack(rules, CATALOGUE, [GAUGE, CAMERA]).kinds
    assert [(column.name, column.rules) for column in gauge.columns] == [("water_depth", (0,)), ("queue", (1,))]
    assert [rules.absences[row].id for row in gauge.watches] == ["gauge-offline"]
    assert camera.columns == ()
    assert [rules.absences[row].id for row in camera.watches] == ["camera-offline"]


def test_a_kind_of_which_no_rule_speaks_is_not_judged() -> None:
    (nobody,) = compile_pack(pack(DEPTH, GAUGE_OFF), CATALOGUE, [Kind("waterlogging", "camera")]).kinds
    assert numbers_of(nobody) == [WATER_DEPTH]  # the depth rule names no type
    assert nobody.watches == ()


def test_a_class_means_its_own_indicator_before_the_common_one() -> None:
    both = catalogue(voltage(9, "common"), voltage(1009, "waterlogging"))
    rules = load(both, VOLTAGE)
    compiled = compile_pack(rules, both, [GAUGE, Kind("video", "gauge"), CAMERA])
    assert [numbers_of(plan) for plan in compiled.kinds] == [[1009], [9], []]


def test_a_threshold_from_below_is_negated() -> None:
    numbers = catalogue(voltage(9, "common"))
    (row,) = compile_pack(load(numbers, VOLTAGE), numbers, [GAUGE]).program.rules
    assert row["threshold"].tolist() == [-11.8, np.inf, np.inf, -10.8]
    assert row["sign"] == -1.0
    assert row["lower"].tolist() == [Level.NONE, Level.NONE, Level.BLUE, Level.BLUE, Level.BLUE]


def test_a_value_between_the_thresholds_of_all_rules_on_it_is_calm() -> None:
    numbers = catalogue(voltage(9, "common"))
    too_high = VOLTAGE.replace("low-battery", "overcharged").replace("direction: low", "direction: high")
    too_high = too_high.replace("{blue: 11.8 V, red: 10.8 V}", "{blue: 14.8 V, red: 15.5 V}")
    for texts, between in (
        ([VOLTAGE], (11.8, np.inf)),
        ([too_high], (-np.inf, 14.8)),
        ([VOLTAGE, too_high], (11.8, 14.8)),
    ):
        (column,) = compile_pack(load(numbers, *texts), numbers, [GAUGE]).program.columns
        assert (column["above"], column["below"]) == between


def test_a_level_that_does_not_exist_is_never_reached() -> None:
    only_orange = DEPTH.replace("{blue: 10 cm, yellow: 15 cm, orange: 27 cm, red: 40 cm}", "{orange: 27 cm}")
    only_orange = only_orange.replace("    hold: {blue: 2m, yellow: 1m}\n", "")
    (row,) = compile_pack(pack(only_orange), CATALOGUE, [GAUGE]).program.rules
    assert row["threshold"].tolist() == [np.inf, np.inf, 27.0, np.inf]
    assert row["lower"][Level.ORANGE] == Level.NONE

    (silence,) = compile_pack(pack(GAUGE_OFF), CATALOGUE, [GAUGE]).program.absences
    assert silence["after_ms"].tolist() == [180_000, 600_000, NOT_DUE, NOT_DUE]
    assert (silence["first"], silence["intervals"].tolist()) == (Level.BLUE, [3.0, 0.0, 0.0, 0.0])


def test_which_readings_end_a_silence() -> None:
    beat_only = CAMERA_OFF.replace("id: camera-offline", "id: no-beat").replace("of: any", "of: [beat]")
    program = compile_pack(pack(CAMERA_OFF, beat_only), CATALOGUE, [CAMERA]).program
    ends = {name: row.nonzero()[0].tolist() for name, row in zip(("any", "beat"), program.ends, strict=True)}
    assert ends == {"any": [BEAT, WATER_DEPTH, QUEUE, REGISTERED], "beat": [BEAT]}
    assert program.absences["any"].tolist() == [1, 0]


def test_what_is_no_sign_of_life_ends_no_silence() -> None:
    dead = catalogue(with_fields(voltage(9, "common"), sign_of_life=False))
    program = compile_pack(pack(GAUGE_OFF), dead, [GAUGE]).program
    assert program.alive[9] == program.ends[0][9] == 0
    assert program.alive[BEAT] == program.ends[0][BEAT] == 1


def test_a_series_is_quarantined_unless_all_its_rules_say_ignore() -> None:
    def step(*files: str) -> float:
        program = compile_pack(pack(*files), CATALOGUE, [GAUGE]).program
        return float(program.columns[program.slots[0, program.slot_of[WATER_DEPTH]]]["step"])

    assert step(DEPTH) == 0
    assert step(CALM) == step(DEPTH, CALM) == 15  # cm a minute, of the catalogue


def test_rules_of_one_indicator_share_a_series_and_have_a_track_each() -> None:
    compiled = compile_pack(pack(DEPTH, CALM, QUEUES), CATALOGUE, [GAUGE, CAMERA])
    program = compiled.program
    columns = [program.columns[program.slots[0, program.slot_of[i]]] for i in (WATER_DEPTH, QUEUE)]
    assert [(c["series"], c["track"], c["tracks"]) for c in columns] == [(0, 0, 2), (1, 2, 1)]
    assert compiled.kinds[0].tracks == (0, 1, 2)
    assert (program.slots[1] == NOBODY).all()
    assert program.slot_of[REGISTERED] == NOBODY


def test_each_kind_of_parent_has_its_rule_or_none() -> None:
    platform = GATEWAY_DARK.replace("kind: gateway", "kind: platform").replace(
        "at_least: 3", "at_least: 3\n    points: 30"
    )
    compiled = compile_pack(pack(platform, GATEWAY_DARK), CATALOGUE, [GAUGE])
    found = dict(zip(PARENT_KINDS, compiled.parent_rule_of, strict=True))
    assert found == {
        ParentKind.GATEWAY: 1,
        ParentKind.POWER: NOBODY,
        ParentKind.NETWORK: NOBODY,
        ParentKind.PLATFORM: 0,
    }
    assert compiled.program.parent_rules["points"].tolist() == [30, 0]
    assert compiled.program.parent_rules["silent"].tolist() == pytest.approx([0.8, 0.8])


@pytest.mark.parametrize("kinds", [[], [GAUGE]])
def test_a_pack_without_rules_and_a_fleet_without_devices_compile(kinds: list[Kind]) -> None:
    for rules in (Pack("none", "1", "", (), (), ()), pack(DEPTH, GAUGE_OFF)):
        plans = compile_pack(rules, CATALOGUE, kinds).kinds
        assert [len(plan.columns) for plan in plans] == [len(rules.levels)] * len(kinds)
