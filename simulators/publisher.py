"""Publishing a play over MQTT, at the pace of a clock.

One thread, paho's own loop functions and no queue of our own: with so many messages unconfirmed, the publisher waits.
paho's bound on messages in flight is turned off, since with it every confirmation walks over all of them (2.2.0,
`_update_inflight`).
"""

import random
import select
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from city.clock import Timekeeper, wall_ms
from city.errors import Unavailable
from simulators.ledger import Ledger
from simulators.message import Emission

AT_ONCE = 64  # messages published before answers are looked at
LOOK_EVERY_S = 0.05  # how soon a stop, or a clock that starts, is noticed
LEAST_WAIT_S = 0.002  # messages that come closer together than this go out together
MISC_EVERY_S = 1.0
CONNECT_TIMEOUT_S = 2.0
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 5.0


@dataclass(frozen=True)
class PublisherOptions:
    """Where and as whom to publish. most_unconfirmed: QoS 1 messages under way, fewer where the broker wants fewer.
    give_up_s: when the broker cannot be reached at first. drain_s: how long to wait for the last confirmations;
    stop_s: how long after a stop."""

    host: str
    port: int
    client_id: str = "qianshao-simulator"
    v5: bool = True
    username: str | None = None
    password: str | None = None
    tls_ca: Path | None = None
    most_unconfirmed: int = 1000
    keepalive_s: int = 30
    give_up_s: float = 30.0
    drain_s: float = 30.0
    stop_s: float = 2.0


class Published(msgspec.Struct, frozen=True):
    """published: messages handed over. confirmed: those that the broker has taken; refused: those that it would not.
    reconnects: how often the connection was lost. worst_lag_ms: how late the latest was, in played time."""

    published: int
    confirmed: int
    refused: int
    reconnects: int
    worst_lag_ms: int


def publish(
    emissions: Iterable[Emission],
    options: PublisherOptions,
    clock: Timekeeper,
    stop: threading.Event | None = None,
    ledger: Path | None = None,
) -> Published:
    """Publishes each emission when the clock comes to it, QoS 1, until there are no more or `stop` is set.

    Reconnects for as long as it takes. Raises Unavailable when the broker cannot be reached at first.
    """
    publisher = _Publisher(options, clock, stop or threading.Event())
    if ledger is None:
        return publisher.run(emissions, None)
    with Ledger(ledger) as book:
        return publisher.run(emissions, book)


