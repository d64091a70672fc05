"""What a process reports of itself, into the log: what it has counted since its report before, and how things stand.

Pure: snapshots of what was counted come in, and the times at which they were taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
"""Upper bounds of the buckets of every histogram of ours, s: the same for all, so that they can be put together."""

Series = tuple[str, tuple[tuple[str, str], ...]]
"""Name of a metric, and its labels in the order of their names."""


class Sample(msgspec.Struct, frozen=True):
    """One series of a report: name and labels as at /metrics."""

    name: str
    labels: dict[str, str]
    value: float


class Report(msgspec.Struct, frozen=True):
    """What a process says of itself, for `seconds` up to `wall_ms`, ms UTC of the wall.

    process: its kind, such as "ingest". instance: its name among those of its kind. Samples whose names end with
    _total, _bucket, _sum or _count are increments of that time, so that sums over instances and restarts are right; a
    `le` of a bucket is its upper bound, and it holds what is in those below, too. All others are how it stood at the
    end.
    """

    process: str
    instance: str
    wall_ms: float
    seconds: float
    samples: list[Sample]


encode_report = msgspec.json.Encoder().encode
decode_report = msgspec.json.Decoder(Report).decode


@dataclass(frozen=True)
class Snapshot:
    """What a process had counted, and how things stood, at one moment."""

    counted: Mapping[Series, float] = field(default_factory=dict)
    standing: Mapping[Series, float] = field(default_factory=dict)


def increments(before: Snapshot, after: Snapshot) -> list[Sample]:
    """What was counted between two snapshots, and how things stand at the second. A series that went back began anew in
    between: all of it was counted since."""
    counted = [_sample(series, _since(before.counted.get(series, 0.0), n)) for series, n in after.counted.items()]
    return counted + [_sample(series, value) for series, value in after.standing.items()]


def _since(before: float, after: float) -> float:
    return after - before if after >= before else after


def _sample(series: Series, value: float) -> Sample:
    name, labels = series
    return Sample(name, dict(labels), value)
