"""One reader of the database for all who look at the page.

    database ──once a second──▶ Look ──▶ /, /pieces, /api/state   (whoever asks)
                                  └────▶ /stream                  (says that there is news; the page then asks)

A client that cannot keep up simply asks less often: nothing is queued for it, and nothing is kept about it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from hashlib import blake2b

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from alerts.console.board import Board
from alerts.console.moment import Moment
from city.errors import Unavailable

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
BEAT_S = 5.0
STANDS_MS = 20.0  # of the wall in which a clock that goes has gone on
UNREADABLE = (Unavailable, SQLAlchemyError, OSError)


@dataclass(frozen=True)
class Look:
    """What one reading of the database showed. `versions`: a hash of the data of each piece of the board."""

    board: Board
    at: Moment
    versions: dict[str, str]

    @property
    def version(self) -> str:
        return _hash(self.versions)


@dataclass(frozen=True)
class Notice:
    """What is said to every page now and then. The times are ms UTC. `rate`: how fast the (played) clock really goes, 0
    while it stands; `over`: it does for good; `age_ms`: since the database was last read."""

    version: str
    now_ms: int
    wall_ms: float
    rate: float
    over: bool
    age_ms: float


class Live:
    """Reads with `read` (in a thread, one at a time) and tells the time with `moment`."""

    def __init__(self, read: Callable[[Moment], Board], moment: Callable[[], Moment]) -> None:
        self._read, self._moment = read, moment
        self._look: Look | None = None
        self._failed = False
        self._reading = asyncio.Lock()
        self._news = asyncio.Event()
        self._ended = False

    async def look(self) -> Look:
        """The newest look: not older than LOOK_EVERY_S, unless the next one is being taken. Raises UNREADABLE."""
        if self._look is not None and self._reading.locked() and not self._failed:
            return self._look
        async with self._reading:
            at = self._moment()
            if self._look is None or self._failed or at.wall_ms - self._look.at.wall_ms >= LOOK_EVERY_S * 1000:
                await self._look_now(at)
            assert self._look is not None
            return self._look

    async def run(self) -> None:
        """Look once a second until cancelled; while the database cannot be read, go on trying."""
        while True:
            with suppress(*UNREADABLE):
                async with self._reading:
                    await self._look_now(self._moment())
            await asyncio.sleep(LOOK_EVERY_S)

    async def notices(self) -> AsyncIterator[Notice]:
        """A notice at once, at every change (once a second at most), and every BEAT_S; none after `end`."""
        while not self._ended:
            news = self._news
            yield self.notice()
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), BEAT_S)

    @property
    def readable(self) -> bool:
        """Whether the database could be read, the last time that it was tried."""
        return self._look is not None and not self._failed

    def end(self) -> None:
        """Let everybody who listens go, so that a server can stop without waiting for them."""
        self._ended = True
        self._news.set()

    def notice(self) -> Notice:
        at, look = self._moment(), self._look
        if look is None:
            return Notice("", at.now_ms, at.wall_ms, 0.0, at.over, at.wall_ms)
        age_ms = at.wall_ms - look.at.wall_ms
        stands = at.now_ms == look.at.now_ms and age_ms > STANDS_MS
        return Notice(look.version, at.now_ms, at.wall_ms, 0.0 if stands else at.speed, at.over, age_ms)

    async def _look_now(self, at: Moment) -> None:
        try:
            board = await asyncio.to_thread(self._read, at)
        except UNREADABLE as error:
            if not self._failed:
                log.error("database unreadable", error=repr(error))
            self._failed = True
            raise
        self._failed = False
        before, self._look = self._look, Look(board, at, _versions(board))
        if before is None or before.version != self._look.version:
            self._news.set()
            self._news = asyncio.Event()


def _versions(board: Board) -> dict[str, str]:
    return {field.name: _hash(getattr(board, field.name)) for field in fields(board)}


def _hash(value: object) -> str:
    return blake2b(msgspec.json.encode(value), digest_size=6).hexdigest()
