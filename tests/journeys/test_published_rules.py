"""Rules are published while detect workers judge, on real logs and stores: everybody follows, and no timer is lost."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from alerts.store.database import Database
from alerts.store.rules import RuleStore
from city.clock import wall_ms
from city.fleet import fleet_of
from city.levels import Level
from city.log import BATCH, TICK
from city.readings import Tick, batch_of, encode, encode_tick
from city.sharding import shard_of_rows
from qianshao.supervisor import Child
from rules.language.files import pack_files
from streams.rules import version_of
from tests.journeys.devices import SENTRY, bao_an
from tests.journeys.district import RULES, SHARDS, settings_of
from tests.journeys.workers import (
    INGEST,
    LOGS,
    Workers,
    assert_as_if_nothing_had_happened,
    settings_and_log,
    workers,
)
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.servers

STEP_MS, MINUTE_MS = 30_000, 60_000
WATER = """class: waterlogging
rules:
  - id: long
    title: 长时间深积水
    indicator: water_depth
    levels: {red: 40 cm}
    hold: 5m
    evidence: {min_samples: 2, max_gap: 2m}
    clear: {margin: 3 cm, for: 1m}
    source: journeys
  - id: wet
    title: 见水
    indicator: water_depth
    levels: {blue: 10 cm}
    evidence: {max_gap: 2m}
    clear: {margin: 3 cm, for: 1m}
    source: journeys
