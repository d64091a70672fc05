"""Monitoring stations of the feed telemetry: what they measure in their turn, and at once what changes much.

They look every minute while something is afoot, which is the alarm interval that most indicators have in the catalogue.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from simulators.fleets.surroundings import Surroundings, Voice, every
from simulators.message import Message
from simulators.world import CALM, Calm, value_at

LOOK_MS = 60_000


@dataclass(frozen=True)
class Probe:
    """One indicator of a station. truth: (steps,), what is really there, a value a minute."""

    indicator: str
    calm: Calm
    truth: list[float]
    least: float
    most: float


def station(voice: Voice, around: Surroundings) -> Iterator[Message]:
    """Messages of a station of any type: at its interval, and between when a value has changed by much."""
    probes = _probes(voice, around)
    afoot = any(around.world.moves(voice.device, probe.indicator) for probe in probes)
    look_ms = min(voice.interval_ms, LOOK_MS) if afoot else voice.interval_ms
    told: dict[str, float] = {}
    for n, now_ms in enumerate(every(around.span, voice.phase_ms, look_ms)):
        values = {probe.indicator: _measured(probe, now_ms, voice, around) for probe in probes}
        timed = n % max(1, voice.interval_ms // look_ms) == 0
        if timed or any(_changed(probe, values, told) for probe in probes):
            told = values
            body = voice.head(now_ms) | {"report": "timed" if timed else "added", "values": values}
            yield voice.message("up", now_ms, body)


def _probes(voice: Voice, around: Surroundings) -> list[Probe]:
    """What the station measures. KeyError: an indicator of which nobody knows how it behaves."""
    city, device = around.city, voice.device
    measures = next(t.measures for t in city.catalogue.device_types if t.slug == device.type) or []
    return [
        Probe(i.id, CALM[i.id], around.world.series(device, i.id).tolist(), i.valid_min, i.valid_max)
        for i in city.catalogue.reported(city.area_of(device).risk_class, device.type)
        if i.id in measures
    ]


def _measured(probe: Probe, now_ms: int, voice: Voice, around: Surroundings) -> float:
    true = value_at(probe.truth, around.span, now_ms, probe.calm.whole)
    shown = true + probe.calm.noise * voice.rng.standard_normal()
    return round(min(max(shown, probe.least), probe.most), probe.calm.decimals)


def _changed(probe: Probe, values: dict[str, float], told: dict[str, float]) -> bool:
    if probe.calm.change is None or probe.indicator not in told:
        return False
    return abs(values[probe.indicator] - told[probe.indicator]) >= probe.calm.change
