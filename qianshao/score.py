"""The score of a scenario: of what a system made of it, or of an offline play."""

import json
from datetime import datetime

import typer

from alerts.deadlines import load_policy
from alerts.store.database import Database
from city.city import City
from city.tables import read_city
from qianshao.city_files import load_rules
from qianshao.observed import details, observed_in_book, observed_in_store, summary
from qianshao.offline import OfflinePlay, play_offline
from qianshao.settings import Settings
from simulators.scenario import Scenario, load_scenario
from simulators.score import score
from simulators.variation import Variation

OFFLINE_TICK_MS = 1000


def run_score(
    settings: Settings, scenario_name: str, variation: Variation, offline: bool, began: datetime | None = None
) -> int:
    """Print the score of a scenario; 0 when nothing was missed or false, else 1. `began`: when it was played, if not at
    its own time."""
    scenario = load_scenario(scenario_name).varied(variation)
    if began is not None:
        scenario = scenario.moved_to(round(began.timestamp() * 1000))
    city = scenario.populate(read_city(settings.city))
    if offline:
        play = play_scenario(settings, scenario, city)
        found = score(scenario.expected(city), list(observed_in_book(play.book)))
        extra = {"published": play.messages, "readings": play.readings, "dead_letters": dict(play.letters)}
    else:
        found = score(scenario.expected(city), observed_in_store(Database(settings.database)))
        extra = {}
    typer.echo(json.dumps({"scenario": scenario.id, **extra, **summary(found), **details(found)}, ensure_ascii=False))
    return 0 if found.perfect else 1


def play_scenario(settings: Settings, scenario: Scenario, city: City) -> OfflinePlay:
    """A scenario in its populated city, played without brokers by the settings' rules."""
    pack, policy = load_rules(settings, city), load_policy(settings.city)
    shards, end_ms = settings.kafka.shards, scenario.end_ms
    return play_offline(scenario.play(city), city, pack, policy, shards, OFFLINE_TICK_MS, end_ms)