class _Publisher:
    """One connection, and the count of what went over it."""

    def __init__(self, options: PublisherOptions, clock: Timekeeper, stop: threading.Event) -> None:
        self._options, self._clock, self._stop = options, clock, stop
        self._most = options.most_unconfirmed
        self._client = _client(options)
        self._client.on_connect = self._connected
        self._client.on_publish = self._confirmed
        self._client.on_disconnect = self._lost
        self._up = False
        self._refusal = self._error = ""
        self._published = self._accepted = self._refused = self._losses = self._worst_lag_ms = 0
        self._misc_due_s = self._retry_due_s = 0.0
        self._delay_s = FIRST_DELAY_S

    def run(self, emissions: Iterable[Emission], ledger: Ledger | None) -> Published:
        self._connect_first()
        try:
            for emission in emissions:
                if not self._wait_for(emission.at_ms) or not self._send(emission):
                    break
                if ledger is not None and emission.device:
                    ledger.note(emission, wall_ms())
                if self._published % AT_ONCE == 0:
                    self._pump(0.0)
            self._drain()
        finally:
            self._client.on_disconnect = None
            self._client.disconnect()
        return Published(self._published, self._accepted, self._refused, self._losses, self._worst_lag_ms)

    @property
    def _unconfirmed(self) -> int:
        return self._published - self._accepted - self._refused

    def _send(self, emission: Emission) -> bool:
        """paho keeps the message until it is confirmed, and sends it again after a reconnect. False: told to stop."""
        while True:
            info = self._client.publish(emission.topic, emission.payload, 1, emission.retain)
            if info.rc != paho.MQTT_ERR_QUEUE_SIZE:
                self._published += 1
                return True
            if self._stop.is_set():
                return False
            self._pump(LOOK_EVERY_S)  # its id still belongs to a message 65,535 earlier

    def _wait_for(self, at_ms: int) -> bool:
        """Until the clock has come to a played time, and there is room. False: told to stop."""
        while not self._stop.is_set():
            ahead_ms = at_ms - self._clock.now_ms()
            if ahead_ms <= 0 and self._up and self._unconfirmed < self._most:
                self._worst_lag_ms = max(self._worst_lag_ms, -ahead_ms)
                return True
            ahead_s = ahead_ms / self._clock.speed / 1000
            self._pump(min(LOOK_EVERY_S, max(LEAST_WAIT_S, ahead_s)) if ahead_ms > 0 else LOOK_EVERY_S)
        return False

    def _drain(self) -> None:
        """Wait for the last confirmations, but not for ever; after a stop, hardly."""
        deadline_s = time.monotonic() + self._options.drain_s
        while self._unconfirmed and time.monotonic() < deadline_s:
            if self._stop.is_set():
                deadline_s = min(deadline_s, time.monotonic() + self._options.stop_s)
                self._stop = threading.Event()
            self._pump(LOOK_EVERY_S)

    def _pump(self, wait_s: float) -> None:
        """Let paho read and write what there is, waiting for it at most so long; connect again where that is needed."""
        sock: Any = self._client.socket()
        if sock is None:
            self._reconnect(wait_s)
            return
        ready = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        writing = [sock] if self._client.want_write() else []
        readable, writable, _ = select.select([sock], writing, [], 0.0 if ready else wait_s)
        if writable:
            self._client.loop_write()
        if readable or ready:
            self._client.loop_read()
        if time.monotonic() >= self._misc_due_s:
            self._misc_due_s = time.monotonic() + MISC_EVERY_S
            self._client.loop_misc()

    def _connect_first(self) -> None:
        options = self._options
        deadline_s = time.monotonic() + options.give_up_s
        self._client.connect_async(options.host, options.port, options.keepalive_s)
        while not self._up and not self._stop.is_set():
            self._pump(LOOK_EVERY_S)
            if self._refusal or time.monotonic() > deadline_s:
                raise Unavailable(f"MQTT broker {options.host}:{options.port}", self._refusal or self._error)

    def _reconnect(self, wait_s: float) -> None:
        """Try once when it is time to; longer and longer between two tries, and never in step with others."""
        now_s = time.monotonic()
        if now_s < self._retry_due_s:
            time.sleep(min(max(wait_s, LEAST_WAIT_S), self._retry_due_s - now_s))
            return
        self._retry_due_s = now_s + self._delay_s * random.uniform(0.5, 1.5)
        self._delay_s = min(LONGEST_DELAY_S, 2 * self._delay_s)
        try:
            self._client.reconnect()
        except OSError as error:
            self._error = str(error)

    def _connected(self, _client: object, _data: object, _flags: object, code: Any, properties: Any) -> None:
        if code.is_failure:
            self._refusal = str(code)
            return
        self._up, self._delay_s = True, FIRST_DELAY_S
        allowed = getattr(properties, "ReceiveMaximum", None)
        self._most = min(self._options.most_unconfirmed, allowed or self._options.most_unconfirmed)

    def _lost(self, *_: object) -> None:
        if not self._up:
            self._error = "it closes the connection before it accepts us: look at user, password and TLS"
        self._losses += self._up
        self._up = False

    def _confirmed(self, _client: object, _data: object, _mid: int, code: Any, _properties: object) -> None:
        if code.is_failure:
            self._refused += 1
        else:
            self._accepted += 1


def _client(options: PublisherOptions) -> paho.Client:
    protocol = paho.MQTTv5 if options.v5 else paho.MQTTv311
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=options.client_id, protocol=protocol)
    client.connect_timeout = CONNECT_TIMEOUT_S
    client.max_inflight_messages_set(0)
    client.max_queued_messages_set(0)
    if options.username:
        client.username_pw_set(options.username, options.password)
    if options.tls_ca is not None:
        client.tls_set_context(ssl.create_default_context(cafile=str(options.tls_ca)))
    return client
