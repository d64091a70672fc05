"""A socket for paho that takes the PUBLISH packets out of the stream before paho sees them.

paho decodes a QoS 1 message in 60 to 90 µs and acknowledges each with a system call of its own; that alone is more
than this program may spend on a message from broker to ticket (docs/decisions/004). So paho keeps what it is good
at, the session: connecting, TLS, subscribing, pings. The tap reads in large pieces, hands each PUBLISH on as
(topic, payload, id, retained), and sends all acknowledgements of a batch in one write. About 4 µs a message.
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

PUBLISH, PUBACK = 0x30, b"\x40\x02"
RECEIVE_BYTES = 1 << 18

OnPublish = Callable[[bytes, bytes, int, bool], None]
"""topic, payload, packet id (0 for QoS 0), retained."""


class MalformedPacketError(ConnectionError):
    """The broker sent what is no MQTT; the connection is of no more use."""


class PublishTap:
    """Stands in for the socket `paho.mqtt.client.Client` reads and writes. Not blocking.

    `v5`: whether PUBLISH packets carry properties. `on_publish` is called for each, in order.
    """

    def __init__(self, sock: Any, v5: bool, on_publish: OnPublish) -> None:
        self._sock, self._v5, self._on_publish = sock, v5, on_publish
        self._fileno = int(sock.fileno())
        self._incoming = bytearray()
        self._for_paho = bytearray()
        self._outgoing = bytearray()

    def fileno(self) -> int:
        """Of the socket, also after it is closed: paho may close it while an event loop still watches it."""
        return self._fileno

    def close(self) -> None:
        """Send what is left, a DISCONNECT perhaps, and close."""
        with suppress(OSError):
            self.flush()
        self._sock.close()

    def recv(self, size: int) -> bytes:
        """What paho reads: everything but PUBLISH packets."""
        if not self._for_paho:
            raise BlockingIOError
        data = bytes(self._for_paho[:size])
        del self._for_paho[:size]
        return data

    def send(self, data: bytes) -> int:
        """What paho writes joins what is to be sent."""
        self._outgoing += data
        return len(data)

    def pending(self) -> int:
        """Bytes that paho has not read yet."""
        return len(self._for_paho)

    def acknowledge(self, ids: list[int]) -> None:
        """PUBACK for packet ids, in this order."""
        self._outgoing += b"".join([PUBACK + packet_id.to_bytes(2, "big") for packet_id in ids])

    def flush(self) -> bool:
        """Send what there is, as far as the network takes it. Whether all went."""
        while self._outgoing:
            try:
                sent = self._sock.send(self._outgoing)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return False
            del self._outgoing[:sent]
        return True

    def fill(self) -> bool:
        """Read what has arrived and hand on its PUBLISH packets. False when the broker closed the connection. Raises
        MalformedPacketError."""
        try:
            data = self._sock.recv(RECEIVE_BYTES)
            while data and isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
                data += self._sock.recv(RECEIVE_BYTES)  # decrypted already: the kernel will not tell of it
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        self._incoming += data
        self._split()
        return bool(data)

    def _split(self) -> None:
        """Cut the complete packets off what came in."""
        data, at = self._incoming, 0
        while len(data) - at >= 2:
            try:
                length, begin = _variable_integer(data, at + 1)
            except IndexError:
                break
            end = begin + length
            if end > len(data):
                break
            if data[at] & 0xF0 == PUBLISH:
                self._publish(data[at], bytes(data[begin:end]))
            else:
                self._for_paho += data[at:end]
            at = end
        del data[:at]

    def _publish(self, first: int, rest: bytes) -> None:
        """Hand on a PUBLISH packet. `first`: its first byte. `rest`: what follows its length."""
        try:
            at = 2 + (rest[0] << 8 | rest[1])
            topic, packet_id = rest[2:at], 0
            if first & 0x06:
                packet_id, at = rest[at] << 8 | rest[at + 1], at + 2
            if self._v5:
                size, at = _variable_integer(rest, at)
                at += size
        except IndexError:
            at = len(rest) + 1
        if at > len(rest):
            raise MalformedPacketError("a PUBLISH ends before its payload begins")
        self._on_publish(topic, rest[at:], packet_id, bool(first & 0x01))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _variable_integer(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """MQTT's variable byte integer at `at`, and where what follows it begins. Raises IndexError when it is cut off."""
    value = data[at]
    if value < 128:
        return value, at + 1
    value &= 127
    for i in (1, 2, 3):
        value |= (data[at + i] & 127) << 7 * i
        if data[at + i] < 128:
            return value, at + i + 1
    raise MalformedPacketError("a length of more than four bytes")


def tapped(client_type: type[Any], v5: bool, on_publish: OnPublish) -> type[Any]:
    """paho's client, reading through a PublishTap. `_create_socket` is the one private method of paho used; it is
    pinned by tests/unit/test_ingest_tap.py."""

    class TappedClient(client_type):  # type: ignore[misc]
        def _create_socket(self) -> PublishTap:
            sock: socket.socket = super()._create_socket()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return PublishTap(sock, v5, on_publish)

    return TappedClient
