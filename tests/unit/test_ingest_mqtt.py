"""The session with a broker that we script: it refuses, says goodbye, falls silent, and is there again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from ingest import mqtt
from ingest.mqtt import MqttOptions, MqttSource
from tests.servers.places import free_port
from tests.waiting import PATIENCE_S

CONNECT, CONNACK, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, DISCONNECT = 0x10, 0x20, 0x40, 0x80, 0x90, 0xC0, 0xE0


class Link:
    """One connection of the source, seen from the broker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, v5: bool) -> None:
        self._reader, self._writer, self._v5 = reader, writer, v5

    async def expect(self, kind: int) -> bytes:
        """The rest of the next packet but pings, which must be of this kind."""
        async with asyncio.timeout(PATIENCE_S):
            first, rest = await self._packet()
            while first == PINGREQ and kind != PINGREQ:
                first, rest = await self._packet()
        assert first & 0xF0 == kind, hex(first)
        return rest

    def send(self, first: int, rest: bytes = b"") -> None:
        self._writer.write(bytes([first, len(rest)]) + rest)

    def publish(self, packet_id: int) -> None:
        self.send(0x32, b"\x00\x01t" + packet_id.to_bytes(2, "big") + (b"\x00" if self._v5 else b"") + b"payload")

    async def greet(self, code: int = 0) -> bytes:
        """Answer CONNECT; returns it."""
        connect = await self.expect(CONNECT)
        self.send(CONNACK, bytes([0, code]) + (b"\x00" if self._v5 else b""))
        return connect

    async def accept(self, granted: int = 1) -> bytes:
        """Answer CONNECT and SUBSCRIBE; returns what was subscribed."""
        await self.greet()
        subscribe = await self.expect(SUBSCRIBE)
        self.send(SUBACK, subscribe[:2] + (b"\x00" if self._v5 else b"") + bytes([granted]))
        return subscribe

    async def closed(self) -> bool:
        """Waits until the source has closed its end."""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                while await self._reader.read(1000):
                    pass
        return True

    def close(self) -> None:
        self._writer.close()

    async def _packet(self) -> tuple[int, bytes]:
        first, length = await self._reader.readexactly(2)
        assert length < 128
        return first, await self._reader.readexactly(length)


