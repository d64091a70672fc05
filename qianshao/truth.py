"""What really happened, to score a backtest by: the truth of a scenario, or a file in which people wrote it down."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from city.city import City
from city.clock import ms_of
from city.errors import ConfigError, ConfigErrors
from city.levels import LEVELS, Level
from city.misfits import nearest
from city.transitions import Nature
from city.yamlfile import YamlFile, load_yaml
from simulators.scenario import load_scenario
from simulators.truth.expected import Demand, Expected
from simulators.words import Duration
from simulators.words import ms_of as duration_ms

Slug = Annotated[str, msgspec.Meta(pattern="^(" + "|".join(level.slug for level in LEVELS) + ")$")]


class Happened(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that happened. place: id of an area, site or device, or slug or code of a street. level: the least that
    was right to tell; at: when it was there; before, after: how much earlier and later an alert counts for it."""

    risk_class: str = msgspec.field(name="class")
    place: str
    level: Slug
    at: datetime
    before: Duration = "2h"
    after: Duration = "30m"
    why: str = ""


class TruthFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """classes: those of which everything that happened is in the file, so that other incidents of them are false; if
    left out, those that it names."""

    happened: list[Happened]
    classes: list[str] = []


class Truth(msgspec.Struct, frozen=True):
    """expected: what should have been told. classes: incidents of others say nothing; None: all do, whatever they are
    about."""

    expected: list[Expected]
    classes: frozenset[str] | None = None


def read_truth(name: str, city: City, began: datetime | None = None) -> Truth:
    """The truth of a shipped scenario by its name, of a scenario's file, or as people wrote it. began: when a scenario
    was played, if not at its own time. Raises ConfigErrors."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") and _is_written_down(path):
        return _written_down(load_yaml(path, TruthFile), city)
    scenario = load_scenario(name)
    if began is not None:
        scenario = scenario.moved_to(round(began.timestamp() * 1000))
    return Truth(scenario.expected(city))


def _is_written_down(path: Path) -> bool:
    return "happened" in load_yaml(path, dict[str, object]).value


def _written_down(yaml: YamlFile[TruthFile], city: City) -> Truth:
    errors: list[ConfigError] = []
    classes = [risk_class.slug for risk_class in city.catalogue.classes]
    expected = []
    for place, each in enumerate(yaml.value.happened):
        areas = _areas(each.place, city)
        if not areas:
            known = [*city.areas, *city.sites]
            errors.append(
                yaml.error(("happened", place, "place"), f"no place {each.place!r}", nearest(each.place, known))
            )
        if each.risk_class not in classes:
            message = f"no class {each.risk_class!r}"
            errors.append(yaml.error(("happened", place, "class"), message, nearest(each.risk_class, classes)))
        expected.append(_expected(each, areas, ZoneInfo(city.time_zone)))
    if errors:
        raise ConfigErrors(errors)
    named = yaml.value.classes or [each.risk_class for each in yaml.value.happened]
    return Truth(expected, frozenset(named))


def _expected(each: Happened, areas: tuple[str, ...], zone: ZoneInfo) -> Expected:
    onset_ms = ms_of(each.at, zone)
    return Expected(
        demand=Demand.MUST,
        nature=Nature.HAZARD,
        risk_class=each.risk_class,
        subjects=areas,
        lowest=Level.of(each.level),
        onset_ms=onset_ms,
        earliest_ms=onset_ms - duration_ms(each.before),
        latest_ms=onset_ms + duration_ms(each.after),
        why=each.why or f"{each.risk_class} {each.place}",
    )


def _areas(place: str, city: City) -> tuple[str, ...]:
    """The areas of which a place may be."""
    if place in city.areas:
        return (place,)
    if place in city.devices:
        return (city.area_of(city.devices[place]).id,)
    if place in city.sites:
        return (city.sites[place].area,)
    streets = [street.code for street in city.streets if place in (street.code, street.slug)]
    street_of = {area.id: city.street_of(area.admin) for area in city.areas.values()}
    return tuple(area for area, street in street_of.items() if street is not None and street.code in streets)
