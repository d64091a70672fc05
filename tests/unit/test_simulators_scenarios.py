"""Scenario files: those that come with us, their truth, and what is said of mistakes in them."""

import hashlib
from collections import Counter
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import msgspec
import pytest

from city.city import City
from city.errors import ConfigErrors
from city.generate import FleetRequest, generate_fleet
from city.levels import Level
from city.registry import PARENT_KINDS
from city.tables import read_city, shipped_pack
from city.transitions import Nature
from simulators.faults import KINDS
from simulators.scenario import Control, Scenario, list_scenarios, load_scenario
from simulators.scenario_file import ScenarioNode
from simulators.truth import Demand, Expected, TruthPlan

DOCS = Path(__file__).parents[2] / "docs" / "scenarios.md"
HOUR_MS, MINUTE_MS = 3_600_000, 60_000
HEAD = """\
scenario: T
title: 试
source: 合成
seed: 5
start: 2024-06-01T10:00:00+08:00
end: 2024-06-01T14:00:00+08:00
"""
SILENCE = """
truth:
  silence:
  - {types: [electronic-water-gauge, buried-pressure-level, radar-level], levels: {blue: 3 intervals, yellow: 1h}}
  - {types: [ipc-class1, ipc-class2, nvr], levels: {blue: 3 intervals}}
  parents: {gateway: {at_least: 3}, network: {at_least: 5}}
"""


@cache
def baoan() -> City:
    return read_city(shipped_pack("baoan"))


ALL = ["S01", "S02", "S03", "S05", "S06", "S07", "S08", "S10"]


@cache
def populated(name: str) -> City:
    return load_scenario(name).populate(baoan())


@cache
def town() -> City:
    wanted = FleetRequest(water_gauges=20, cameras_class1=10, cameras_class2=10, channels_per_nvr=8)
    return generate_fleet(baoan(), wanted, 1)


@pytest.fixture
def scenario(tmp_path: Path):
    def of(body: str, head: str = HEAD) -> Scenario:
        path = tmp_path / "T.yaml"
        path.write_text(head + body, encoding="utf-8")
        return load_scenario(path)

    return of


def demanded(expected: list[Expected], nature: Nature) -> list[Expected]:
    return [one for one in expected if one.demand is Demand.MUST and one.nature is nature]


def complaint(scenario, body: str, city: City | None = None) -> str:
    with pytest.raises(ConfigErrors) as caught:
        scenario(body).expected(city or town())
    return str(caught.value)


# Those that come with us


def test_each_shipped_scenario_has_a_title_and_fits_the_shipped_city():
    assert list(list_scenarios()) == ALL
    for name, title in list_scenarios().items():
        scenario = load_scenario(name)
        assert (scenario.id, scenario.title) == (name, title)
        assert populated(name).problems() == []
        assert scenario.expected(populated(name))
        assert scenario.out_of_bands(populated(name)) == []


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_bytes(name):
    def digest() -> str:
        scenario = load_scenario(name)
        city = scenario.populate(baoan())
        hashed = hashlib.sha256()
        for emission in islice(scenario.play(city), 8_000):
            hashed.update(msgspec.json.encode(emission))
        return hashed.hexdigest()

    assert digest() == digest()


def test_s01_is_a_night_of_100_to_150_thousand_messages_with_its_faults_among_them():
    scenario, city = load_scenario("S01"), populated("S01")
    sensors = Counter(device.type for device in city.devices.values())
    assert sensors["rain-gauge-tipping"] == 20
    assert scenario.end_ms - scenario.start_ms == 13 * HOUR_MS
    count = late = 0
    seen: Counter[bytes] = Counter()
    for emission in scenario.play(city):
        assert scenario.start_ms <= emission.at_ms < scenario.end_ms
        count += 1
        seen[emission.payload] += 1
        late += emission.at_ms - emission.event_ms > 5 * MINUTE_MS
    assert 100_000 < count < 150_000
    assert 0.025 < sum(n - 1 for n in seen.values()) / count < 0.035
    assert late > 500


