"""What the protocols over TCP have in common: frames are cut from a stream, and a frame tells something."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from ingest.dead_letters import Reason, Refused

BEIJING = timezone(timedelta(hours=8))
"""Neither protocol names a zone."""
RUBBISH_BYTES = 1024
"""As much that begins no frame is waited for, before it is given up."""
BLANK = ""
"""What may stand between frames, and is nobody's mistake."""


class Piece(NamedTuple):
    """A frame, or what is none. wrong: why it is broken; None: it is whole."""

    data: bytes
    wrong: str | None


class Cut(NamedTuple):
    """Of what is pending, the first `size` bytes are one piece."""

    size: int
    wrong: str | None


class Splitter:
    """Cuts a stream into pieces, whatever its segments are, and finds the next frame behind rubbish.

    `cut(pending, more)` says what the first piece is, None when more must come; with `more` False it must say.
    """

    def __init__(self, cut: Callable[[bytes, bool], Cut | None]) -> None:
        self._cut = cut
        self._pending = b""

    @property
    def begun(self) -> bool:
        """Whether something has come that is no piece yet."""
        return bool(self._pending)

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that are complete with these bytes."""
        self._pending += data
        return self._pieces(more=True)

    def give_up(self) -> list[Piece]:
        """What is pending will not be completed: the pieces that it holds all the same."""
        first = self._pieces(more=False, most=1)
        return first + self._pieces(more=True)

    def _pieces(self, more: bool, most: int | None = None) -> list[Piece]:
        pieces: list[Piece] = []
        pending, at = self._pending, 0
        while at < len(pending) and (most is None or len(pieces) < most):
            cut = self._cut(pending[at:] if at else pending, more)
            if cut is None:
                break
            if cut.wrong != BLANK:
                pieces.append(Piece(pending[at : at + cut.size], cut.wrong))
            at += cut.size
        self._pending = pending[at:]
        return pieces


def before(mark: bytes, data: bytes, more: bool) -> Cut | None:
    """What stands before the mark that begins a frame; none when the frame is the first. Of a mark's first byte at the
    very end it is not known yet."""
    start = data.find(mark)
    if start >= 0:
        return Cut(start, "no frame begins here")
    if more and len(data) < RUBBISH_BYTES:
        return None
    return Cut(len(data) - (more and data.endswith(mark[:1])), "no frame begins here")


def broken(mark: bytes, data: bytes, wrong: str, end: int | None = None) -> Cut:
    """A broken frame reaches to where the next may begin: it may have swallowed one. end: where it ends otherwise."""
    following = data.find(mark, 1, None if end is None else end + len(mark) - 1)
    if following > 0:
        return Cut(following, wrong)
    return Cut(len(data) - data.endswith(mark[:1]) if end is None else end, wrong)


@dataclass(frozen=True, slots=True)
class Told:
    """What a station says of one moment. ms: when it was measured; sent_ms: when it was sent, by the station's clock;
    both UTC. report: as in the contract, or `average`: over a period that ended at `ms`. values: (code, value), by the
    protocol's own codes."""

    seq: int
    ms: int
    sent_ms: int
    report: str
    values: list[tuple[str, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """What a whole frame says. unread: what in it could not be read. answer: makes the frame that confirms it, from the
    time (ms UTC) at which it is sent; None where none is wanted."""

    station: str
    told: list[Told]
    unread: list[str]
    answer: Callable[[int], bytes] | None


class UnreadableError(Refused):
    """A frame with the right checksum that tells nothing we take. station: who sent it, as far as it says."""

    def __init__(self, station: str, detail: str, reason: Reason = Reason.FRAME) -> None:
        super().__init__(reason, detail)
        self.station = station


@dataclass(frozen=True)
class Meaning:
    """What a code may be told as: (indicator, factor into its unit), by what the station's devices measure. wanted: it
    is refused where none of them measures what the class of one has; else dropped, as all that has no meaning here."""

    indicators: tuple[tuple[str, float], ...]
    wanted: bool = True


@dataclass(frozen=True)
class WireProtocol:
    """cut: see Splitter. read: a whole frame's report; raises UnreadableError. means: what codes mean."""

    name: str
    cut: Callable[[bytes, bool], Cut | None]
    read: Callable[[bytes], Report]
    means: Mapping[str, Meaning]


def beijing_ms(*parts: int) -> int:
    """Year, month, day and so on in Beijing, as ms UTC. ValueError: no such time."""
    return round(datetime(*parts, tzinfo=BEIJING).timestamp() * 1000)  # type: ignore[misc,arg-type]


def in_beijing(ms: int) -> datetime:
    """A time in ms UTC as clocks in Beijing show it."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(BEIJING)
