"""What a video platform says, as messages of the points in the registry. It keeps in mind which points each platform
has told to be faulty: that one is sound again, a Keepalive says by leaving it out."""

from dataclasses import dataclass, field

from ingest.adapters.gb28181 import Point, Status, read_status
from ingest.contract import Gateway, Message, Video
from ingest.dead_letters import Reason, Refused
from ingest.registry import Registry


@dataclass
class Word:
    """A platform's word. messages: (row, message). faulty: (row, whether). unknown: addresses of nobody."""

    seq: int
    messages: list[tuple[int, Message]] = field(default_factory=list)
    faulty: list[tuple[int, bool]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


class Platforms:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._faulty: dict[int, frozenset[int]] = {}

    def word(self, row: int, payload: bytes, now_ms: int) -> Word:
        """What the platform at a row says. Raises Refused."""
        status = read_status(payload)
        speaker = self._row(status.address)
        if speaker is None or (self._is_platform(speaker) and speaker != row):
            raise Refused(Reason.WRONG_DEVICE, f"the payload is of {status.address}, the topic of another platform")
        word = Word(status.sn)
        for point in status.points:
            self._tell(word, point, status.sn, now_ms)
        if speaker == row:
            self._tell_faulty(word, row, status)
        return word

    def _row(self, address: str) -> int | None:
        posts = self._registry.posts.get(address)
        return posts[0].row if posts else None

    def _is_platform(self, row: int) -> bool:
        return self._registry.kind(row).message is Gateway

    def _tell(self, word: Word, point: Point, sn: int, now_ms: int) -> None:
        row = self._row(point.address)
        if row is None:
            word.unknown.append(point.address)
            return
        device_id = self._registry.ids[row]
        if self._is_platform(row):
            word.messages.append((row, Gateway(v=1, device_id=device_id, seq=sn, ts=float(now_ms))))
            word.faulty += [] if point.ok is None else [(row, not point.ok)]
            return
        message = Video(
            v=1,
            device_id=device_id,
            seq=sn,
            ts=float(now_ms),
            status=None if point.ok is None else "OK" if point.ok else "ERROR",
            online=point.online,
            stream_ok=point.encoding,
            rec_ok=point.recording,
            clock_offset_s=None if point.clock_ms is None else (point.clock_ms - now_ms) / 1000,
        )
        word.messages.append((row, message))

    def _tell_faulty(self, word: Word, row: int, status: Status) -> None:
        """Those that are listed, and those that were and are no more. After a start nobody knows who was: then all
        others are sound."""
        if status.faulty is None:
            return
        rows = {address: self._row(address) for address in status.faulty}
        word.unknown += [address for address, point in rows.items() if point is None]
        faulty = frozenset(point for point in rows.values() if point is not None)
        before = self._faulty.get(row)
        over = (self._registry.points_of.get(row, frozenset()) if before is None else before) - faulty
        word.faulty += [(point, True) for point in sorted(faulty)] + [(point, False) for point in sorted(over)]
        self._faulty[row] = faulty
