"""Lanes of electronic sentries (电子哨兵): passages, statistics every interval, a beat between them.

A passage is counted; nobody is named. What happens when the verify back end is down follows domain notes 3.2: each
verification waits for the time-out and is refused, people queue, and after some minutes the lane decides by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulators.fleets.surroundings import Outage, Surroundings, Voice, every
from simulators.message import Body, Message

BUSY = (
    *(0.03, 0.02, 0.02, 0.02, 0.03, 0.1, 0.4, 0.9, 1.0, 0.4, 0.2, 0.3),
    *(0.4, 0.3, 0.2, 0.2, 0.3, 0.7, 0.9, 0.6, 0.3, 0.2, 0.1, 0.05),
)
"""Share of the busiest hour's passages, by hour of the day. Operator default."""
PASSES_A_MIN, LOCAL_PASSES_A_MIN = 22, 18
METHODS = ("card", "face", "qr", "pin")
REFUSALS = ("no_permission", "expired", "liveness_fail", "unknown")
REFUSED = 0.02
LOCAL_METHODS = ("card", "pin")


@dataclass
class _Minute:
    """What went on at a lane between two statistics. latencies_ms: of its verifications, those nobody saw included."""

    passages: list[Body]
    latencies_ms: list[float]
    passed: int
    denied: int
    mode: str


def sentry(voice: Voice, around: Surroundings) -> Iterator[Message]:
    """Messages of a lane. Times are milliseconds since 1970, as its firmware writes them."""
    lane = _Lane(voice, around)
    fw = f"2.{int(10 * voice.rng.random())}.{int(10 * voice.rng.random())}"
    up_since_ms = around.span.start_ms - int(voice.rng.random() * 30 * 86_400_000)
    interval_ms = voice.interval_ms
    for now_ms in every(around.span, voice.phase_ms + interval_ms, interval_ms):
        minute = lane.pass_time(now_ms, interval_ms)
        beat_at = now_ms - interval_ms // 2
        moments = np.sort(now_ms - interval_ms + voice.rng.random(len(minute.passages)) * interval_ms).astype(int)
        before = int(np.searchsorted(moments, beat_at))
        passages = list(zip(moments.tolist(), minute.passages, strict=True))
        for at_ms, passage in passages[:before]:
            yield voice.message("evt", at_ms, voice.head(at_ms, text=False) | passage)
        beat = {"kind": "hb", "mode": minute.mode, "fw": fw, "uptime_s": (beat_at - up_since_ms) // 1000}
        yield voice.message("hb", beat_at, voice.head(beat_at, text=False) | beat)
        for at_ms, passage in passages[before:]:
            yield voice.message("evt", at_ms, voice.head(at_ms, text=False) | passage)
        yield voice.message("up", now_ms, voice.head(now_ms, text=False) | lane.statistics(minute))


class _Lane:
    """People at one lane: they come, queue, pass or are refused."""

    def __init__(self, voice: Voice, around: Surroundings) -> None:
        self._rng = voice.rng
        self._outages = around.outages.get(voice.device.platform or "", [])
        self._stamper, self._moved_ms = around.stamper, around.moved_ms
        self._busiest = around.behaviour.passages_per_min * (0.7 + 0.6 * voice.rng.random())
        self._direction = "in" if voice.rng.random() < 0.5 else "out"
        self._number = 1 + int(2 * voice.rng.random())
        self.queue = 0

    def pass_time(self, now_ms: int, interval_ms: int) -> _Minute:
        minutes = interval_ms / 60_000
        hour = int(self._stamper.iso(now_ms - self._moved_ms)[11:13])
        self.queue += int(self._rng.poisson(self._busiest * BUSY[hour] * minutes))
        outage = next((o for o in self._outages if o.span.holds(now_ms)), None)
        if outage is None:
            return self._usual(PASSES_A_MIN * minutes)
        self.queue = min(self.queue, outage.longest_queue)
        since_ms = now_ms - outage.span.start_ms
        if since_ms >= outage.local_after_ms:
            return self._local(LOCAL_PASSES_A_MIN * minutes, outage)
        return self._waiting(outage, outage.worst * min(1.0, since_ms / outage.ramp_ms), interval_ms)

    def statistics(self, minute: _Minute) -> Body:
        body: Body = {
            "kind": "stat",
            "queue_len": self.queue,
            "pass_1m": minute.passed,
            "deny_1m": minute.denied,
            "mode": minute.mode,
        }
        if minute.latencies_ms:
            body["latency_ms"] = round(float(np.quantile(minute.latencies_ms, 0.95, method="higher")))
        return body

    def _usual(self, most: float) -> _Minute:
        served = min(self.queue, int(most))
        self.queue -= served
        refused = int(self._rng.binomial(served, REFUSED)) if served else 0
        latencies = [self._latency_ms() for _ in range(served)]
        passages = [
            self._passage(i >= refused, "ok" if i >= refused else self._one_of(REFUSALS), latency, METHODS)
            for i, latency in enumerate(latencies)
        ]
        return _Minute(passages, latencies, served - refused, refused, "online")

    def _waiting(self, outage: Outage, failing: float, interval_ms: int) -> _Minute:
        """Verifications time out one after another; who is refused stays in the queue."""
        left_ms, latencies, passages, passed = float(interval_ms), [], [], 0
        for _ in range(self.queue):
            fails = self._rng.random() < failing
            latency = outage.timeout_ms + 50 + 500 * self._rng.random() if fails else self._latency_ms()
            left_ms -= latency + 60_000 / PASSES_A_MIN
            if left_ms < 0:
                break
            latencies.append(latency)
            passages.append(self._passage(not fails, "verify_timeout" if fails else "ok", latency, METHODS))
            passed += not fails
        self.queue -= passed
        return _Minute(passages, latencies, passed, len(passages) - passed, "online")

    def _local(self, most: float, outage: Outage) -> _Minute:
        """The lane lets pass whom it knows, refuses nobody, and keeps asking the back end in vain."""
        served = min(self.queue, int(most))
        self.queue -= served
        passages = [self._passage(True, "ok", 250 + 200 * self._rng.random(), LOCAL_METHODS) for _ in range(served)]
        asked = [outage.timeout_ms + 50 + 500 * self._rng.random()]
        return _Minute(passages, asked, served, 0, "offline_local")

    def _passage(self, ok: bool, result: str, latency_ms: float, methods: tuple[str, ...]) -> Body:
        return {
            "kind": "pass" if ok else "deny",
            "lane": self._number,
            "dir": self._direction,
            "result": result,
            "method": self._one_of(methods),
            "latency_ms": round(latency_ms),
        }

    def _latency_ms(self) -> float:
        return float(350 + 250 * self._rng.standard_gamma(1.5))

    def _one_of(self, words: tuple[str, ...]) -> str:
        return words[int(self._rng.random() * len(words))]