class Stage:
    """A scripted broker and a source that connects to it."""

    def __init__(self, v5: bool) -> None:
        self.v5 = v5
        self.links: asyncio.Queue[Link] = asyncio.Queue()
        self.heard: asyncio.Queue[int] = asyncio.Queue()
        self.sessions = 0
        self.source: MqttSource
        self._running: asyncio.Task[None]
        self._server: asyncio.Server

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.play(self._server.sockets[0].getsockname()[1])

    def play(self, port: int) -> None:
        options = MqttOptions("127.0.0.1", port, "ingest-x", ("a/#",), v5=self.v5, receive_maximum=77)
        self.source = MqttSource(options, lambda _t, _p, packet_id, _r: self.heard.put_nowait(packet_id), self._session)
        self._running = asyncio.create_task(self.source.run())

    async def link(self) -> Link:
        async with asyncio.timeout(PATIENCE_S):
            return await self.links.get()

    async def hear(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            return await self.heard.get()

    async def until(self, up: bool) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.source.up is not up:
                assert not self._running.done(), self._running
                await asyncio.sleep(0.005)

    def lose_patience(self) -> None:
        """The present connection, and none after it, is left when the broker is silent for a second or two."""
        self.source._client._keepalive = 1

    async def end(self) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running

    async def close(self) -> None:
        await self.end()
        self._server.close()

    def _session(self) -> None:
        self.sessions += 1

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links.put_nowait(Link(reader, writer, self.v5))


@pytest.fixture(params=[True, False], ids=["v5", "v3.1.1"])
async def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(mqtt, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(mqtt, "MISC_EVERY_S", 0.02)
    stage = Stage(request.param)
    await stage.open()
    yield stage
    await stage.close()


async def test_it_asks_for_a_session_that_outlives_the_connection(stage: Stage) -> None:
    connect = await (await stage.link()).greet()
    flags, rest = connect[7], connect[10:]
    assert not flags & 0x02  # clean start, or clean session
    assert b"ingest-x" in rest
    if stage.v5:
        assert b"\x11" + mqtt.SESSION_EXPIRY_S.to_bytes(4, "big") in rest
        assert b"\x21" + (77).to_bytes(2, "big") in rest


async def test_it_is_up_when_the_subscription_stands_and_not_before(stage: Stage) -> None:
    link = await stage.link()
    await link.greet()
    subscribe = await link.expect(SUBSCRIBE)
    assert subscribe.endswith(b"\x00\x03a/#\x01")
    assert not stage.source.up
    link.send(SUBACK, subscribe[:2] + (b"\x00" if stage.v5 else b"") + b"\x01")
    await stage.until(up=True)


async def test_a_refused_subscription_is_not_up(stage: Stage) -> None:
    link = await stage.link()
    await link.accept(granted=0x87 if stage.v5 else 0x80)
    link.publish(1)
    assert await stage.hear() == 1
    assert not stage.source.up


async def test_acknowledgements_go_when_they_are_given_and_not_before(stage: Stage) -> None:
    link = await stage.link()
    await link.accept()
    for packet_id in (5, 6):
        link.publish(packet_id)
        await stage.hear()
    stage.source.acknowledge([5])
    assert await link.expect(PUBACK) == b"\x00\x05"
    stage.source.acknowledge([])
    stage.source.acknowledge([6])
    assert await link.expect(PUBACK) == b"\x00\x06"


async def test_what_a_resumed_session_sends_before_the_subscription_is_heard_after_the_session(stage: Stage) -> None:
    link = await stage.link()
    await link.greet()
    assert stage.sessions == 1
    link.publish(1)
    assert await stage.hear() == 1


@pytest.mark.parametrize("closes", [True, False])
async def test_after_a_refusal_it_tries_again(stage: Stage, closes: bool) -> None:
    for _ in range(3):
        link = await stage.link()
        await link.greet(code=0x87 if stage.v5 else 5)
        if closes:
            link.close()
        assert await link.closed()
    assert not stage.source.up
    link = await stage.link()
    await link.accept()
    await stage.until(up=True)
    link.publish(1)
    assert await stage.hear() == 1


async def test_a_broker_that_closes_is_down_at_once_and_connected_to_again(stage: Stage) -> None:
    first = await stage.link()
    await first.accept()
    await stage.until(up=True)
    first.close()
    second = await stage.link()
    assert not stage.source.up
    await second.accept()
    await stage.until(up=True)
    second.publish(2)
    assert await stage.hear() == 2
    assert stage.sessions == 2


GOODBYES = {
    "a goodbye": lambda link: link.send(DISCONNECT, b"\x8b"),
    "taken over": lambda link: link.send(DISCONNECT, b"\x8e\x00"),
    "a packet that is none": lambda link: link.send(0x30, b"\x00"),
    "a packet of no known kind": lambda link: link.send(0x00),
    "a length without end": lambda link: link._writer.write(b"\xd0\xff\xff\xff\xff\x7f"),
}


@pytest.mark.parametrize("goodbye", GOODBYES)
async def test_after_anything_that_ends_a_connection_there_is_another(stage: Stage, goodbye: str) -> None:
    first = await stage.link()
    await first.accept()
    await stage.until(up=True)
    GOODBYES[goodbye](first)
    second = await stage.link()
    assert await first.closed()
    await second.accept()
    await stage.until(up=True)


async def test_a_broker_that_answers_no_ping_is_left(stage: Stage) -> None:
    first = await stage.link()
    await first.accept()
    await stage.until(up=True)
    stage.lose_patience()
    await first.expect(PINGREQ)
    second = await stage.link()
    assert await first.closed()
    await second.accept()
    await stage.until(up=True)


async def test_a_broker_that_never_answers_connect_is_left(stage: Stage) -> None:
    first = await stage.link()
    stage.lose_patience()
    second = await stage.link()
    assert await first.closed()
    await second.accept()
    await stage.until(up=True)


async def test_paused_it_reads_nothing_not_even_on_the_next_connection(stage: Stage) -> None:
    first = await stage.link()
    await first.accept()
    await stage.until(up=True)
    stage.source.pause()
    stage.lose_patience()
    first.publish(1)
    assert await first.closed()  # its pings were answered, if at all, to nobody
    second = await stage.link()
    assert stage.heard.empty()
    stage.source.resume()
    await second.accept()
    second.publish(2)
    assert await stage.hear() == 2


async def test_it_says_goodbye_after_the_last_acknowledgement(stage: Stage) -> None:
    link = await stage.link()
    await link.accept()
    link.publish(1)
    await stage.hear()
    stage.source.acknowledge([1])
    await stage.end()
    assert await link.expect(PUBACK) == b"\x00\x01"
    await link.expect(DISCONNECT)
    assert await link.closed()
    stage.source.acknowledge([2])  # nothing to send it on: no harm


async def test_it_waits_for_a_broker_that_is_not_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "FIRST_DELAY_S", 0.01)
    stage, port = Stage(v5=True), free_port()
    stage.play(port)
    stage._server = await asyncio.start_server(stage._connection, "127.0.0.1", port)
    await (await stage.link()).accept()
    await stage.until(up=True)
    await stage.close()