"""


@pytest.fixture(params=LOGS)
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workers]:
    shutil.copytree(RULES, tmp_path / "rules")
    settings, log = settings_and_log(request, tmp_path)
    with workers(settings.model_copy(update={"rules": tmp_path / "rules"}), log) as company:
        yield company


def publish(company: Workers) -> int:
    """Publish what the folder of the settings now has. Returns the number of its version."""
    folder, store, now_ms = company.settings.rules, RuleStore(company.database), int(wall_ms())
    proposal = store.propose(version_of(folder, company.log.city.catalogue, "Li", "a journey", now_ms))
    return store.approve(proposal.id, "Wang", now_ms).version


def reword(company: Workers) -> None:
    """Other words in the folder of the settings, of the same meaning."""
    rules = company.settings.rules / "waterlogging.yaml"
    rules.write_text(rules.read_text("utf-8").replace("source: journeys", "source: GB 51222"), "utf-8")


def judged_by(company: Workers) -> list[dict]:
    """What each shard says of the rules that judge it."""
    return [row.status.get("rules", {}) for row in company.shards()]


def until_judged_by(company: Workers, version: int) -> None:
    def everybody() -> bool:
        told = judged_by(company)
        return len(told) == SHARDS and all(rules.get("number") == version for rules in told)

    company.until(everybody, f"version {version} judges every shard")


class Flood:
    """Every gauge of the district under water, in steps of half a minute."""

    def __init__(self, company: Workers) -> None:
        self.log, city = company.log, company.log.city
        fleet = fleet_of(city)
        shard_of = dict(zip(fleet.number.tolist(), shard_of_rows(fleet, SHARDS).tolist(), strict=True))
        self.gauges = [d.number for d in city.devices.values() if d.type != SENTRY]
        self._of = [[number for number in self.gauges if shard_of[number] == shard] for shard in range(SHARDS)]
        self._depth = next(i.number for i in city.catalogue.indicators if i.id == "water_depth")
        self.began_ms, self.steps = self.log.now_ms, 0

    def rises(self, minutes: float) -> None:
        """For so long more."""
        for _ in range(round(minutes * MINUTE_MS / STEP_MS)):
            self.steps += 1
            now_ms = self.began_ms + self.steps * STEP_MS
            tick = encode_tick(Tick(INGEST, now_ms, STEP_MS, True, wall_ms()))
            batches = [
                encode(batch_of(own, [self._depth] * n, [now_ms] * n, [50.0] * n, [self.steps] * n, [0] * n))
                for own in self._of
                for n in [len(own)]
            ]
            self.log.write(*((s, TICK, tick) for s in range(SHARDS)), *((s, BATCH, b) for s, b in enumerate(batches)))

    def said(self) -> Counter:
        """Rule, level and minute of log time of everything that was said of gauges, and how often."""
        alerts = {t.id: t for t in self.log.read().alerts}.values()
        return Counter((t.rule, t.level_to, (t.log_ms - self.began_ms) / MINUTE_MS) for t in alerts)


def test_new_words_change_nothing_bit_by_bit(company: Workers) -> None:
    log = company.log
    company.start("one", "two", checkpoint_s=1.0)
    log.go_on(seconds=7)
    company.until_saved("one", "two")
    reword(company)
    until_judged_by(company, publish(company))
    log.go_on(seconds=10)
    company.until(log.said, "all that follows from the log is said")
    company.stop()
    assert all(rules["reset"] == rules["dropped"] == 0 and rules["kept"] for rules in judged_by(company))
    assert_as_if_nothing_had_happened(company)


def test_a_hold_of_five_minutes_fires_on_time_though_other_rules_came_into_force_half_way(company: Workers) -> None:
    (company.settings.rules / "waterlogging.yaml").write_text(WATER, "utf-8")
    flood, n = Flood(company), len(Flood(company).gauges)
    company.start("one", checkpoint_s=1.0)
    flood.rises(minutes=2.5)
    company.until(company.have_caught_up, "all of it is judged by the first rules")
    assert flood.said()["wet", Level.BLUE, 0.5] == n, "the road is wet"
    (company.settings.rules / "waterlogging.yaml").write_text(WATER.replace("blue: 10 cm", "blue: 12 cm"), "utf-8")
    until_judged_by(company, publish(company))
    counts = Counter()
    for rules in judged_by(company):
        counts.update({fate: rules[fate] for fate in ("kept", "reset", "dropped")})
    flood.rises(minutes=1)
    company.start("two", checkpoint_s=1.0)  # comes later, and judges by what is in force
    flood.rises(minutes=3)
    company.until(lambda: flood.said()["long", Level.RED, 5.5] == n, "every hold was five minutes long")
    said = flood.said()
    assert said["wet", Level.NONE, 2.5] == said["wet", Level.BLUE, 3.0] == n, "a changed rule ends, and begins anew"
    assert {minute for rule, _, minute in said if rule == "long"} == {5.5}
    assert (counts["reset"], counts["dropped"]) == (n, 0) and counts["kept"] > n, "sentries are watched too"
    until_judged_by(company, 1)
    company.stop()
    assert set(company.owners().values()) == {"one", "two"}


def test_a_version_that_does_not_load_here_is_told_and_the_next_one_is_followed(company: Workers) -> None:
    log, store = company.log, RuleStore(company.database)
    company.start("one", checkpoint_s=1.0)
    log.go_on(seconds=5)
    files = {name: text.replace("water_depth", "tide") for name, text in pack_files(company.settings.rules).items()}
    sound = version_of(company.settings.rules, log.city.catalogue, "Li", "a mistake", int(wall_ms()))
    proposal = store.propose(replace(sound, files=files))
    store.approve(proposal.id, "Wang", int(wall_ms()))
    company.until(
        lambda: [bool(rules.get("refused")) for rules in judged_by(company)] == [True] * SHARDS,
        "every shard says that it refuses",
    )
    assert all(rules["number"] is None and "tide" in rules["refused"]["why"] for rules in judged_by(company))
    company.until(lambda: "published rules refused" in company.log_of("one"), "the worker's own log says it")
    log.go_on(seconds=10)
    company.until(log.said, "it is judged on by the old rules")
    reword(company)
    until_judged_by(company, publish(company))
    company.stop()
    assert all(rules["refused"] is None for rules in judged_by(company))
    assert_as_if_nothing_had_happened(company)


def test_the_page_follows_without_being_started_again(tmp_path: Path) -> None:
    shutil.copytree(RULES, tmp_path / "rules")
    settings = settings_of(tmp_path, bao_an()).model_copy(update={"rules": tmp_path / "rules"})
    database = Database(settings.database)
    database.migrate()
    page, store = Child("web", settings, tmp_path), RuleStore(database)

    def shown() -> str:
        return httpx.get(f"http://{settings.web.host}:{settings.web.port}/rules", timeout=PATIENCE_S).text

    page.start()
    try:
        until(lambda: page.ready, 60, lambda: page.log_file.read_text())
        assert "旅程用规则包" in shown() and "第 1 版" not in shown()
        now_ms = int(wall_ms())
        proposal = store.propose(version_of(settings.rules, bao_an().catalogue, "Li", "a journey", now_ms))
        store.approve(proposal.id, "Wang", now_ms)
        until(lambda: "第 1 版" in shown(), 60, lambda: page.log_file.read_text())
    finally:
        page.stop()
        database.dispose()