def test_s01_demands_the_floods_that_truly_are_and_the_gauges_that_drop_out():
    scenario, city = load_scenario("S01"), populated("S01")
    expected = scenario.expected(city)
    floods = demanded(expected, Nature.HAZARD)
    reds = Counter(flood.risk_class for flood in floods if flood.lowest is Level.RED)
    assert reds["underpass-flooding"] >= 1
    assert reds["waterlogging"] >= 1
    assert {flood.causes for flood in floods} == {("ponding",), ("heavy-rain",), ("high-water",), ("slope-rain",)}
    assert all(flood.earliest_ms <= flood.onset_ms < flood.latest_ms <= scenario.end_ms for flood in floods)
    assert all(city.areas[f.area].risk_class == f.risk_class for f in floods if f.area is not None)
    assert all(f.subjects[0] in city.zones for f in floods if f.area is None)
    assert len({f.area for f in floods if f.risk_class == "slope-geohazard"}) == 5, "patrols on all slopes"
    assert any(f.risk_class == "river-reservoir" and f.highest >= Level.YELLOW for f in floods)
    dropped = demanded(expected, Nature.DEVICE)
    assert [one.causes for one in dropped] == [("offline",)] * 2
    assert all(one.lowest >= Level.BLUE and one.highest <= Level.YELLOW for one in dropped)


def test_s06_demands_one_incident_a_street_and_no_other():
    expected = load_scenario("S06").expected(populated("S06"))
    (*outages,) = demanded(expected, Nature.HAZARD)
    subjects = {"BA-PF-verify-xinan", "BA-PF-verify-xixiang", "BA-PF-verify-xinqiao", "BA-PF-verify-fuyong"}
    assert {one.subjects[0] for one in outages} == subjects
    assert {(one.causes, one.lowest, one.highest) for one in outages} == {
        (("verify-backend",), Level.ORANGE, Level.RED)
    }
    assert sum(len(one.covers) for one in outages) == 120
    assert len([one for one in expected if one.demand is Demand.MUST]) == 4


def test_s07_demands_two_parents_twelve_flapping_and_four_that_never_beat_and_nothing_of_our_lag():
    scenario, city = load_scenario("S07"), populated("S07")
    expected = scenario.expected(city)
    nvr, line = demanded(expected, Nature.PARENT)
    assert len(nvr.covers) == 65  # the NVR and its 64 channels
    assert nvr.causes == ("gateway-dark", "power-dark")  # its power zone holds exactly the same
    assert line.causes == ("network-dark",)
    street = city.parents[line.subjects[0]].admin
    points = [device for device in city.devices.values() if city.area_of(device).admin == street]
    assert 0.25 < len(line.covers) / len(points) < 0.35
    causes = Counter(one.causes for one in demanded(expected, Nature.DEVICE))
    assert causes == {("offline",): 12, ("no-beat",): 4}
    touched = [one.subjects[0] for one in demanded(expected, Nature.DEVICE)]
    assert not set(touched) & {*nvr.covers, *line.covers}
    assert scenario.controls == [Control("detect", scenario.start_ms + 68 * MINUTE_MS, 4 * MINUTE_MS)]


def test_s08_demands_a_ticket_for_each_root_cause_and_no_hazard():
    scenario, city = load_scenario("S08"), populated("S08")
    expected = scenario.expected(city)
    assert demanded(expected, Nature.HAZARD) == demanded(expected, Nature.PARENT) == []
    causes = Counter(one.causes[0] for one in demanded(expected, Nature.DEVICE))
    refused = {"refused-format": 5, "refused-range": 1, "refused-unit": 1}
    assert causes == refused | {"clock": 3, "offline": 2, "low-battery": 1, "unregistered": 1, "baseline": 1}
    subjects = [one.subjects for one in demanded(expected, Nature.DEVICE)]
    assert len(set(subjects)) == len(subjects)
    assert {one.nature for one in expected if one.demand is Demand.NEVER} == {Nature.HAZARD, Nature.PARENT}
    assert set(scenario.file.node.truth.unseen) == {"stuck"}


# Playing


