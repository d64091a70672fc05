"""Which messages may be acknowledged: those whose batch, and every batch before it, the log has confirmed."""

from collections import deque


class Flush:
    """Messages that were written together. `ids`: their packet ids in order of receipt."""

    def __init__(self, ids: list[int]) -> None:
        self.ids = ids
        self.confirmed = False


class AckWindow:
    """Keeps flushes in order of receipt (MQTT-4.6.0-2). One window a connection: packet ids of a lost connection mean
    nothing on the next, so a window is dropped with it."""

    def __init__(self) -> None:
        self._flushes: deque[Flush] = deque()

    def open(self, ids: list[int]) -> Flush:
        flush = Flush(ids)
        self._flushes.append(flush)
        return flush

    def confirm(self, flush: Flush) -> list[int]:
        """Note that the log has a flush. Returns the packet ids to acknowledge now, in order."""
        flush.confirmed = True
        ready: list[int] = []
        while self._flushes and self._flushes[0].confirmed:
            ready += self._flushes.popleft().ids
        return ready
