"""The MQTT edge: one durable session, kept up by paho and read through the tap, inside asyncio."""

import asyncio
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import paho.mqtt.client as paho
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.tap import PublishTap, tapped

log = structlog.get_logger()

KEEPALIVE_S = 30
SESSION_EXPIRY_S = 7 * 24 * 3600
MISC_EVERY_S = 1.0


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
        self._tap: PublishTap | None = None
        self._lost = asyncio.Event()
        self._reading = False
        self._seen_session = False

    async def run(self) -> None:
        """Keep connected until cancelled, then say goodbye (the session stays at the broker)."""
        delay_s = 0.1
        try:
            while True:
                if await self._connect():
                    delay_s = 0.1
                    await self._stay()
                await asyncio.sleep(delay_s * random.uniform(0.5, 1.5))
                delay_s = min(10.0, delay_s * 2)
        finally:
            self._leave()

    def acknowledge(self, ids: list[int]) -> None:
        if self._tap is not None and ids:
            self._tap.acknowledge(ids)
            self._flush()

    def pause(self) -> None:
        """Stop reading: the broker, then the devices, feel it."""
        if self._tap is not None and self._reading:
            asyncio.get_running_loop().remove_reader(self._tap.fileno())
            self._reading = False

    def resume(self) -> None:
        if self._tap is not None and not self._reading:
            asyncio.get_running_loop().add_reader(self._tap.fileno(), self._readable)
            self._reading = True

    async def _connect(self) -> bool:
        self._lost.clear()
        try:
            await asyncio.to_thread(self._client.connect, **_connect_arguments(self.options))
        except (OSError, ValueError) as error:
            log.warning("mqtt unreachable", host=self.options.host, port=self.options.port, error=str(error))
            return False
        self._on_session()  # before anything is read: a resumed session sends at once
        self._tap = self._client.socket()  # type: ignore[assignment]
        self.resume()
        self._write()
        return True

    async def _stay(self) -> None:
        """Until the connection is lost. paho's pings and timeouts need a call now and then."""
        while not self._lost.is_set():
            if self._client.loop_misc() != paho.MQTT_ERR_SUCCESS:
                self._lose("no answer to ping")
            self._write()
            try:
                await asyncio.wait_for(self._lost.wait(), MISC_EVERY_S)
            except TimeoutError:
                continue

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
        if self._tap is None:
            return
        log.warning("mqtt connection lost", client_id=self.options.client_id, why=why)
        loop, tap = asyncio.get_running_loop(), self._tap
        loop.remove_writer(tap.fileno())
        self.pause()
        self._tap, self.up = None, False
        tap.close()
        self._lost.set()

    def _leave(self) -> None:
        """Say goodbye. paho closes the tap once its DISCONNECT is written."""
        tap = self._tap
        if tap is not None:
            asyncio.get_running_loop().remove_writer(tap.fileno())
            self.pause()
            self._tap, self.up = None, False
            self._client.disconnect()
            self._client.loop_write()

    def _connected(
        self, client: paho.Client, _data: object, flags: paho.ConnectFlags, code: object, *_: object
    ) -> None:
        if getattr(code, "is_failure", False):
            log.error("mqtt connection refused", client_id=self.options.client_id, code=str(code))
            self._lost.set()
            return
        if self._seen_session and not flags.session_present:
            log.error("mqtt session lost: messages of the meantime are gone", client_id=self.options.client_id)
        self._seen_session = True
        client.subscribe([(topic, 1) for topic in self.options.filters])

    def _subscribed(self, _client: object, _data: object, _mid: object, codes: list[object], *_: object) -> None:
        refused = [str(code) for code in codes if getattr(code, "is_failure", False)]
        if refused:
            log.error("mqtt subscription refused", filters=self.options.filters, codes=refused)
            return
        self.up = True
        log.info("mqtt session up", client_id=self.options.client_id, filters=self.options.filters)


def _client(options: MqttOptions, on_message: Callable[[bytes, bytes, int, bool], None]) -> paho.Client:
    arguments = {"protocol": paho.MQTTv5} if options.v5 else {"protocol": paho.MQTTv311, "clean_session": False}
    client: paho.Client = tapped(paho.Client, options.v5, on_message)(
        paho.CallbackAPIVersion.VERSION2, client_id=options.client_id, manual_ack=True, **arguments
    )
    if options.username:
        client.username_pw_set(options.username, options.password)
    if options.tls_ca:
        client.tls_set_context(ssl.create_default_context(cafile=options.tls_ca))
    client.on_socket_register_write = lambda *_: None  # writes go when this module says so
    return client


def _connect_arguments(options: MqttOptions) -> dict[str, object]:
    arguments: dict[str, object] = {"host": options.host, "port": options.port, "keepalive": KEEPALIVE_S}
    if options.v5:
        properties = Properties(PacketTypes.CONNECT)
        properties.ReceiveMaximum = options.receive_maximum
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        arguments |= {"clean_start": False, "properties": properties}
    return arguments
