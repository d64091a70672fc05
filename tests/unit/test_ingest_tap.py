"""The tap takes PUBLISH packets out of a byte stream however it is cut, and leaves paho exactly the rest."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from itertools import pairwise
from typing import NamedTuple

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from ingest.tap import MalformedPacketError, PublishTap, tapped


class Wire:
    """A socket whose other end has sent `chunks`, and takes `appetite` bytes at a time (0: would block)."""

    def __init__(self, chunks: list[bytes], appetite: list[int] | None = None) -> None:
        self.chunks, self.appetite = list(chunks), appetite
        self.sent, self.closed = b"", False

    def fileno(self) -> int:
        return -1 if self.closed else 7

    def recv(self, size: int) -> bytes:
        if not self.chunks:
            raise BlockingIOError
        chunk = self.chunks.pop(0)
        if len(chunk) > size:
            self.chunks.insert(0, chunk[size:])
        return chunk[:size]

    def send(self, data: bytes) -> int:
        room = len(data) if self.appetite is None else self.appetite.pop(0) if self.appetite else 0
        if not room:
            raise BlockingIOError
        self.sent += bytes(data[:room])
        return min(room, len(data))

    def close(self) -> None:
        self.closed = True


class Publish(NamedTuple):
    topic: bytes
    payload: bytes
    packet_id: int
    retained: bool


def variable(value: int) -> bytes:
    """MQTT's variable byte integer."""
    more, value = value // 128, value % 128
    return bytes([value | 128]) + variable(more) if more else bytes([value])


def packet(first: int, rest: bytes) -> bytes:
    return bytes([first]) + variable(len(rest)) + rest


def published(publish: Publish, v5: bool, duplicate: bool = False, properties: bytes = b"") -> bytes:
    first = 0x30 | (duplicate << 3) | (0x02 if publish.packet_id else 0) | publish.retained
    rest = len(publish.topic).to_bytes(2, "big") + publish.topic
    rest += publish.packet_id.to_bytes(2, "big") if publish.packet_id else b""
    rest += variable(len(properties)) + properties if v5 else b""
    return packet(first, rest + publish.payload)


lengths = st.sampled_from([0, 1, 100, 127, 128, 129, 16_383, 16_384, 70_000])
payloads = st.binary(max_size=200) | lengths.map(lambda n: b"p" * n)
publishes = st.builds(Publish, st.binary(max_size=80), payloads, st.integers(0, 65535), st.booleans())
others = st.tuples(
    st.sampled_from([0x20, 0x40, 0x90, 0xB0, 0xD0, 0xE0, 0xF0]),
    st.binary(max_size=60) | lengths.map(lambda n: b"o" * n),
)


@st.composite
def streams(draw: st.DrawFn, v5: bool) -> tuple[list[Publish], bytes, bytes]:
    """The publishes of a stream, what is in it for paho, and the stream."""
    told, for_paho, stream = [], b"", b""
    for part in draw(st.lists(publishes | others, max_size=8)):
        if isinstance(part, Publish):
            told.append(part)
            stream += published(part, v5, draw(st.booleans()), draw(st.binary(max_size=20) | lengths.map(bytes)))
        else:
            for_paho += packet(*part)
            stream += packet(*part)
    return told, for_paho, stream


def tapped_wire(wire: Wire, v5: bool) -> tuple[PublishTap, list[Publish]]:
    told: list[Publish] = []
    return PublishTap(wire, v5, lambda *fields: told.append(Publish(*fields))), told


def chunks_of(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges) if a < b]


@pytest.mark.parametrize("v5", [True, False])
@given(data=st.data())
def test_any_cutting_of_a_stream_yields_the_same_publishes_and_leaves_paho_the_rest(
    v5: bool, data: st.DataObject
) -> None:
    told, for_paho, stream = data.draw(streams(v5))
    wire = Wire(chunks_of(stream, data.draw(st.lists(st.integers(0, 1 << 20), max_size=12))))
    tap, heard = tapped_wire(wire, v5)
    read = b""
    while wire.chunks:
        assert tap.fill()
        while tap.pending():
            read += tap.recv(data.draw(st.sampled_from([1, 7, 1 << 20])))
    assert heard == told
    assert read == for_paho
    with pytest.raises(BlockingIOError):
        tap.recv(1)


@pytest.mark.parametrize("v5", [True, False])
def test_byte_by_byte(v5: bool) -> None:
    sent = [Publish(b"a/b", b"x" * 300, 65535, False), Publish(b"", b"", 0, True)]
    stream = b"".join([published(sent[0], v5), packet(0xD0, b""), published(sent[1], v5)])
    tap, heard = tapped_wire(Wire([bytes([byte]) for byte in stream]), v5)
    for _ in stream:
        tap.fill()
    assert heard == sent
    assert tap.recv(100) == packet(0xD0, b"")


