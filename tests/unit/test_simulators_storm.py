"""Rain falls as the scenario says, and low points fill and empty by a balance of water."""

from functools import cache

import numpy as np
import pytest

from city.city import City
from city.generate import FleetRequest, generate_fleet
from city.levels import Level
from city.tables import read_city, shipped_pack
from simulators.scenario import load_scenario
from simulators.storms import CellsPlan, PondingPlan, RainPlan, StormPlan, storm_over
from simulators.storms.ponding import Catchments, depths
from simulators.storms.rain import rain_over
from simulators.truth.judging import reached
from simulators.truth.plan import Rise, Water
from simulators.truth.water import level_of

CLASSES = {
    "waterlogging": PondingPlan(capacity_mm_h=(20, 40), ratio=(5, 20)),
    "underpass-flooding": PondingPlan(capacity_mm_h=(20, 40), ratio=(5, 20)),
}
DRY_ELSEWHERE = ("xinan", "xixiang", "hangcheng", "fuyong", "xinqiao", "songgang", "yanluo", "shiyan")


@cache
def baoan() -> City:
    return read_city(shipped_pack("baoan"))


@cache
def town() -> City:
    return generate_fleet(baoan(), FleetRequest(water_gauges=40, underpass_gauges=12, rain_gauges=20), 1)


def test_the_hours_of_every_street_are_what_the_scenario_says_whatever_the_cells_do():
    plan = RainPlan(hourly_mm=[10, 40, 0], streets={"shajing": 2.0, "xinan": 0.5}, cells=CellsPlan(share="90%"))
    field = rain_over(baoan(), plan, 3)
    areas = list(baoan().areas.values())
    lat, lon = (np.array([getattr(area, axis) for area in areas]) for axis in ("lat", "lon"))
    rain = field.at(field.places(lat, lon, [area.admin for area in areas]))
    hours = rain.reshape(len(areas), 3, 60).sum(axis=2)
    by_street = {s: hours[[a.admin == s for a in areas]].mean(axis=0) for s in {area.admin for area in areas}}
    assert np.mean(list(by_street.values()), axis=0) == pytest.approx([10, 40, 0])
    assert by_street["440306022"] == pytest.approx(4 * by_street["440306017"])
    assert hours[:, 1].std() > 2  # a place is not the mean
    assert (rain >= 0).all()


def test_rain_can_keep_to_some_streets():
    plan = RainPlan(hourly_mm=[20], streets=dict.fromkeys(DRY_ELSEWHERE, 0.0))
    storm = storm_over(town(), StormPlan(rain=plan, ponding=CLASSES), 1, 0)
    wet = {town().areas[town().sites[site].area].admin for site, row in storm.sites.items() if storm.rain_mm[row].sum()}
    assert wet == {"440306021", "440306022"}


def test_another_seed_is_another_storm_and_the_same_seed_the_same():
    plan = StormPlan(rain=RainPlan(hourly_mm=[20, 60]), ponding=CLASSES)
    first, again, other = (storm_over(town(), plan, seed, 0) for seed in (1, 1, 2))
    assert np.array_equal(first.depth_cm, again.depth_cm)
    assert not np.array_equal(first.rain_mm, other.rain_mm)


def ground(capacity: float, lag: float = 20.0) -> Catchments:
    return Catchments(*(np.array([value]) for value in (capacity, 10.0, lag, 1.0)))


def test_water_rises_only_past_the_drains_capacity_and_falls_at_it():
    rain = np.concatenate([np.full(600, 40 / 60), np.zeros(600)])[None, :]
    assert depths(rain, ground(capacity=41))[0].max() == 0
    depth = depths(rain, ground(capacity=30))[0][0]
    assert depth[599] - depth[539] == pytest.approx(10, rel=0.01)  # 10 mm/h too much, ratio 10: 10 cm an hour
    assert depth[700] - depth[760] == pytest.approx(30, rel=0.05)
    assert depth[-1] == 0


def test_the_lag_is_the_time_from_rain_to_inflow():
    shower = np.zeros((1, 300))
    shower[0, 0] = 50
    for lag in (15.0, 40.0):
        stored = depths(shower, ground(capacity=1e-9, lag=lag))[0][0]
        arriving = np.diff(stored, prepend=0)
        assert np.average(np.arange(300), weights=arriving) == pytest.approx(lag, abs=1.5)


def test_a_level_is_reached_when_its_depth_has_held():
    water = Water(levels={"blue": 10, "red": 40}, hold={"blue": "5m", "red": "1m"})
    depth = np.array([0, 12, 12, 12, 0, 12, 12, 12, 12, 12, 12, 41, 12, 42, 43, 12], float)
    level, began = reached(depth, water.scale(water.thresholds), 0)
    assert level is Level.RED
    assert began == {Level.BLUE: 5, Level.RED: 13}
    on_levels = water.scale({level: float(level) for level in water.thresholds})
    assert reached(level_of(depth, water, 3.0), on_levels, 0)[0] is Level.NONE  # 43 cm is no red
    assert reached(level_of(depth, water, -2.0), on_levels, 60_000)[1][Level.RED] == 11


def test_water_that_rises_fast_is_one_level_worse():
    water = Water(levels={"blue": 10, "yellow": 15}, rise=Rise(cm=10, within="10m", from_cm=10))
    depth = np.concatenate([np.linspace(0, 12, 11), np.full(20, 12.0)])
    levels = level_of(depth, water, 0.0)
    assert levels[10] == 2 and levels[11] == 2, "12 cm is blue, and came within ten minutes"
    assert levels[-1] == 1, "and now it stands"


def test_the_storm_of_s01_is_within_its_bands():
    scenario = load_scenario("S01")
    city = scenario.populate(baoan())
    assert scenario.out_of_bands(city) == []
    storm = scenario.storm(city)
    assert storm is not None
    assert storm.rain_mm[:, 10 * 60 :].sum() < 0.15 * storm.rain_mm.sum()  # it eases from 03:00 on


def test_a_storm_out_of_its_bands_says_so(tmp_path):
    text = load_scenario("S01").file.yaml.path.read_text(encoding="utf-8")
    path = tmp_path / "S.yaml"
    path.write_text(text.replace("hourly_mm: [2, 4, 10, 22", "hourly_mm: [2, 4, 10, 122"), encoding="utf-8")
    found = load_scenario(path).out_of_bands(load_scenario(path).populate(baoan()))
    assert any(line.startswith("rain_mean_mm is 26") for line in found)
    assert any("sites of waterlogging peak at red" in line for line in found)
