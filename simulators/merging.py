"""Streams of messages as one, in order of publication."""

import heapq
from collections.abc import Iterable, Iterator

from simulators.message import Message


def merge_by_time(streams: Iterable[Iterator[Message]]) -> Iterator[Message]:
    """Messages of streams that are each in order of `at_ms`, in that order. Holds one message of each stream."""
    heap: list[tuple[int, int, Message, Iterator[Message]]] = []
    for i, stream in enumerate(streams):
        message = next(stream, None)
        if message is not None:
            heap.append((message.at_ms, i, message, stream))
    heapq.heapify(heap)
    while heap:
        _, i, message, stream = heap[0]
        yield message
        following = next(stream, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following.at_ms, i, following, stream))
