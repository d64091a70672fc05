"""A candidate beside the rules in force, on a real log: it differs in what was seeded, in all of that and in nothing
else; and nobody who judges takes notice of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from alerts.store import schema
from city.transitions import Transition
from rules.language.load import load_pack
from tests.journeys.district import RULES
from tests.journeys.workers import (
    LOGS,
    SECOND_MS,
    Log,
    Workers,
    assert_as_if_nothing_had_happened,
    settings_and_log,
    workers,
)

pytestmark = pytest.mark.servers

ALL_SAID = "all that follows from the log is said"
SETTLED_S = 15
"""After so long nothing of the time before a reset is left: a gauge stands under water for six of ten seconds."""
Heard = dict[tuple[str, str], list[tuple[int, int]]]
"""By rule and subject, when which level was heard."""


@pytest.fixture(params=LOGS)
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workers]:
    with workers(*settings_and_log(request, tmp_path)) as company:
        yield company


@pytest.fixture
def candidate(tmp_path: Path) -> Path:
    """The rules in force, to be changed."""
    return Path(shutil.copytree(RULES, tmp_path / "candidate"))


def change(candidate: Path, before: str, after: str) -> None:
    file = candidate / "waterlogging.yaml"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def begin(company: Workers, *arguments: str | Path) -> subprocess.Popen[str]:
    report = company.settings.data / f"{uuid4().hex}.json"
    command = [sys.executable, "-m", "qianshao", "rules", "shadow", *map(str, arguments), "--by", "王工"]
    environment = os.environ | company.settings.environment()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*command, "--report", str(report)], env=environment, **quiet)


def told(shadow: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    """Exit code and report, once it has ended."""
    _, errors = shadow.communicate(timeout=120)
    report = Path(shadow.args[-1]).read_text(encoding="utf-8")
    assert report, errors
    return shadow.returncode, json.loads(report)


def test_a_seeded_difference_is_told_all_of_it_and_nothing_else(company: Workers, candidate: Path) -> None:
    log = company.log
    change(candidate, "red: 40 cm", "red: 60 cm")
    company.start("one")
    log.go_on(seconds=12)
    company.until(log.said, ALL_SAID)
    company.stop()
    began_ms = log.now_ms
    log.go_on(seconds=50)
    code, report = told(begin(company, candidate, "--until-lag-0"))

    assert (code, report["from_ms"], report["until_ms"]) == (1, began_ms, log.now_ms)
    assert report["changes"] == [{"rule": "depth", "change": "meaning"}]
    settled_ms = began_ms + SETTLED_S * SECOND_MS
    assert seconds_of(report["differences"], settled_ms, log) == seconds_apart(log, candidate, settled_ms)
    assert all(row["from_ms"] < settled_ms for row in report["reset"]["list"])
    assert report["reset"]["count"] and not report["filling"]["count"]
    assert {(row["rule"], row["live"]) for row in report["differences"]["list"]} == {("depth", "red")}
    assert report["tickets"]["live"] == report["tickets"]["candidate"] == len(report["tickets"]["other_level"])
    assert kept(company) == [(report["id"], "shadow", "王工", report["candidate"]["meaning"], report["differences"])]

    company.start("two")  # goes on where "one" was, as if nobody had looked
    company.until(log.said, ALL_SAID)
    company.stop()
    assert_as_if_nothing_had_happened(company)


def test_a_candidate_of_the_same_meaning_differs_in_nothing(company: Workers, candidate: Path) -> None:
    log = company.log
    change(candidate, "积水深度", "路面积水")
    company.start("one")
    log.go_on(seconds=13)
    company.until(log.said, ALL_SAID)
    company.stop()
    log.go_on(seconds=30)
    code, report = told(begin(company, candidate, "--until-lag-0"))
    assert code == 0 and report["readings"] > 0
    assert [report[name]["count"] for name in ("differences", "reset", "filling")] == [0, 0, 0]
    assert report["tickets"]["more"] == report["tickets"]["less"] == []


def test_beside_workers_that_judge_it_ends_after_its_time_or_when_it_is_told_to(
    company: Workers, candidate: Path
) -> None:
    log = company.log
    change(candidate, "red: 40 cm", "red: 60 cm")
    company.start("one")
    log.go_on(seconds=12)
    company.until_saved("one")
    timed, endless = begin(company, candidate, "--for", "20s"), begin(company, candidate)
    for shadow in (timed, endless):
        assert shadow.stderr is not None and "Ctrl-C ends it" in shadow.stderr.readline()
    company.until(lambda: timed.poll() is not None or log.go_on(seconds=2), "the first has ended, while time goes on")
    code, report = told(timed)
    assert code == 1 and report["differences"]["count"] > 0
    assert report["until_ms"] - report["from_ms"] >= 20 * SECOND_MS
    assert endless.poll() is None
    endless.send_signal(signal.SIGINT)
    _, so_far = told(endless)
    assert {number for number, *_ in kept(company)} == {report["id"], so_far["id"]}
    company.until(log.said, ALL_SAID)
    company.stop()
    assert_as_if_nothing_had_happened(company)


def test_a_candidate_that_does_not_load_is_refused_with_its_place(company: Workers, candidate: Path) -> None:
    change(candidate, "indicator: water_depth", "indicator: water_dpeth")
    shadow = begin(company, candidate, "--until-lag-0")
    _, errors = shadow.communicate(timeout=60)
    assert shadow.returncode == 2
    assert "waterlogging.yaml:5:" in errors and "water_depth" in errors


def seconds_of(group: dict[str, Any], from_ms: int, log: Log) -> set[tuple[str, str, int]]:
    """Rule, subject and each second in which a report says that they differ."""
    return {
        (row["rule"], row["subject"], at_ms)
        for row in group["list"]
        for at_ms in range(row["from_ms"], row["until_ms"] or log.now_ms + 1, SECOND_MS)
        if at_ms >= from_ms
    }


def seconds_apart(log: Log, candidate: Path, from_ms: int) -> set[tuple[str, str, int]]:
    """The same, by two judgements that were never disturbed."""
    record, city = log.read(), log.city
    one, other = (heard(record.judged(city, load_pack(folder, city.catalogue))) for folder in (RULES, candidate))
    return {
        (*key, at_ms)
        for key in one.keys() | other.keys()
        for at_ms in range(from_ms, log.now_ms + 1, SECOND_MS)
        if level_at(one[key], at_ms) != level_at(other[key], at_ms)
    }


def heard(transitions: list[Transition]) -> Heard:
    by_subject: Heard = defaultdict(list)
    for t in transitions:
        by_subject[t.rule, t.subject].append((t.event_ms, t.level_to))
    return by_subject


def level_at(changes: list[tuple[int, int]], at_ms: int) -> int:
    return next((level for event_ms, level in reversed(changes) if event_ms <= at_ms), 0)


def kept(company: Workers) -> list[tuple[int, str, str, str, dict[str, Any]]]:
    """The reports in the store."""
    with company.database.reading() as connection:
        rows = list(connection.execute(select(schema.rule_reports)))
    return [(row.id, row.kind, row.by, row.meaning, row.report["differences"]) for row in rows]
