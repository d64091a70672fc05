"""Clocks: whether this machine's is kept right, and how it differs from those of the database and InfluxDB. The log's
time is made of it."""

import ctypes
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import httpx
from sqlalchemy import text

from alerts.store.database import Database
from city.clock import wall_ms
from city.errors import Unavailable
from qianshao.doctor.findings import ANSWER_WITHIN_S, Finding, graded, well
from qianshao.settings import Settings
from qianshao.stores import opened

WARN_S, FAIL_S = 1.0, 10.0
"""From 10 s on, an ingest process with such a clock makes its shards blind: docs/operations.md, section 7."""
HEADER_S = 1.0
"""What a Date header leaves out."""
TIMEX_BYTES, STATUS_AT, UNSYNCHRONISED = 208, 40, 0x0040
"""Of Linux: size of struct timex, where its status is, and the bit that says that nothing keeps the clock right."""
KEEP = "keep it synchronised (chrony, systemd-timesyncd): what devices sent is judged by it"


def clocks(settings: Settings) -> Iterator[Finding]:
    yield synchronised(kernel_synchronised())
    if not settings.database.startswith("sqlite"):  # whose clock is ours
        with opened(settings) as store:
            yield skew("clock against the database", store_skew_s(store))
    if settings.influx.url is not None:
        yield skew("clock against InfluxDB", header_skew_s(settings.influx.url), HEADER_S)


def synchronised(told: bool | None) -> Finding:
    """What the kernel's word means; None: it gives none."""
    if told is None:
        return well("clock", "this system does not tell whether it is synchronised")
    return graded("clock", "synchronised" if told else "nothing synchronises it", KEEP, not told, False)


def kernel_synchronised() -> bool | None:
    """Whether Linux's clock is kept right by somebody; None where it does not tell."""
    timex = ctypes.create_string_buffer(TIMEX_BYTES)  # modes 0: only ask
    try:
        asked = ctypes.CDLL(None).adjtimex(timex)
    except (OSError, AttributeError):
        return None
    status = int.from_bytes(timex.raw[STATUS_AT : STATUS_AT + 4], "little")
    return None if asked < 0 else not status & UNSYNCHRONISED


def skew(what: str, seconds: float, tolerance_s: float = 0.0) -> Finding:
    """What a difference means. `seconds`: so far their clock is ahead of ours."""
    beyond_s = max(0.0, abs(seconds) - tolerance_s)
    word = "ahead of" if seconds > 0 else "behind"
    detail = "the same" if beyond_s < WARN_S else f"theirs is {abs(seconds):.1f} s {word} ours"
    return graded(what, detail, KEEP, beyond_s >= WARN_S, beyond_s >= FAIL_S)


def surely_ahead_s(asked_s: float, theirs_s: float, answered_s: float) -> float:
    """So far a clock is ahead of ours, s, that was read at some moment between our question and its answer: one that
    may have been the same then is taken for the same, however long it took to answer."""
    return theirs_s - min(max(theirs_s, asked_s), answered_s)


def store_skew_s(store: Database) -> float:
    """So far PostgreSQL's clock is ahead of ours, s. Raises Unavailable."""
    with store.reading() as connection:
        before_ms = wall_ms()
        theirs_s = float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
        return surely_ahead_s(before_ms / 1000, theirs_s, wall_ms() / 1000)


def header_skew_s(url: str) -> float:
    """So far a web server's clock is ahead of ours, s, by its Date header. Raises Unavailable."""
    before_ms = wall_ms()
    try:
        told = httpx.get(f"{url}/health", timeout=ANSWER_WITHIN_S).headers["date"]
    except (httpx.HTTPError, KeyError) as error:
        raise Unavailable(f"InfluxDB at {url}", repr(error)) from error
    return surely_ahead_s(before_ms / 1000, parsedate_to_datetime(told).timestamp(), wall_ms() / 1000)
