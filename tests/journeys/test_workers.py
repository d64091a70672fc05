"""Detect workers share the shards: when one is killed, or stands still, another goes on where it was; and what nobody
can read stops nobody."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from alerts.store.dead_letters import DeadLetterStore
from city.log import BATCH, READINGS, TICK
from city.transitions import Nature
from ingest.dead_letters import Reason
from tests.journeys.district import SHARDS
from tests.journeys.workers import (
    LOGS,
    LOST,
    Log,
    Workers,
    assert_as_if_nothing_had_happened,
    settings_and_log,
    workers,
)

pytestmark = pytest.mark.servers

LONGER_THAN_PATIENCE_S = 30
ALL_SAID = "all that follows from the log is said"
OTHER_COLUMNS = pa.RecordBatch.from_arrays([pa.array([1, 2], pa.int8())] * 6, list("abcdef")).serialize()
POISON = {
    "garbage": (BATCH, b"\xff\xfe no Arrow"),
    "nothing": (BATCH, b""),
    "a tombstone": (BATCH, None),
    "other columns": (
        BATCH,
        bytes(pa.RecordBatch.from_arrays([pa.array([1, 2], pa.int8())] * 6, list("abcdef")).serialize()),
    ),
    "no tick": (TICK, b'{"ingest": 1}'),
}


@pytest.fixture(params=LOGS)
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workers]:
    with workers(*settings_and_log(request, tmp_path)) as company:
        yield company


on_kafka = pytest.mark.parametrize("company", ["Kafka"], indirect=True)


def test_a_worker_that_is_killed_is_followed_by_another_and_nothing_is_judged_twice(company: Workers) -> None:
    log = company.log
    one, _ = company.start("one", "two")
    log.go_on(seconds=5)
    company.until_saved("one", "two")
    company.until_unsaved("one")
    one.kill()
    log.go_on(seconds=10)
    company.until(log.said, ALL_SAID)
    assert set(company.owners().values()) == {"two"}
    company.stop()
    repeated = [t.id for t in log.read().alerts]
    assert len(repeated) > len(set(repeated))  # two judged again what one had judged, and not saved
    assert_as_if_nothing_had_happened(company)


@on_kafka
def test_a_worker_that_stood_still_and_was_overtaken_cannot_save_and_says_so(company: Workers) -> None:
    log = company.log
    (one,) = company.start("one")
    log.go_on(seconds=5)
    company.until_saved("one")
    company.until_unsaved("one")
    one.signal(signal.SIGSTOP)
    company.start("two")
    log.go_on(seconds=10)
    company.until(log.said, ALL_SAID)
    assert set(company.owners().values()) == {"two"}
    one.signal(signal.SIGCONT)
    company.until(lambda: "checkpoint refused" in company.log_of("one"), "one is told that it was overtaken")
    log.go_on(seconds=10)
    company.until(log.said, ALL_SAID)
    company.stop()
    assert_as_if_nothing_had_happened(company)


def test_what_nobody_can_read_is_kept_with_its_place_and_reason_and_the_shard_goes_on(company: Workers) -> None:
    log = company.log
    company.start("incidents", kind="incidents")
    company.start("one")
    log.go_on(seconds=10)
    log.write(*((shard, kind, value) for shard in range(SHARDS) for kind, value in POISON.values()))
    log.go_on(seconds=10)
    company.until(log.said, ALL_SAID)
    kept = DeadLetterStore(company.database)
    company.until(lambda: kept.totals() == {Reason.POISON.value: SHARDS * len(POISON)}, "poison is counted")
    places = {letter.detail.partition("@")[0] for letter in log.read().letters}
    assert places == {f"{READINGS}/{shard}" for shard in range(SHARDS)}
    company.stop()
    assert company.log_of("one").count("poison record") == SHARDS * len(POISON)
    assert_as_if_nothing_had_happened(company)


@on_kafka
def test_what_the_log_lost_before_anybody_judged_it_is_told_as_blind(company: Workers) -> None:
    log = company.log
    company.start("one")
    log.go_on(seconds=5)
    company.until(log.said, ALL_SAID)
    company.stop()
    seen_ms = log.now_ms
    log.go_on(seconds=LONGER_THAN_PATIENCE_S)
    log.forget()
    log.go_on(seconds=5)
    company.start("two")
    each = Counter(gone=SHARDS, back=SHARDS)
    company.until(lambda: blind_since(log, seen_ms) >= each, "each shard was blind for a while")
    company.stop()
    told = [json.loads(line) for line in company.log_of("two").splitlines() if LOST in line]
    assert {line["shard"]: line["lost"] for line in told} == dict.fromkeys(range(SHARDS), 2 * LONGER_THAN_PATIENCE_S)


def blind_since(log: Log, since_ms: int) -> Counter[str]:
    """How often it was said that our sight was gone since then, and that it was back. Alerts may be said again."""
    said = [t for t in log.read().alerts if t.nature is Nature.BLIND and t.since_ms == since_ms]
    return Counter("gone" if t.level_to else "back" for t in said)
