"""The engine's state: arrays of small records, one for each thing that is remembered.

A reading touches one record of each array, so a record is laid out to stay within a cache line or two. A *series*
is one indicator of one subject, a *track* one rule on one series, a *watch* one absence rule on one device. A subject
is a device or, for rules that judge places, a place."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

NEVER = -(1 << 62)
"""A time, in ms, at which nothing has happened; and the log time before the first tick."""
NOT_DUE = 1 << 62
NOBODY = -1
FORGOTTEN = -2
"""A parent that the registry has no more."""

CACHE_LINE = 64

DEVICE = np.dtype(
    [
        ("series", "i4"),  # its first of each array
        ("track", "i4"),
        ("watch", "i4"),
        ("cell", "i4"),
        ("interval_ms", "i8"),
        ("kind", "i2"),
        ("watches", "i2"),
        ("spare", "u4"),
    ]
)

SERIES = np.dtype(
    [
        ("newest_ms", "i8"),  # order key of the newest reading, with newest_seq
        ("value", "f8"),  # last accepted value and its event time
        ("value_ms", "i8"),
        ("odd_value", "f8"),  # the reading that opened the quarantine
        ("odd_ms", "i8"),  # of what is derived: until when it stays so if what it needs does
        ("odd_last", "f8"),  # the last reading in quarantine
        ("odd_last_ms", "i8"),
        ("newest_seq", "u4"),
        ("odd_count", "u1"),  # 0: no quarantine
        ("busy", "u1"),  # 0: all its tracks are at rest, and a calm value changes none of them
        ("spare", "u1", 2),
    ]
)

TRACK = np.dtype(
    [
        ("held_ms", "i8", 4),  # since when each level's condition holds, by event time
        ("clear_ms", "i8"),  # since when the value is past the present level by the margin
        ("last_ms", "i8"),  # event time of the last judged reading
        ("since_ms", "i8"),  # event time of the alert's first transition
        ("samples", "u1", 4),
        ("rule", "i2"),
        ("level", "u1"),
        ("stays", "u1"),  # the highest level that the last value is not past by the margin
    ]
)

# Of a track whose rule has expressions: whether it is confirmed, whether it was last told to be suspected, and above
# these the highest level that its last value reached, before promotions and caps.
CONFIRMED, SUSPECTED, RAW_SHIFT = 1, 2, 2

# A pane of a window, or whatever else an expression remembers: a time, a value, a number of readings.
CELL = np.dtype([("ms", "i8"), ("value", "f8"), ("n", "u4"), ("spare", "u4")])

PRESENT, SILENT, DECLARED, RETURNED = 0, 1, 2, 3

WATCH = np.dtype(
    [
        ("newest_ms", "i8"),  # order key of the newest sign of life, with newest_seq
        ("seen", "i8"),  # sighted time of it
        ("silent", "i8"),  # sighted time at which it became silent
        ("clear", "i8"),  # sighted time from which the next step down counts
        ("since_ms", "i8"),
        ("newest_seq", "u4"),
        ("device", "i4"),  # its row in the shard
        ("explained", "i4"),  # row of the parent whose failure explains the silence, or NOBODY
        ("rule", "i2"),
        ("state", "u1"),
        ("level", "u1"),
        ("told", "i4"),  # `explained` as it was last told, or FORGOTTEN
        ("spare", "u4"),
    ]
)

PARENT = np.dtype(
    [
        ("since_ms", "i8"),
        ("calm", "i8"),  # sighted time since which its devices are mostly back
        ("silent", "i4"),  # devices silent now
        ("first", "i4"),  # into State.children
        ("children", "i4"),
        ("rule", "i2"),
        ("dark", "u1"),
        ("level", "u1"),
    ]
)

for _record, _size in ((DEVICE, 32), (SERIES, 64), (TRACK, 64), (WATCH, 64), (PARENT, 32), (CELL, 24)):
    assert _record.itemsize == _size

# A rule as it judges one kind of subject, with one set of thresholds. Its expressions are programs that begin in
# Program.code, NOBODY where there is none.
LEVEL_RULE = np.dtype(
    [
        ("threshold", "f8", 4),  # infinite where the level does not exist; negated for `low`
        ("hold_ms", "i8", 4),
        ("lower", "u1", 5),  # next lower existing level
        ("higher", "u1", 5),  # next higher existing level, the highest being its own
        ("min_samples", "u1"),
        ("plain", "u1"),  # no expressions
        ("around", "u1"),  # expressions look beyond the subject
        ("confirm_cap", "u1"),
        ("confirm_then", "u1"),
        ("sign", "f8"),
        ("margin", "f8"),
        ("clear_ms", "i8"),
        ("max_gap_ms", "i8"),
        ("confirm_for_ms", "i8"),  # NOT_DUE: for as long as it takes
        ("when", "i4"),
        ("clause", "i4"),  # into Program.clauses
        ("clauses", "i4"),
        ("confirm", "i4"),
        ("rule", "i4"),  # row in the pack
    ],
    align=True,
)

# A promotion (by so many levels, or to one) or a cap, while its program is true.
CLAUSE = np.dtype([("code", "i4"), ("by", "u1"), ("to", "u1"), ("cap", "u1"), ("spare", "u1")])

ABSENCE_RULE = np.dtype(
    [
        ("after_ms", "i8", 4),  # NOT_DUE where the level does not exist
        ("intervals", "f8", 4),
        ("lower", "u1", 5),
        ("first", "u1"),  # lowest existing level
        ("any", "u1"),
        ("clear_ms", "i8"),
    ],
    align=True,
)

PARENT_RULE = np.dtype(
    [("silent", "f8"), ("clear_ms", "i8"), ("at_least", "i4"), ("points", "i4"), ("level", "u1")], align=True
)

# Of one kind of subject, one indicator: where its series, tracks and cells are within the subject's. A value between
# `above` and `below` is calm: it reaches no threshold.
COLUMN = np.dtype(
    [
        ("series", "i4"),
        ("track", "i4"),
        ("tracks", "i4"),
        ("window", "i4"),  # into Program.windows
        ("windows", "i4"),
        ("feed", "i4"),  # into Program.feeds: the columns that are derived from this one
        ("feeds", "i4"),
        ("code", "i4"),  # what it is derived by, or NOBODY
        ("owner", "i4"),  # who fails when it fails
        ("steady", "u1"),  # derived from last values alone, and from totals to which only another value adds
        ("spikes", "u1"),  # a window of spikes
        ("spare", "u2"),
        ("late_ms", "i8"),  # how late a reading may be and still be judged
        ("step", "f8"),
        ("above", "f8"),
        ("below", "f8"),
        ("most", "f8"),  # greatest valid value
    ]
)

WINDOW = np.dtype([("width_ms", "i8"), ("cell", "i4"), ("days", "i2"), ("keeps", "u1"), ("spare", "u1")])

# One operation of a program: rules/engine/codes.py.
CODE = np.dtype([("x", "f8"), ("length_ms", "i8"), ("a", "i4"), ("b", "i4"), ("c", "i4"), ("op", "i4")])

# Who is asked of the others: `group` says by which of State.places the members are grouped, and `first` where the first
# group's begin in State.gather_start.
GATHERING = np.dtype([("first", "i4"), ("group", "i2"), ("source", "u1"), ("others", "u1")])

ON_TRACK, ON_WATCH, ON_PARENT, ON_RULE = 0, 1, 2, 3

CHANGE = np.dtype(
    [
        ("event_ms", "i8"),
        ("since_ms", "i8"),
        ("held_ms", "i8"),
        ("value", "f8"),
        ("index", "i4"),  # of the track, watch, parent or owner of expressions
        ("row", "i4"),  # of the batch, or NOBODY when time alone did it
        ("explained", "i4"),
        ("samples", "i4"),
        ("on", "u1"),
        ("before", "u1"),
        ("after", "u1"),
        ("suspected", "u1"),
    ],
    align=True,
)

OUTCOMES = (
    "unknown",
    "retained",
    "future",
    "unjudged",
    "duplicate_or_late",
    "history",
    "quarantined",
    "judged",
)
UNKNOWN, RETAINED, FUTURE, UNJUDGED, LATE, HISTORY, QUARANTINED, JUDGED = range(len(OUTCOMES))

Array = npt.NDArray[Any]


class Program(NamedTuple):
    """A pack compiled for kinds of subjects; constant between reloads, but for the two arrays to work in.

    rules: (R,) LEVEL_RULE. absences: (A,) ABSENCE_RULE. parent_rules: (P,) PARENT_RULE. clauses: (K,) CLAUSE.
    slot_of: (indicators,) int16, column in `slots` of a known indicator, or -1. slots: (kinds, S) int32 into `columns`,
    or -1. columns: (C,) COLUMN. windows: (W,) WINDOW. feeds: (F,) int32 into `columns`. code: (N,) CODE.
    gatherings: (G,) GATHERING. marks: (M, sites) float64, marks of the registry, NaN where a site has none.
    alive: (indicators,) uint8. ends: (A, indicators) uint8, whether the indicator ends the rule's silence. The last
    indicator is none: it stands for numbers beyond the catalogue's. zone_ms: local time less UTC.
    stack, scratch: float64, to work in.
    """

    rules: Array
    absences: Array
    parent_rules: Array
    clauses: Array
    slot_of: Array
    slots: Array
    columns: Array
    windows: Array
    feeds: Array
    code: Array
    gatherings: Array
    marks: Array
    alive: Array
    ends: Array
    zone_ms: int
    stack: Array
    scratch: Array


class State(NamedTuple):
    """All that a shard remembers of its d subjects: devices by registry number, then places.

    local: (numbers,) int32, row of a registry number, or NOBODY. devices: (d,) DEVICE. parents_of: (d, 4) int32 rows
    of parents, or NOBODY. places: (d, 4) int32, its site, area, street and zone, or NOBODY. series: (s,) SERIES.
    tracks: (t,) TRACK. track_due: (t,) int64, event time at which time alone changes it. track_flags: (t,) uint8.
    cells: (c,) CELL. failures: (owners,) int64, and disabled_ms: when it became too many, or NEVER. watches: (w,)
    WATCH. watch_due: (w,) int64, sighted time before which a watch need not be looked at. parents: (p,) PARENT.
    children: (c,) int32, rows of watches, grouped by parent. gather_start: (g + 1,) int64 into members. members:
    (m,) int32, rows of series, tracks or watches, and member_current: (m,) int64, ms for which a member's value is
    current. beats: (b, 2) int32, subject and column of what is derived at beats. seconds: (l, 3) int32, track,
    subject and series of what is looked at a second time."""

    local: Array
    devices: Array
    parents_of: Array
    places: Array
    series: Array
    tracks: Array
    track_due: Array
    track_flags: Array
    cells: Array
    failures: Array
    disabled_ms: Array
    watches: Array
    watch_due: Array
    parents: Array
    children: Array
    gather_start: Array
    members: Array
    member_current: Array
    beats: Array
    seconds: Array


def records(n: int, dtype: "np.dtype[Any]", **values: int) -> Array:
    """n records that begin on a cache line: zero, but for the fields named."""
    raw = np.empty(n * dtype.itemsize + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    made = raw[start : start + n * dtype.itemsize].view(dtype)
    one = np.zeros(1, dtype)
    for name, value in values.items():
        one[name] = value
    words = dtype.itemsize // 8
    made.view(np.uint64).reshape(n, words)[:] = one.view(np.uint64)  # by fields it takes longer
    return made