MALFORMED = [
    (False, b"\xd0\xff\xff\xff\xff\x01", "a length of five bytes"),
    (False, b"\x30\x00", "no room for the topic's length"),
    (False, b"\x30\x01\x00", "half a topic's length"),
    (False, b"\x30\x04\x00\x09ab", "a topic beyond the packet"),
    (False, b"\x32\x05\x00\x03a/b", "no packet id"),
    (False, b"\x32\x06\x00\x03a/b\x01", "half a packet id"),
    (True, b"\x30\x05\x00\x03a/b", "no properties"),
    (True, b"\x30\x07\x00\x03a/b\x05x", "properties beyond the packet"),
    (True, b"\x30\x06\x00\x03a/b\x85", "half a length of properties"),
    (True, b"\x30\x0a\x00\x03a/b\xff\xff\xff\xff\x01", "a length of properties of five bytes"),
]


@pytest.mark.parametrize(("v5", "stream"), [case[:2] for case in MALFORMED], ids=[case[2] for case in MALFORMED])
@pytest.mark.parametrize("behind", [b"", packet(0xD0, b"") * 20], ids=["alone", "more behind"])
def test_lengths_that_do_not_fit_raise(v5: bool, stream: bytes, behind: bytes) -> None:
    tap, heard = tapped_wire(Wire([stream + behind]), v5)
    with pytest.raises(MalformedPacketError):
        tap.fill()
    assert heard == []


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_taken_or_called_malformed(stream: bytes, v5: bool) -> None:
    tap, _ = tapped_wire(Wire([stream]), v5)
    with suppress(MalformedPacketError):
        assert tap.fill() == bool(stream)


def test_the_end_of_the_stream_is_told() -> None:
    tap, _ = tapped_wire(Wire([b"\xd0", b""]), True)
    assert tap.fill()
    assert not tap.fill()


@given(st.lists(st.integers(1, 65535), max_size=50), st.lists(st.integers(0, 9), max_size=60))
def test_acknowledgements_go_in_order_however_little_the_network_takes(ids: list[int], appetite: list[int]) -> None:
    wire = Wire([], appetite)
    tap, _ = tapped_wire(wire, True)
    tap.send(b"\xc0\x00")
    tap.acknowledge(ids)
    rounds = 0
    while not tap.flush():
        rounds += 1
        if not appetite:
            wire.appetite = None
    assert wire.sent == b"\xc0\x00" + b"".join(b"\x40\x02" + i.to_bytes(2, "big") for i in ids)
    assert tap.flush()


def test_closing_sends_what_is_left_and_the_descriptor_is_known_afterwards() -> None:
    wire = Wire([])
    tap, _ = tapped_wire(wire, True)
    tap.send(b"\xe0\x00")
    tap.close()
    assert (wire.sent, wire.closed) == (b"\xe0\x00", True)
    assert tap.fileno() == 7  # an event loop that still watches it can let it go


def test_a_network_that_is_gone_does_not_stop_closing() -> None:
    class Gone(Wire):
        def send(self, data: bytes) -> int:
            raise ConnectionResetError

    wire = Gone([])
    tap, _ = tapped_wire(wire, True)
    tap.acknowledge([1])
    tap.close()
    assert wire.closed


def test_tls_is_read_until_nothing_decrypted_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Decrypted(Wire):
        def pending(self) -> int:
            return len(self.chunks)

    monkeypatch.setattr(ssl, "SSLSocket", Decrypted)
    sent = [Publish(b"t", b"1", 1, False), Publish(b"t", b"2", 2, False)]
    tap, heard = tapped_wire(Decrypted([published(one, True) for one in sent]), True)
    assert tap.fill()
    assert heard == sent


# paho


@pytest.fixture
def broker() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def connected(broker: socket.socket, v5: bool) -> tuple[paho.Client, socket.socket, list[Publish]]:
    """A tapped client of paho's, connected to a socket of ours."""
    told: list[Publish] = []
    client = tapped(paho.Client, v5, lambda *fields: told.append(Publish(*fields)))(
        CallbackAPIVersion.VERSION2, client_id="x", protocol=paho.MQTTv5 if v5 else paho.MQTTv311, manual_ack=True
    )
    client.on_socket_register_write = lambda *_: None
    client.connect(*broker.getsockname())
    there, _ = broker.accept()
    return client, there, told


def test_the_version_of_paho_is_the_one_that_the_tap_was_made_for() -> None:
    assert version("paho-mqtt") == "2.2.0"


@pytest.mark.parametrize("v5", [True, False])
def test_paho_opens_its_socket_by_create_socket_and_works_through_the_tap(broker: socket.socket, v5: bool) -> None:
    client, there, told = connected(broker, v5)
    tap = client.socket()
    assert isinstance(tap, PublishTap)
    assert tap.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    client.loop_write()
    tap.flush()
    assert there.recv(1000)[0] == 0x10  # CONNECT

    heard: list[str] = []
    client.on_connect = lambda _c, _d, _f, code, _p: heard.append(str(code))
    sent = Publish(b"a/b", b"payload", 9, False)
    there.sendall(packet(0x20, b"\x00\x00\x00" if v5 else b"\x00\x00") + published(sent, v5))
    tap.setblocking(True)
    assert tap.fill()
    while tap.pending():
        assert client.loop_read() == paho.MQTT_ERR_SUCCESS
    assert (told, heard) == ([sent], ["Success"])

    tap.acknowledge([9])
    client.disconnect()
    client.loop_write()
    assert there.recv(1000)[:4] == b"\x40\x02\x00\x09"
    there.close()
    client.loop_misc()