def test_a_scenario_can_begin_at_any_time_and_keeps_its_hours():
    scenario, city = load_scenario("S06"), populated("S06")
    moved = scenario.moved_to(scenario.start_ms + 7 * HOUR_MS)
    for before, after in islice(zip(scenario.play(city), moved.play(city), strict=True), 20_000):
        assert after.at_ms - before.at_ms == after.event_ms - before.event_ms == 7 * HOUR_MS
        assert (after.device, after.seq) == (before.device, before.seq)
    shifts = {b.onset_ms - a.onset_ms for a, b in zip(scenario.expected(city), moved.expected(city), strict=True)}
    assert shifts == {7 * HOUR_MS}


def test_fleets_join_what_a_city_has_already(scenario):
    play = scenario("fleets:\n- {water_gauges: 3}\n- {cameras_class1: 2}\n")
    city = play.populate(town())
    assert len(city.devices) == len(town().devices) + 3 + 2 + 2  # an NVR in each of two streets
    assert {emission.device for emission in islice(play.play(city), 5000)} == set(city.devices)


# Truth


def test_a_drop_out_is_demanded_tolerated_or_nothing_by_its_length(scenario):
    def of(minutes: int) -> list[Expected]:
        fault = f"{{fault: drop-out, lasts: [{minutes}m, {minutes}m], devices: {{ids: [BA-WL-0001]}}}}"
        return scenario(f"faults:\n- {fault}\n{SILENCE}").expected(town())

    assert of(14) == []  # 14 + 5 minutes of silence at most, of 15 + 6
    assert [one.demand for one in of(20)] == [Demand.MAY]
    (long,) = of(40)
    assert (long.demand, long.lowest, long.highest, long.causes) == (Demand.MUST, Level.BLUE, Level.BLUE, ("offline",))
    (longest,) = of(70)
    assert (longest.lowest, longest.highest) == (Level.YELLOW, Level.YELLOW)


def test_a_cut_is_one_incident_of_the_parent_or_one_of_each_device_when_they_are_few(scenario):
    def of(parent: str) -> list[Expected]:
        kind = "gateway" if "NVR" in parent else "network"
        cut = f"{{fault: cut, from: 1h, for: 1h, parents: {{kind: {kind}, ids: [{parent}]}}}}"
        return scenario(f"faults:\n- {cut}\n{SILENCE}").expected(town())

    (nvr,) = of("BA-NVR-0001")
    below = {device.id for device in town().devices.values() if device.gateway == "BA-NVR-0001"}
    assert (nvr.nature, set(nvr.covers)) == (Nature.PARENT, below)
    few = of("BA-NW-water-xinan-01")
    assert {one.nature for one in few} == {Nature.DEVICE}
    assert len(few) == sum(device.network == "BA-NW-water-xinan-01" for device in town().devices.values()) < 5


def test_a_gauge_that_is_dark_at_the_peak_proves_nothing(scenario):
    storm = """
storm:
  rain: {hourly_mm: [5, 80, 5, 0], cells: {count: 0}}
  ponding: {waterlogging: {capacity_mm_h: [30, 30], ratio: [10, 10], lag: [20m, 20m], runoff: 1.0}}
"""
    water = "  water: {waterlogging: {levels: {blue: 10, red: 30}, hold: {blue: 5m, red: 1m}}}\n"
    seen = scenario(storm + SILENCE + water).expected(town())
    assert {(one.demand, one.lowest, one.highest) for one in seen} == {(Demand.MUST, Level.RED, Level.RED)}
    dark = "faults:\n- {fault: drop-out, lasts: [160m, 160m], from: 1h, for: 161m, devices: {areas: [BA-R01-01]}}\n"
    unseen = scenario(dark + storm + SILENCE + water).expected(town())
    (here,) = [one for one in unseen if one.area == "BA-R01-01"]
    assert (here.demand, here.highest) == (Demand.MAY, Level.RED)
    assert all(one.demand is Demand.MUST for one in unseen if one.nature is Nature.HAZARD and one is not here)


