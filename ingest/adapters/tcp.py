"""The TCP edge: stations connect, frames are cut off their streams, answers go back. Nothing that comes can make it
keep more than a bounded number of bytes and frames, or hold the loop for long."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from city.errors import SettingError
from ingest.adapters.wire import Piece, Splitter, WireProtocol

log = structlog.get_logger()

READ_BYTES = 8192
"""At most as much is read of one connection before the others, and MQTT, have their turn."""
UNREAD_ANSWERS_BYTES = 16 * 1024
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 120_000}
"""After two minutes nobody is at the other end of a half-open connection; the last is the same in ms, for one that does
not acknowledge an answer."""

Taker = Callable[[WireProtocol, Piece, str, "Connection"], bool]
"""Takes a piece that a connection to a peer has brought, and says whether it was of a station of ours. The connection
is to be told once the log has it."""


@dataclass(frozen=True)
class TcpLimits:
    """connections: in total, per_address: of one address (a carrier puts many stations behind one). frame_s: longest
    that a begun frame may take. idle_s: longest without a piece. unanswered: frames of one connection that the log has
    not confirmed, at which we stop reading it. strikes: pieces in a row that are of no station of ours."""

    connections: int = 512
    per_address: int = 64
    frame_s: float = 30.0
    idle_s: float = 900.0
    unanswered: int = 64
    strikes: int = 16


class StationServer:
    """Listens for the stations of one protocol. closed: is told why we close a connection."""

    def __init__(
        self,
        protocol: WireProtocol,
        host: str,
        port: int,
        limits: TcpLimits,
        take: Taker,
        closed: Callable[[str], None],
    ) -> None:
        self.protocol, self.limits, self.take, self.closed = protocol, limits, take, closed
        self.connections: set[Connection] = set()
        self.paused = False
        self._host, self._port = host, port
        self._addresses: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else self._port

    async def open(self) -> None:
        """Raises SettingError when the port cannot be had."""
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(partial(Connection, self), self._host, self._port)
        except OSError as error:
            setting = f"ingest.{self.protocol.name}_port"
            message, remedy = f"{self._host}:{self._port}: {error.strerror}", "free it, or set another"
            raise SettingError(setting, message, remedy) from error
        log.info("listening for stations", protocol=self.protocol.name, host=self._host, port=self.port)

    def stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()

    def close(self) -> None:
        for connection in list(self.connections):
            connection.close("stopped")

    def pause(self) -> None:
        """Read nobody: what stations send waits with them."""
        self._pace(True)

    def resume(self) -> None:
        self._pace(False)

    def _pace(self, paused: bool) -> None:
        self.paused = paused
        for connection in self.connections:
            connection.pace()

    def admit(self, connection: "Connection", address: str) -> bool:
        """Whether there is room for one more."""
        limits = self.limits
        if len(self.connections) >= limits.connections or self._addresses[address] >= limits.per_address:
            self.closed("too many")
            return False
        self.connections.add(connection)
        self._addresses[address] += 1
        return True

    def forget(self, connection: "Connection", address: str) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
            self._addresses[address] -= 1
            self._addresses += Counter()  # without those at zero


class Connection(asyncio.BufferedProtocol):
    """One station's connection, or one that claims to be."""

    def __init__(self, server: StationServer) -> None:
        self._server, self._limits = server, server.limits
        self._splitter = Splitter(server.protocol.cut)
        self._buffer = bytearray(READ_BYTES)
        self._transport: asyncio.Transport
        self._address = self._peer = ""
        self._unanswered = self._strikes = 0
        self._reading, self._open, self._ended = True, False, False
        self._timer: asyncio.TimerHandle | None = None
        self._frame_begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        name = transport.get_extra_info("peername") or ("?", 0)
        self._address, self._peer = str(name[0]), f"{name[0]}:{name[1]}"
        if not self._server.admit(self, self._address):
            transport.abort()
            return
        self._open = True
        _keep_alive(transport.get_extra_info("socket"))
        self._watch()
        self.pace()

    def connection_lost(self, _error: Exception | None) -> None:
        self._open = False
        self._server.forget(self, self._address)
        if self._timer is not None:
            self._timer.cancel()

    def get_buffer(self, sizehint: int) -> bytearray:  # noqa: ARG002  (we say how much we take)
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        pieces = self._splitter.feed(bytes(memoryview(self._buffer)[:nbytes]))
        self._take(pieces)
        if pieces or self._splitter.begun != self._frame_begun:
            self._watch()
        self.pace()

    def eof_received(self) -> bool:
        """The station has said all; what it is owed an answer for, it gets."""
        self._ended = True
        if self._splitter.begun:
            self._take(self._splitter.give_up())
        return self._unanswered > 0

    def confirmed(self, answer: bytes | None) -> None:
        """The log has a frame of this connection; the answer to it, if it wants one."""
        self._unanswered -= 1
        if not self._open:
            return
        if answer is not None:
            self._transport.write(answer)
            if self._transport.get_write_buffer_size() > UNREAD_ANSWERS_BYTES:
                self.close("unread answers")
        if self._ended and not self._unanswered:
            self._transport.close()
        self.pace()

    def pace(self) -> None:
        """Read, unless the log has to catch up first."""
        wanted = not self._server.paused and self._unanswered < self._limits.unanswered
        if self._open and not self._ended and wanted != self._reading:
            self._reading = wanted
            (self._transport.resume_reading if wanted else self._transport.pause_reading)()

    def close(self, why: str) -> None:
        """Close at once, what is not sent is not waited for."""
        if self._open:
            self._open = False
            self._server.closed(why)
            log.info("station's connection closed", protocol=self._server.protocol.name, peer=self._peer, why=why)
            if why == "stopped":
                self._transport.close()
            else:
                self._transport.abort()

    def _take(self, pieces: list[Piece]) -> bool:
        """Hand pieces on. Whether one of them was of a station of ours."""
        ours = False
        for piece in pieces:
            if not self._open:
                break
            self._unanswered += 1
            known = self._server.take(self._server.protocol, piece, self._peer, self)
            ours = ours or known
            self._strikes = 0 if known else self._strikes + 1
            if self._strikes >= self._limits.strikes:
                self.close("rubbish")
        return ours

    def _watch(self) -> None:
        """Wait for the rest of a frame for a while, and for the next one for longer."""
        if self._timer is not None:
            self._timer.cancel()
        self._frame_begun = self._splitter.begun
        wait_s = self._limits.frame_s if self._frame_begun else self._limits.idle_s
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._expired)

    def _expired(self) -> None:
        if not self._open:
            return
        if not self._reading:  # it is us who keep it waiting
            self._watch()
        elif not self._frame_begun:
            self.close("idle")
        elif self._take(self._splitter.give_up()):
            self._watch()
        else:
            self.close("slow")


def _keep_alive(sock: Any) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
