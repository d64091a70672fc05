"""Upstream sources on a day without warnings: they beat. The points that they speak to say nothing of their own."""

from collections.abc import Iterator

from simulators.fleets.surroundings import Surroundings, Voice, every
from simulators.message import REPORT_FEED, Message


def source_beats(voice: Voice, feed: str, around: Surroundings) -> Iterator[Message]:
    """Beats of a source; nothing of a point, which hangs on another device."""
    if voice.device.gateway not in (None, voice.device.id):
        return
    said = {} if feed == REPORT_FEED else {"type": "heartbeat"}
    for now_ms in every(around.span, voice.phase_ms, voice.interval_ms):
        yield voice.message("hb", now_ms, voice.head(now_ms) | said)
