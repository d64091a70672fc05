"""A Scenario determines what happens to a city in a play, and what should be told of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from city.city import City
from city.errors import ConfigError, ConfigErrors
from city.generate import generate_fleet
from city.levels import Level
from city.misfits import nearest
from city.yamlfile import YamlFile
from simulators.faults.plan import Plan, plan_of
from simulators.fleets import Surroundings
from simulators.fleets.through_gateway import behind_gateways
from simulators.message import Emission
from simulators.play import play
from simulators.scenario_file import ScenarioFile, read_scenario
from simulators.storms import Storm, storm_over
from simulators.truth.clauses import of_clause
from simulators.truth.devices import DeviceTruth
from simulators.truth.expected import Expected, merged
from simulators.truth.scales import all_values
from simulators.truth.values import value_truth
from simulators.truth.water import peaks, water_truth
from simulators.variation import Variation
from simulators.words import Span, ms_of
from simulators.world import courses_of

SCENARIOS = Path(__file__).parent / "scenarios"


@dataclass(frozen=True)
class Control:
    """A process to pause: ingest, detect or incidents; from when (played ms UTC), for how long (played ms)."""

    pause: str
    at_ms: int
    for_ms: int


@dataclass(frozen=True)
class Scenario:
    """A scenario file, ready to be played. Everything follows from the file and the city; nothing is left to chance.
    moved_ms: by how much it begins later than the file says."""

    file: ScenarioFile
    moved_ms: int = 0

    @property
    def id(self) -> str:
        return self.file.node.scenario

    @property
    def title(self) -> str:
        return self.file.node.title

    @property
    def start_ms(self) -> int:
        """Played time at which it begins, ms UTC."""
        return self.file.span.start_ms + self.moved_ms

    @property
    def end_ms(self) -> int:
        return self.file.span.end_ms + self.moved_ms

    @property
    def controls(self) -> list[Control]:
        """What whoever plays it does to the system, in order of time."""
        nodes = self.file.node.controls
        controls = [Control(n.pause, self.start_ms + ms_of(n.at), ms_of(n.length)) for n in nodes]
        return sorted(controls, key=lambda control: control.at_ms)

    def moved_to(self, start_ms: int) -> "Scenario":
        """The same scenario beginning at another time, e.g. now."""
        return replace(self, moved_ms=start_ms - self.file.span.start_ms)

    def varied(self, variation: Variation) -> "Scenario":
        """The same scenario played otherwise than its file says."""
        return replace(self, file=variation.of(self.file))

    def populate(self, base: City) -> City:
        """The city with the scenario's fleets added, always the same. Raises ConfigError: it has no room for them."""
        city = base
        for i, request in enumerate(self.file.node.fleets):
            city = generate_fleet(city, request, self.file.node.seed + i)
        return city

    def play(self, city: City) -> Iterator[Emission]:
        """What all devices of a populated city publish, lazily, by `at_ms`. Raises ConfigErrors where the scenario
        names what the city does not have."""
        plan = self._plan(city)
        return play(self._around(city, plan), plan)

    def expected(self, city: City) -> list[Expected]:
        """The truth of a play in this city, in order of onset. Raises as `play` does."""
        plan, truth = self._plan(city), self.file.node.truth
        around = self._around(city, plan)
        behind = behind_gateways(city, self.file.node.behaviour)
        passed_on = {device.id for devices in behind.values() for device in devices}
        found = list(DeviceTruth(city, plan, truth, passed_on).expected())
        found += water_truth(around, plan, truth.water)
        found += value_truth(around, plan, all_values(truth.values, truth.scales))
        for never, clauses in ((False, truth.expect), (True, truth.never)):
            found += [of_clause(clause, city, self._span, never) for clause in clauses]
        return merged(found, self.end_ms)

    def storm(self, city: City) -> Storm | None:
        """What the weather truly does at the sites of a populated city, if the scenario has any."""
        node = self.file.node
        return None if node.storm is None else storm_over(city, node.storm, node.seed, self.start_ms)

    def _around(self, city: City, plan: Plan) -> Surroundings:
        node, yaml = self.file.node, cast("YamlFile[object]", self.file.yaml)
        return Surroundings(
            city=city,
            seed=node.seed,
            span=self._span,
            behaviour=node.behaviour,
            storm=self.storm(city),
            courses=courses_of(city, node.courses, node.seed, yaml),
            outages=plan.outages(),
            dark=plan.dark_channels(),
            moved_ms=self.moved_ms,
        )

    def out_of_bands(self, city: City) -> list[str]:
        """In which points the simulated storm is not what the scenario promises, in words; empty when it is."""
        storm, bands = self.storm(city), self.file.node.truth.bands
        if storm is None:
            return []
        found: list[str] = []
        if bands.rain_mean_mm is not None:
            mean_mm = street_mean_mm(city, storm)
            if not bands.rain_mean_mm[0] <= mean_mm <= bands.rain_mean_mm[1]:
                found.append(f"rain_mean_mm is {mean_mm:.1f}")
        for length, most_mm in bands.heaviest_mm.items():
            heaviest_mm = float(storm.heaviest_mm(round(ms_of(length) / 60_000)).max())
            if heaviest_mm > most_mm:
                found.append(f"heaviest_mm in {length} is {heaviest_mm:.1f}")
        peak = peaks(city, storm, self.file.node.truth.water)
        for band in bands.sites:
            count = sum(of == (band.risk_class, Level.of(band.level)) for of in peak.values())
            if not band.count[0] <= count <= band.count[1]:
                found.append(f"{count} sites of {band.risk_class} peak at {band.level}")
        return found

    @property
    def _span(self) -> Span:
        return Span(self.start_ms, self.end_ms)

    def _plan(self, city: City) -> Plan:
        yaml = cast("YamlFile[object]", self.file.yaml)
        return plan_of(city, self.file.faults, self.file.node.seed, self._span, yaml)


def street_mean_mm(city: City, storm: Storm) -> float:
    """Total rain, mean over the streets of the mean over each street's sites, mm."""
    totals: dict[str, list[float]] = {}
    for site, row in storm.sites.items():
        street = city.areas[city.sites[site].area].admin
        totals.setdefault(street, []).append(float(storm.rain_mm[row].sum()))
    return float(np.mean([np.mean(of_street) for of_street in totals.values()]))


def list_scenarios() -> dict[str, str]:
    """Titles of the scenarios that come with the program, by name."""
    return {path.stem: load_scenario(path).title for path in sorted(SCENARIOS.glob("*.yaml"))}


def load_scenario(name_or_path: str | Path) -> Scenario:
    """A scenario that comes with the program, by name (`S01` or `s01`), or any by its file's path.

    Raises ConfigErrors with everything that is wrong with the file, or when there is no such scenario.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        shipped = {file.stem.lower(): file for file in SCENARIOS.glob("*.yaml")}
        if str(name_or_path).lower() not in shipped:
            message = f"no scenario {str(name_or_path)!r} comes with us"
            hint = nearest(str(name_or_path), sorted(file.stem for file in shipped.values()))
            raise ConfigErrors([ConfigError(SCENARIOS, 0, 0, message, hint)])
        path = shipped[str(name_or_path).lower()]
    return Scenario(read_scenario(path))
