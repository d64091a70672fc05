"""Which behaviour belongs to which type of device."""

from collections.abc import Iterator

from city.registry import Device
from simulators.fleets.cameras import camera, gateway_beats, platform_beats
from simulators.fleets.gauges import rain_gauge, water_gauge
from simulators.fleets.sentries import sentry
from simulators.fleets.stations import station
from simulators.fleets.surroundings import Surroundings, Voices
from simulators.fleets.upstream import source_beats
from simulators.message import GATEWAY_FEED, PLATFORM_FEED, REPORT_FEED, SIGNAL_FEED, Message

RAIN_GAUGES = ("rain-gauge-tipping",)


def messages_of(device: Device, around: Surroundings, voices: Voices) -> Iterator[Message]:
    """What a sound device sends, lazily, in order of `taken_ms` and of `at_ms`. ValueError: no such feed."""
    voice, feed = voices.of(device), voices.feed(device)
    if device.type in RAIN_GAUGES:
        return rain_gauge(voice, around)
    if feed == "waterlogging":
        return water_gauge(voice, around)
    if feed == "sentry":
        return sentry(voice, around)
    if feed == "video":
        return camera(voice, around)
    if feed == "telemetry":
        return station(voice, around)
    if feed == GATEWAY_FEED:
        return gateway_beats(voice, around)
    if feed == PLATFORM_FEED:
        return platform_beats(voice, around)
    if feed in (SIGNAL_FEED, REPORT_FEED):
        return source_beats(voice, feed, around)
    raise ValueError(f"{device.id}: nobody knows how a device of feed {feed!r} behaves")
