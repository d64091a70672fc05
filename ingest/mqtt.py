"""The MQTT edge: one durable session, kept up by paho and read through the tap, inside asyncio."""

import asyncio
import random
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.tap import PublishTap, tapped

log = structlog.get_logger()

KEEPALIVE_S = 30
SESSION_EXPIRY_S = 7 * 24 * 3600
MISC_EVERY_S = 1.0
FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 10.0


@dataclass(frozen=True)
class MqttOptions:
    """Where and as whom to connect. `filters`: the topics of this ingest process; several processes share a city by
    having different filters. `receive_maximum`: messages that the broker may have under way to us."""

    host: str
    port: int
    client_id: str
    filters: tuple[str, ...] = ("citysafety/#",)
    v5: bool = True
    username: str | None = None
    password: str | None = None
    tls_ca: str | None = None
    receive_maximum: int = 8192


class MqttSource:
    """Delivers messages to `on_message(topic, payload, packet id, retained)` and tells of each new session by
    `on_session()`, before its first message. Reconnects for ever, with jitter."""

    def __init__(
        self,
        options: MqttOptions,
        on_message: Callable[[bytes, bytes, int, bool], None],
        on_session: Callable[[], None],
    ) -> None:
        self.options = options
        self.up = False
        self._on_session = on_session
        self._client = _client(options, on_message)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_disconnect = self._disconnected
        self._tap: PublishTap | None = None
        self._lost = asyncio.Event()
        self._reading = self._paused = False
        self._stood = self._seen_session = False

    async def run(self) -> None:
        """Keep connected until cancelled, then say goodbye (the session stays at the broker)."""
        delay_s = FIRST_DELAY_S
        try:
            while True:
                stood = await self._connect() and await self._stay()
                delay_s = FIRST_DELAY_S if stood else min(LONGEST_DELAY_S, 2 * delay_s)
                await asyncio.sleep(delay_s * random.uniform(0.5, 1.5))
        finally:
            self._leave()

    def acknowledge(self, ids: list[int]) -> None:
        if self._tap is not None and ids:
            self._tap.acknowledge(ids)
            self._flush()

    def pause(self) -> None:
        """Stop reading, on the next connection too: what comes waits at the broker."""
        self._paused = True
        self._read_if(False)

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._read_if(True)

    def _read_if(self, wanted: bool) -> None:
        if self._tap is None or wanted == self._reading:
            return
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_reader(self._tap.fileno(), self._readable)
        else:
            loop.remove_reader(self._tap.fileno())
        self._reading = wanted

    async def _connect(self) -> bool:
        self._lost.clear()
        self._stood = False
        arguments = _connect_arguments(self.options)
        try:
            await asyncio.to_thread(lambda: self._client.connect(**arguments))
        except (OSError, ValueError) as error:
            log.warning("mqtt unreachable", host=self.options.host, port=self.options.port, error=str(error))
            return False
        self._on_session()  # before anything is read: a resumed session sends at once
        self._tap = self._client.socket()  # type: ignore[assignment]
        self._read_if(not self._paused)
        self._write()
        return True

    async def _stay(self) -> bool:
        """Until the connection is lost. paho's pings and timeouts need a call now and then. Whether a session stood."""
        while not self._lost.is_set():
            if self._client.loop_misc() != paho.MQTT_ERR_SUCCESS:
                self._lose("no answer to ping")
            self._write()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._lost.wait(), MISC_EVERY_S)
        return self._stood

    def _readable(self) -> None:
        tap = self._tap
        if tap is None:
            return
        try:
            open_ = tap.fill()
        except OSError as error:
            self._lose(str(error))
            return
        while tap.pending() and self._client.loop_read() == paho.MQTT_ERR_SUCCESS:
            pass
        if not open_:
            self._lose("closed by the broker")
        self._write()

    def _write(self) -> None:
        if self._client.want_write():
            self._client.loop_write()
        self._flush()

    def _flush(self) -> None:
        tap, loop = self._tap, asyncio.get_running_loop()
        if tap is None:
            return
        try:
            if tap.flush():
                loop.remove_writer(tap.fileno())
            else:
                loop.add_writer(tap.fileno(), self._flush)
        except OSError as error:
            self._lose(str(error))

    def _lose(self, why: str) -> None:
        tap = self._forget()
        if tap is not None:
            log.warning("mqtt connection lost", client_id=self.options.client_id, why=why)
            tap.close()
            self._lost.set()

    def _leave(self) -> None:
        """Say goodbye. paho closes the tap once its DISCONNECT is written."""
        if self._forget() is not None:
            self._client.disconnect()
            self._client.loop_write()

    def _forget(self) -> PublishTap | None:
        """Have nothing more to do with the connection, if there is one. Returns its tap."""
        tap = self._tap
        if tap is not None:
            asyncio.get_running_loop().remove_writer(tap.fileno())
            self._read_if(False)
            self._tap, self.up = None, False
        return tap

    def _connected(self, client: paho.Client, _data: Any, flags: paho.ConnectFlags, code: Any, *_: Any) -> None:
        if code.is_failure:
            log.error("mqtt connection refused", client_id=self.options.client_id, code=str(code))
            return
        if self._seen_session and not flags.session_present:
            log.error("mqtt session lost: messages of the meantime are gone", client_id=self.options.client_id)
        self._seen_session = True
        client.subscribe([(topic, 1) for topic in self.options.filters])

    def _subscribed(self, _client: paho.Client, _data: Any, _mid: int, codes: Any, *_: Any) -> None:
        refused = [str(code) for code in codes if code.is_failure]
        if refused:
            log.error("mqtt subscription refused", filters=self.options.filters, codes=refused)
            return
        self.up = self._stood = True
        log.info("mqtt session up", client_id=self.options.client_id, filters=self.options.filters)

    def _disconnected(self, _client: paho.Client, _data: Any, _flags: Any, code: Any, *_: Any) -> None:
        """paho closed the socket: the broker refused us, said goodbye, or does not answer pings."""
        self._lose(str(code))


def _client(options: MqttOptions, on_message: Callable[[bytes, bytes, int, bool], None]) -> paho.Client:
    arguments = {"protocol": paho.MQTTv5} if options.v5 else {"protocol": paho.MQTTv311, "clean_session": False}
    client: paho.Client = tapped(paho.Client, options.v5, on_message)(
        CallbackAPIVersion.VERSION2,
        client_id=options.client_id,
        manual_ack=True,
        reconnect_on_failure=False,  # reconnecting is this module's business
        **arguments,
    )
    if options.username:
        client.username_pw_set(options.username, options.password)
    if options.tls_ca:
        client.tls_set_context(ssl.create_default_context(cafile=options.tls_ca))
    client.on_socket_register_write = lambda *_: None  # writes go when this module says so
    return client


def _connect_arguments(options: MqttOptions) -> dict[str, Any]:
    arguments: dict[str, Any] = {"host": options.host, "port": options.port, "keepalive": KEEPALIVE_S}
    if options.v5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = options.receive_maximum
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        arguments |= {"clean_start": False, "properties": properties}
    return arguments
