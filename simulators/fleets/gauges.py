"""Water gauges and rain gauges (积水、雨量): timed reports, added ones when something happens, a rare heartbeat.

Types, resolutions and intervals: domain notes 3.1 (vendors' pages); noise, batteries and signal: operator defaults.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from simulators.fleets.surroundings import DAY_MS, Surroundings, Voice, every
from simulators.message import Body, Message
from simulators.storms.storm import STEP_MS
from simulators.world import value_at

ADDED_EVERY_MS, ADDED_EVERY_UNDERPASS_MS = 60_000, 15_000
UNDERPASS = "underpass-flooding"
HEARTBEAT_MS = 30 * 60_000
RAIN_LASTS_MS = 5 * 60_000
TIP_MM = 0.2
ROLLOVER_MM = 100_000.0
"""A running total is N(6,1) in SL 651: 99999.9 is followed by 0."""
REF_MM = 1000
NOISE_FLOOR_CM = -1.0


@dataclass(frozen=True)
class Sensor:
    """noise_cm: standard deviation. step_cm: resolution; `floors` when it shows full steps only, as electrodes do.
    change_cm: change at which an added report is sent."""

    noise_cm: float
    step_cm: float
    floors: bool
    change_cm: float


SENSORS = {
    "electronic-water-gauge": Sensor(0.2, 1.0, True, 1.0),
    "buried-pressure-level": Sensor(0.25, 0.1, False, 1.0),
    "pressure-level": Sensor(0.25, 0.1, False, 1.0),
    "radar-level": Sensor(0.4, 0.1, False, 2.0),
}
_OTHER = SENSORS["buried-pressure-level"]


def water_gauge(voice: Voice, around: Surroundings) -> Iterator[Message]:
    """Messages of a gauge of any type. In a storm it looks every minute (in an underpass every 15 s) whether the depth
    has changed or it rains, and then reports at once; else at its interval."""
    sensor = SENSORS.get(voice.device.type, _OTHER)
    sky = _Sky(voice, around)
    depth_cm = around.world.series(voice.device, "water_depth").tolist()
    station = _Station(voice, around)
    looks = _looks(voice, around)
    last_cm = math.nan
    for n, now_ms in enumerate(every(around.span, voice.phase_ms, looks.every_ms)):
        measured_cm = measure(sensor, value_at(depth_cm, around.span, now_ms), voice)
        timed = n % looks.a_timed == 0
        if timed or sky.raining(now_ms) or not abs(measured_cm - last_cm) < sensor.change_cm:
            last_cm = measured_cm
            body = voice.head(now_ms)
            body["site_id"] = voice.device.site
            body["report"] = "timed" if timed else "added"
            body |= depth_fields(measured_cm)
            yield voice.message("up", now_ms, body | station.fields(now_ms))
        if n % looks.a_heartbeat == looks.heartbeat_at:
            yield station.heartbeat(now_ms)


def measure(sensor: Sensor, true_cm: float, voice: Voice) -> float:
    """What a sensor shows of a true depth, cm."""
    shown = true_cm + sensor.noise_cm * voice.rng.standard_normal()
    if sensor.floors:
        return max(0.0, math.floor(shown / sensor.step_cm) * sensor.step_cm)
    return max(NOISE_FLOOR_CM, round(shown / sensor.step_cm) * sensor.step_cm)


def depth_fields(measured_cm: float) -> Body:
    """The fields that tell a depth; depth_cm is (raw_mm - ref_mm) / 10."""
    return {
        "depth_cm": round(measured_cm, 1),
        "raw_mm": REF_MM + round(measured_cm * 10),
        "ref_mm": REF_MM,
        "immersed": int(measured_cm >= 1),
    }


def rain_gauge(voice: Voice, around: Surroundings) -> Iterator[Message]:
    """Messages of a tipping rain gauge: rain since the last message, and a total that runs on for years."""
    sky = _Sky(voice, around)
    station = _Station(voice, around)
    looks = _looks(voice, around)
    catch = 1 + 0.03 * voice.rng.standard_normal()
    before_mm = 99_990.0 if voice.rng.random() < 0.05 else 4000 * voice.rng.random()
    before_tips, told = round(before_mm / TIP_MM), 0
    for n, now_ms in enumerate(every(around.span, voice.phase_ms, looks.every_ms)):
        tips = int(sky.fallen_mm(now_ms) * catch / TIP_MM)
        timed = n % looks.a_timed == 0
        if timed or tips > told:
            body = voice.head(now_ms)
            body["site_id"] = voice.device.site
            body["report"] = "timed" if timed else "added"
            body["rain_tip_mm"] = round((tips - told) * TIP_MM, 1)
            body["rain_acc_mm"] = round((before_tips + tips) * TIP_MM % ROLLOVER_MM, 1)
            told = tips
            yield voice.message("up", now_ms, body | station.fields(now_ms))
        if n % looks.a_heartbeat == looks.heartbeat_at:
            yield station.heartbeat(now_ms)


@dataclass(frozen=True)
class _Looks:
    """How often a device looks at its sensor, and every how many looks it reports and gives a heartbeat."""

    every_ms: int
    a_timed: int
    a_heartbeat: int
    heartbeat_at: int


def _looks(voice: Voice, around: Surroundings) -> _Looks:
    every_ms = voice.interval_ms
    if around.storm is not None or around.world.moves(voice.device, "water_depth"):
        underpass = around.city.area_of(voice.device).risk_class == UNDERPASS
        every_ms = min(every_ms, ADDED_EVERY_UNDERPASS_MS if underpass else ADDED_EVERY_MS)
    a_heartbeat = max(2, HEARTBEAT_MS // every_ms)
    return _Looks(every_ms, max(1, voice.interval_ms // every_ms), a_heartbeat, int(voice.rng.random() * a_heartbeat))


class _Sky:
    """The rain at one gauge."""

    def __init__(self, voice: Voice, around: Surroundings) -> None:
        self._fallen_mm = around.world.series(voice.device, "rain_total").tolist()
        self._start_ms = around.span.start_ms

    def fallen_mm(self, ms: int) -> float:
        step = min((ms - self._start_ms) // STEP_MS, len(self._fallen_mm)) - 1
        return self._fallen_mm[step] if step >= 0 else 0.0

    def raining(self, ms: int) -> bool:
        """Whether the last minutes brought as much as one tip."""
        return self.fallen_mm(ms) - self.fallen_mm(ms - RAIN_LASTS_MS) >= TIP_MM


class _Station:
    """Power and radio of a gauge: a 12 V battery that the sun loads, 4G or NB-IoT."""

    def __init__(self, voice: Voice, around: Surroundings) -> None:
        self._voice = voice
        self._light = 0.25 if around.storm is not None else 1.0
        self._full_v = 12.3 + 0.4 * voice.rng.random()
        self._rssi = -70 - 25 * voice.rng.random()
        self._midnight_ms = around.midnight_ms

    def fields(self, ms: int) -> Body:
        """Battery, panel, signal and temperature at a time."""
        hour = (ms - self._midnight_ms) % DAY_MS / 3_600_000
        sun = max(0.0, math.sin(math.pi * (hour - 6) / 12)) * self._light
        return {
            "batt_v": round(self._full_v + 0.6 * sun, 2),
            "solar_v": round(18.5 * min(1.0, 3 * sun), 1),
            "rssi_dbm": round(self._rssi - 6 * self._voice.rng.random()),
            "temp_c": round(21 + 9 * sun, 1),
        }

    def heartbeat(self, ms: int) -> Message:
        body = self._voice.head(ms)
        body["report"] = "heartbeat"
        return self._voice.message("hb", ms, body | self.fields(ms))