def test_depths_near_a_threshold_may_be_judged_either_way(scenario):
    def of(blue_cm: float) -> Scenario:
        water = f"truth: {{water: {{waterlogging: {{levels: {{blue: {blue_cm}}}, tolerance_cm: 2}}}}}}\n"
        plan = "{waterlogging: {capacity_mm_h: [40, 40], ratio: [10, 10], lag: [15m, 15m], runoff: 1.0}}"
        return scenario(f"storm:\n  rain: {{hourly_mm: [60, 0], cells: {{count: 0}}}}\n  ponding: {plan}\n{water}")

    storm = of(10).storm(town())
    assert storm is not None
    deepest = float(storm.depth_cm.max())  # everywhere the same, without cells
    demands = [{one.demand for one in of(deepest + more).expected(town())} for more in (-4, -1, 1, 4)]
    assert demands == [{Demand.MUST}, {Demand.MAY}, {Demand.MAY}, set()]


def test_whose_message_it_is_nobody_can_tell_once_a_gateway_has_passed_it_on(scenario):
    causes = "truth: {causes: {refused-format: {}}}\n"
    fault = "faults:\n- {fault: garbage, devices: {ids: [BA-VC-000001]}}\n"
    (own,) = scenario(fault + causes).expected(town())
    assert (own.demand, own.subjects, own.causes) == (Demand.MUST, ("BA-VC-000001",), ("refused-format",))
    (street,) = scenario("behaviour: {through_gateways: [video]}\n" + fault + causes).expected(town())
    assert (street.demand, street.subjects, street.causes) == (Demand.MAY, ("440306017",), ("unregistered",))


def test_incidents_can_be_said_outright(scenario):
    body = "truth:\n  expect:\n  - {nature: blind, why: 采集停了, at: 1h, within: 5m, levels: [orange, orange]}\n"
    (blind,) = scenario(body).expected(town())
    assert (blind.demand, blind.nature, blind.lowest) == (Demand.MUST, Nature.BLIND, Level.ORANGE)
    assert blind.latest_ms - blind.onset_ms == 5 * MINUTE_MS


# Mistakes


def test_a_mistake_is_told_with_its_place_and_a_remedy(scenario):
    said = complaint(scenario, "faults:\n- {fault: drop-of, lasts: [5m, 9m]}\n")
    assert "T.yaml:8:11: no fault is of kind 'drop-of' (did you mean drop-out?)" in said
    assert "lasts is missing" in complaint(scenario, "faults:\n- {fault: drop-out}\n").replace("'", "").replace(
        "field ", ""
    )
    assert ":8:" in complaint(scenario, "faults:\n- {fault: late, messages: a few}\n")
    assert "unknown field 'coount'" in complaint(scenario, "faults:\n- {fault: stuck, devices: {coount: 1}}\n")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("faults:\n- {fault: stuck, from: 3h, for: 2h}", "lasts longer than the scenario"),
        ("faults:\n- {fault: stuck}\n- {fault: stuck}", "give each a name of its own"),
        ("faults:\n- {fault: stuck, devices: {count: 1, share: 3%}}", "count and share are both given"),
        ("faults:\n- {fault: negative}", "add refused-range to truth.causes"),
        ("faults:\n- {fault: cut, parents: {kind: power}}", "add power to truth.parents"),
        ("faults:\n- {fault: cut, parents: {kind: power}, devices: {count: 1}}", "takes all that hangs on its parents"),
        ("truth: {unseen: {stcuk: 看不见}}", "no fault is called 'stcuk'"),
        ("truth: {water: {waterlogging: {levels: {blue: 20, red: 10}}}}", "must be deeper the worse they are"),
        ("controls:\n- {pause: detect, at: 3h, for: 2h}", "lasts longer than the scenario"),
        ("storm: {rain: {hourly_mm: [5]}, ponding: {x: {capacity_mm_h: [1, 2], ratio: [1, 2]}}}", "truth.water"),
    ],
)
def test_what_does_not_fit_together_is_told(scenario, body, said):
    assert said in complaint(scenario, body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("faults:\n- {fault: stuck, devices: {streets: [xinann]}}", "did you mean xinan?"),
        ("faults:\n- {fault: stuck, devices: {ids: [BA-WL-1]}}", "the city has no ids 'BA-WL-1'"),
        ("faults:\n- {fault: stuck, devices: {count: 99}}", "20 devices fit and are not picked further up, and 99"),
        ("faults:\n- {fault: stuck, devices: {types: [ipc-class1]}}", "no device of the city fits"),
        ("faults:\n- {fault: verify-outage}", "0 parents fit, and 1 are wanted"),
    ],
)
def test_what_the_city_does_not_have_is_told(scenario, body, said):
    assert said in complaint(scenario, body)


