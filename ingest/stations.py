"""What a station says over a wire protocol, told as messages of the devices at its address.

Pure, like Intake, whose checks everything goes through.
"""

from collections.abc import Callable
from typing import NamedTuple

import structlog

from ingest.adapters.wire import Meaning, Piece, Report, Told, UnreadableError, WireProtocol
from ingest.contract import Message, Telemetry, Waterlogging
from ingest.dead_letters import Frame, Reason, Refused
from ingest.intake import EARLIEST_MS, Intake, not_measured
from ingest.measures import WATERLOGGING_FIELDS
from ingest.registry import Post

log = structlog.get_logger()

Answer = Callable[[int], bytes]
REAL_TIME_FOR_MS = 86_400_000
"""A device that has sent real-time values within this is judged by them; its averages are history."""
HEAD_BYTES = 16
"""As much is kept of a picture: who sent it."""
_NOTHING = Meaning((), wanted=False)
_FIELDS = {indicator: name for name, indicator in WATERLOGGING_FIELDS}


class Accepted(NamedTuple):
    """ours: whether a piece was a frame of a station of ours. answer: what answers it once the log has it. ignored: how
    many of its values have no meaning here."""

    ours: bool
    answer: Answer | None = None
    ignored: int = 0


class Stations:
    """Takes in what came over TCP."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._posts = intake.registry.posts
        self._real_time_ms: dict[int, int] = {}

    def accept(self, protocol: WireProtocol, piece: Piece, peer: str, now_ms: int) -> Accepted:
        """Take in one piece of a stream that arrived from `peer` at (played) time `now_ms`."""
        frame, posts = Frame(piece.data), list[Post]()
        place = f"{protocol.name}/-/{peer}"
        try:
            report = _read(protocol, piece)
            posts = self._posts_of(report.station)
            place = self._place(protocol, report.station, posts, peer)
            ignored = self._tell(protocol, report, posts, place.encode(), frame, now_ms)
        except Refused as refused:
            if refused.why is Reason.PERSONAL_DATA:  # packets of one picture are several letters
                frame = Frame(frame[:HEAD_BYTES])
            if isinstance(refused, UnreadableError) and refused.station:
                posts = self._posts.get(refused.station, [])
                place = self._place(protocol, refused.station, posts, peer)
            self._refuse(posts, refused, place.encode(), frame, now_ms)
            return Accepted(bool(posts))
        except Exception as error:  # a frame must never stop the ones behind it
            log.exception("frame could not be taken in", place=place)
            self._intake.refuse(None, Refused(Reason.POISON, repr(error)), place.encode(), frame, now_ms)
            return Accepted(True)
        return Accepted(True, report.answer, ignored)

    def _posts_of(self, station: str) -> list[Post]:
        posts = self._posts.get(station)
        if posts is None:
            refused = UnreadableError(station, f"no device in service has the address {station}", Reason.UNKNOWN_DEVICE)
            raise refused
        return posts

    def _place(self, protocol: WireProtocol, station: str, posts: list[Post], peer: str) -> str:
        """Where a frame came in, in the form of a topic: its device stands before the last slash."""
        return f"{protocol.name}/{self._intake.registry.ids[posts[0].row] if posts else station}/{peer}"

    def _tell(
        self, protocol: WireProtocol, report: Report, posts: list[Post], place: bytes, frame: Frame, now_ms: int
    ) -> int:
        """Everything that a frame tells; to who measures nothing of it, once, that he lives. How many values have no
        meaning here."""
        ignored = 0
        for told in report.told:
            shares, without = self._shares(protocol, told, posts, place, frame, now_ms)
            ignored += without
            for post, values in zip(posts, shares, strict=True):
                if values or told is report.told[0]:
                    self._tell_one(post, told, values, place, frame, now_ms)
        for why in report.unread:
            self._refuse(posts, Refused(Reason.FRAME, why), place, frame, now_ms)
        return ignored

    def _shares(
        self, protocol: WireProtocol, told: Told, posts: list[Post], place: bytes, frame: Frame, now_ms: int
    ) -> tuple[list[dict[str, float]], int]:
        """What each post has to tell, by indicator: a value is the first's that reports it, but what any station may
        tell of itself is told by all. And how many values have no meaning here."""
        shares: list[dict[str, float]] = [{} for _ in posts]
        ignored = 0
        for code, value in told.values:
            meaning = protocol.means.get(code, _NOTHING)
            fitting = [
                (share, indicator, value * factor)
                for post, share in zip(posts, shares, strict=True)
                for indicator, factor in meaning.indicators
                if indicator in post.reports
            ]
            for share, indicator, converted in fitting[:1] if meaning.wanted else fitting:
                share[indicator] = converted
            if not fitting and not self._refuse_unmeasured(meaning, posts, place, frame, now_ms):
                ignored += 1
        return shares, ignored

    def _refuse_unmeasured(self, meaning: Meaning, posts: list[Post], place: bytes, frame: Frame, now_ms: int) -> bool:
        """Refuse a value that a device's class has and its type does not measure. Whether there is such a device."""
        names = [name for name, _ in meaning.indicators]
        of_class = [(post.row, name) for post in posts for name in names if meaning.wanted and name in post.of_class]
        for row, name in of_class[:1]:
            refused = not_measured(name, self._intake.registry.measures[row])
            self._intake.refuse(row, refused, place, frame, now_ms)
        return bool(of_class)

    def _tell_one(
        self, post: Post, told: Told, values: dict[str, float], place: bytes, frame: Frame, now_ms: int
    ) -> None:
        registry, report = self._intake.registry, self._live_or_history(post.row, told, values, now_ms)
        device_id, kind = registry.ids[post.row], registry.kind(post.row).message
        head = {"v": 1, "device_id": device_id, "seq": told.seq, "ts": float(told.ms), "report": report}
        try:
            if told.ms < EARLIEST_MS:
                raise Refused(Reason.CLOCK, f"{told.ms} ms since 1970 is before 2020")
            self._intake.read(post.row, _message(kind, head, values), place, frame, 0, now_ms, told.sent_ms)
        except Refused as refused:
            self._intake.refuse(post.row, refused, place, frame, now_ms)

    def _live_or_history(self, row: int, told: Told, values: dict[str, float], now_ms: int) -> str:
        """An average beside real-time values is history: it would say again, later and smoothed, what was judged."""
        if told.report == "timed" and values:
            self._real_time_ms[row] = now_ms
        if told.report != "average":
            return told.report
        real_time_ms = self._real_time_ms.get(row)
        return "timed" if real_time_ms is None or now_ms - real_time_ms > REAL_TIME_FOR_MS else "backfill"

    def _refuse(self, posts: list[Post], refused: Refused, place: bytes, frame: Frame, now_ms: int) -> None:
        self._intake.refuse(posts[0].row if posts else None, refused, place, frame, now_ms)


def _read(protocol: WireProtocol, piece: Piece) -> Report:
    if piece.wrong is not None:
        raise Refused(Reason.FRAME, piece.wrong)
    return protocol.read(piece.data)


def _message(kind: type[Message], head: dict[str, object], values: dict[str, float]) -> Message:
    """A message of the contract. Raises Refused for devices that have no such values."""
    if kind is Telemetry:
        return Telemetry(**head, values=dict(values))  # type: ignore[arg-type]
    if kind is Waterlogging:
        fields = {_FIELDS[indicator]: value for indicator, value in values.items() if indicator in _FIELDS}
        return Waterlogging(**head, **fields)  # type: ignore[arg-type]
    raise Refused(Reason.SCHEMA, f"a device of {kind.__name__} messages does not speak this protocol")
