"""The log: whether Kafka answers, has the topics as they must be, and how far behind their readers are."""

import asyncio
from collections.abc import Iterator

from city.clock import wall_ms
from city.log import ALERTS, DEAD_LETTERS, READINGS
from qianshao.doctor.findings import Finding, failure, graded, warning, well
from qianshao.settings import Settings
from streams.app import Partition
from streams.lag import Behind, behind
from streams.topics import topics_in, topics_of

WARN_S, FAIL_S = 30.0, 300.0
"""Since when records may wait that a group has not committed."""
PATIENCE = 3
"""Checkpoints of detect, and files of the archive, that may be due beside that: both commit what these cover."""


def kafka(settings: Settings) -> Iterator[Finding]:
    """Topics and lag. Raises Unavailable."""
    servers = settings.kafka.servers
    there, wanted = asyncio.run(topics_in(servers)), topics_of(settings.kafka.shards)
    yield well("Kafka", servers)
    missing = sorted(wanted.keys() - there.keys())
    if missing:
        yield warning("topics", f"not there yet: {', '.join(missing)}", "the first process that starts makes them")
    wrong = {name: count for name, count in there.items() if count != wanted[name]}
    for name, count in wrong.items():
        yield failure(
            f"topic {name}",
            f"has {count} partitions, not {wanted[name]}",
            "kafka.shards must be what the log was made with: docs/operations.md, section 12",
        )
    if not missing and not wrong:
        yield well("topics", ", ".join(f"{name} {count}" for name, count in sorted(there.items())))
        yield from lags(settings)


def lags(settings: Settings) -> Iterator[Finding]:
    """Of every group that there should be. Raises Unavailable."""
    for group, topics in _groups(settings).items():
        partitions = [(topic, n) for topic in topics for n in range(topics_of(settings.kafka.shards)[topic])]
        found = asyncio.run(behind(settings.kafka.servers, group, partitions))
        yield _lag(group, found, settings)


def _groups(settings: Settings) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {"detect": (READINGS,), "incidents": (ALERTS, DEAD_LETTERS)}
    if settings.influx.url is not None:
        groups["series"] = (READINGS, ALERTS, DEAD_LETTERS)
    if settings.archive_folder is not None:
        groups["archive"] = (READINGS, ALERTS)
    return groups


def _lag(group: str, found: dict[Partition, Behind], settings: Settings) -> Finding:
    waiting = [each for each in found.values() if each.records]
    records = sum(each.records for each in waiting)
    age_s = max((wall_ms() - each.since_ms for each in waiting if each.since_ms is not None), default=0.0) / 1000
    detail = f"{records} records, the oldest has waited {max(0.0, age_s):.0f} s"
    if waiting and not any(each.begun for each in found.values()):
        return failure(f"lag of {group}", f"{detail}; it has never read any", f"start {group}")
    due_s = PATIENCE * {"detect": settings.detect.checkpoint_s, "archive": settings.archive.flush_s}.get(group, 0.0)
    remedy = (
        f"does {group} run, and what do its lines say? more workers share the shards: docs/operations.md, section 9"
    )
    return graded(f"lag of {group}", detail, remedy, age_s > WARN_S + due_s, age_s > FAIL_S + due_s)