@pytest.mark.parametrize(
    ("course", "told"),
    [
        ("{indicator: tide}", "a course has either by or to"),
        ("{indicator: tide, by: {0h: 1}, to: {0h: 1}}", "a course has either by or to"),
        ("{indicator: tide, by: {0h: 1}, over: tide_warning}", "over is of what stands in to"),
        ("{indicator: tide, by: {}}", "length >= 1"),
        ("{indicator: tide, by: {soon: 1}}", "soon"),
        ("{indicator: tide, by: {0h: 1}, devices: {count: 1, share: 2%}}", "count and share are both given"),
    ],
)
def test_a_course_that_says_nothing_clear_is_refused(scenario, course, told):
    with pytest.raises(ConfigErrors, match=told):
        scenario(f"courses:\n- {course}")


@pytest.mark.parametrize(
    ("course", "told"),
    [
        ("{indicator: tied, by: {0h: 1}}", "no device measures 'tied'.*did you mean tide"),
        ("{indicator: tide, by: {0h: 1}}", "no device of the city fits"),
        ("{indicator: water_depth, to: {0h: 1}, over: stage_warning}", "has no mark 'stage_warning'"),
    ],
)
def test_a_course_of_what_the_city_does_not_have_is_refused(scenario, course, told):
    city = generate_fleet(baoan(), FleetRequest(water_gauges=4), 1)
    with pytest.raises(ConfigErrors, match=told):
        list(islice(scenario(f"courses:\n- {course}").play(city), 1))


def test_an_unknown_scale_is_told_with_the_nearest_name(scenario):
    with pytest.raises(ConfigErrors, match=r"no scale 'rian'.*did you mean rain"):
        scenario("truth: {scales: [rian]}")


def test_the_end_comes_after_the_start(scenario):
    with pytest.raises(ConfigErrors, match="the end is not after the start"):
        scenario("", HEAD.replace("T14:00", "T10:00"))


def test_an_unknown_scenario_is_told_with_the_nearest_name():
    with pytest.raises(ConfigErrors, match=r"did you mean S0[1-8]"):
        load_scenario("S001")


# Documentation


def test_every_fault_and_every_key_is_documented():
    text = DOCS.read_text(encoding="utf-8")
    words = set(KINDS) | {field.encode_name for field in msgspec.structs.fields(ScenarioNode)}
    words |= {field.encode_name for field in msgspec.structs.fields(TruthPlan)} | set(list_scenarios())
    for kind in KINDS.values():
        words |= {field.encode_name for field in msgspec.structs.fields(kind)}
    missing = sorted(word for word in words if f"`{word}`" not in text)
    assert missing == []


def test_the_documented_example_is_a_scenario(tmp_path):
    example = DOCS.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    path = tmp_path / "S90.yaml"
    path.write_text(example, encoding="utf-8")
    scenario = load_scenario(path)
    city = scenario.populate(baoan())
    assert {city.area_of(device).admin for device in city.devices.values()} == {"440306022", "440306024"}
    emissions = list(islice(scenario.play(city), 1000))
    assert all(a.at_ms <= b.at_ms for a, b in pairwise(emissions))
    assert any(one.demand is Demand.NEVER for one in scenario.expected(city))


def test_parents_of_every_kind_can_be_cut(scenario):
    kinds = {kind.value for kind in PARENT_KINDS}
    for kind in kinds - {"platform"}:
        silence = "silence: [{types: [nvr, ipc-class1, ipc-class2], levels: {blue: 10m}}]"
        truth = f"truth: {{parents: {{{kind}: {{at_least: 1}}}}, {silence}}}"
        cut = (
            f"faults:\n- {{fault: cut, from: 1h, for: 1h, parents: {{kind: {kind}, types: [ipc-class1], count: 1}}}}\n"
        )
        assert demanded(scenario(cut + truth).expected(town()), Nature.PARENT)
