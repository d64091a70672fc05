"""Load on a broker: a publisher so cheap that it is not what is measured. Frames are made ahead but for packet id,
sequence number and time, and go out over a bare socket (MQTT 3.1.1, QoS 1); confirmations are counted, not matched."""

import json
import multiprocessing
import selectors
import socket
import time
from dataclasses import dataclass
from itertools import count, cycle, islice
from multiprocessing.connection import Connection

from city.city import City
from city.registry import Device
from ingest.contract import SEGMENTS, Gateway
from ingest.registry import topic_prefix

FIRST_SEQ = 1_000_000_000
"""So that every sequence number is ten digits wide, and a frame's length never changes."""
MOST_UNCONFIRMED = 16_000
PROBE_ID = 60_000
"""Packet ids from here on are for probes."""
AT_ONCE = 1000
STEP_S = 0.002
CONFIRM_S = 60.0


@dataclass(frozen=True)
class Voice:
    """What says one kind of message again and again: its frame with room for packet id, `seq` and `ts`, each as
    often as it occurs. numbers: registry numbers of the devices in it. readings: how many it makes in all."""

    frame: bytes
    numbers: tuple[int, ...]
    stamps: int
    readings: int

    def say(self, packet_id: int, seq: int, ts: int) -> bytes:
        return self.frame % (packet_id.to_bytes(2, "big"), *((seq, ts) * self.stamps))


@dataclass(frozen=True)
class Plan:
    """Voices speak one after another, again and again. rate: messages a second, 0 for as many as are taken. probes:
    each says once what opens a ticket, spread evenly."""

    voices: list[Voice]
    probes: list[Voice]
    rate: float
    seconds: float


@dataclass(frozen=True)
class Sent:
    """messages: confirmed by the broker, without the probes; message n came from voice n mod len(voices), and its seq
    is `FIRST_SEQ + n // len(voices)`. probes: wall ms of handing over, by registry number. began_ms, ended_ms: wall
    ms of the first message and of the last confirmation. cpu_s: of the publisher."""

    messages: int
    probes: dict[int, float]
    began_ms: float
    ended_ms: float
    cpu_s: float


def gauge(city: City, device: Device) -> Voice:
    """A water gauge on a dry road: one reading a message."""
    return _voice(_topic(city, device, "up"), _entry(device, report="timed", depth_cm=3.4), [device], 1)


def tampered(city: City, device: Device) -> Voice:
    """A sentry that somebody opens."""
    return _voice(_topic(city, device, "evt"), _entry(device, kind="alarm", alarm="tamper"), [device], 4)


def recorder(city: City, gateway: Device, cameras: list[Device]) -> Voice:
    """An NVR that speaks for so many cameras: a beat and a packet loss each."""
    entries = b",".join(_entry(camera, status="OK", loss_pct=0.02) for camera in cameras)
    head = _entry(gateway)
    return _voice(
        _topic(city, gateway, "up", SEGMENTS[Gateway]),
        head[:-1] + b',"messages":[' + entries + b"]}",
        cameras,
        1 + 2 * len(cameras),
    )


def publish(host: str, port: int, plan: Plan) -> Sent:
    """Publish in a process of its own, so that its processor time can be told."""
    processes = multiprocessing.get_context("fork")  # spawned, it would import for seconds beside what is measured
    ours, theirs = processes.Pipe()
    process = processes.Process(target=_run, args=(theirs, host, port, plan), daemon=True)
    process.start()
    theirs.close()
    sent: Sent = ours.recv()
    process.join()
    return sent


def _topic(city: City, device: Device, kind: str, segment: str | None = None) -> bytes:
    site = city.sites[device.site]
    return f"{topic_prefix(city, site.area, segment)}{device.id}/{kind}".encode()


def _entry(device: Device, **said: object) -> bytes:
    text = json.dumps({"v": 1, "device_id": device.id, "seq": "SEQ", "ts": "TS", **said}, separators=(",", ":"))
    return text.replace('"SEQ"', "%d").replace('"TS"', "%d").encode()


def _voice(topic: bytes, payload: bytes, devices: list[Device], readings: int) -> Voice:
    stamps = payload.count(b"%d") // 2
    length = len(payload % ((FIRST_SEQ, 1_700_000_000_000) * stamps))
    head = bytearray([0x32])
    head += _variable_integer(2 + len(topic) + 2 + length) + len(topic).to_bytes(2, "big") + topic
    return Voice(bytes(head).replace(b"%", b"%%") + b"%b" + payload, tuple(d.number for d in devices), stamps, readings)


def _variable_integer(value: int) -> bytes:
    digits = bytearray()
    while True:
        value, digit = value >> 7, value & 0x7F
        digits.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(digits)


def _run(answer: Connection, host: str, port: int, plan: Plan) -> None:
    answer.send(_Publisher(host, port).run(plan))


class _Publisher:
    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = b"bench-load"
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(client).to_bytes(2, "big") + client
        self._socket.sendall(b"\x10" + _variable_integer(len(body)) + body)
        if self._socket.recv(4) != b"\x20\x02\x00\x00":
            raise ConnectionError("the broker refuses the load")
        self._socket.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._confirmed_bytes = 0

    def run(self, plan: Plan) -> Sent:
        stream = zip(cycle(range(1, PROBE_ID)), ((seq, v) for seq in count(FIRST_SEQ) for v in plan.voices))
        probes = list(reversed(plan.probes))
        sent = 0
        said: dict[int, float] = {}
        began_ms, began_s = time.time() * 1000, time.monotonic()
        while (past_s := time.monotonic() - began_s) < plan.seconds:
            due = int(past_s * plan.rate) - sent if plan.rate else AT_ONCE
            room = MOST_UNCONFIRMED + self._confirmed - sent - len(said)
            now_ms = time.time() * 1000
            out = [v.say(i, seq, int(now_ms)) for i, (seq, v) in islice(stream, max(0, min(due, room, AT_ONCE)))]
            sent += len(out)
            if probes and past_s > plan.seconds * (len(said) + 1) / (len(plan.probes) + 1):
                probe = probes.pop()
                out.append(probe.say(PROBE_ID + len(said), FIRST_SEQ, int(now_ms)))
                said[probe.numbers[0]] = now_ms
            self._send(b"".join(out))
            self._look(STEP_S if len(out) < AT_ONCE else 0.0)
        while self._confirmed < sent + len(said):
            self._look(CONFIRM_S)
        return Sent(sent, said, began_ms, time.time() * 1000, time.process_time())

    @property
    def _confirmed(self) -> int:
        return self._confirmed_bytes // 4

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                self._look(STEP_S)

    def _look(self, seconds: float) -> None:
        """Take in confirmations, waiting up to so long for some."""
        if self._selector.select(seconds):
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return
            if not data:
                raise ConnectionError("the broker closed the connection")
            self._confirmed_bytes += len(data)  # a PUBACK is four bytes, and nothing else comes
