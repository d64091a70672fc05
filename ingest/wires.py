"""The stations' side of an ingest process: servers for the protocols that are wanted, and how much of theirs may be
under way to the log, so that they can neither fill the memory nor keep MQTT waiting."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ingest.adapters.hj212 import HJ212
from ingest.adapters.sl651 import SL651
from ingest.adapters.tcp import Connection, StationServer, TcpLimits
from ingest.adapters.wire import Piece, WireProtocol
from ingest.metrics import WireMetrics
from ingest.stations import Answer, Stations

PROTOCOLS = (HJ212, SL651)


@dataclass(frozen=True)
class WireOptions:
    """ports: by protocol's name; 0: none. most_under_way: frames of all stations that the log
    has not confirmed, at which we stop reading them."""

    host: str = "127.0.0.1"
    ports: dict[str, int] = field(default_factory=dict)
    limits: TcpLimits = field(default_factory=TcpLimits)
    most_under_way: int = 2048


class Wires:
    """taken: is told of each frame taken in, with its size, and what to call once the log has it."""

    def __init__(
        self,
        options: WireOptions,
        stations: Stations,
        metrics: WireMetrics,
        now_ms: Callable[[], int],
        taken: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self._options, self._stations, self._metrics = options, stations, metrics
        self._now_ms, self._taken = now_ms, taken
        self._under_way = 0
        self.servers = {
            protocol.name: self._server(protocol, port)
            for protocol in PROTOCOLS
            if (port := options.ports.get(protocol.name, 0))
        }

    def _server(self, protocol: WireProtocol, port: int) -> StationServer:
        options, closed = self._options, partial(self._metrics.closed, protocol.name)
        server = StationServer(protocol, options.host, port, options.limits, self._take, closed)
        self._metrics.watch(protocol.name, lambda: len(server.connections))
        return server

    async def open(self) -> None:
        """Raises SettingError when a port cannot be had."""
        for server in self.servers.values():
            await server.open()

    def stop_reading(self) -> None:
        """Let nobody in, and read nobody: what is under way can still be answered."""
        for server in self.servers.values():
            server.stop_listening()
            server.pause()

    def close(self) -> None:
        for server in self.servers.values():
            server.close()

    def _take(self, protocol: WireProtocol, piece: Piece, peer: str, connection: Connection) -> bool:
        taken = self._stations.accept(protocol, piece, peer, self._now_ms())
        self._metrics.frame(protocol.name, piece.wrong is None, taken.ignored)
        self._under_way += 1
        if self._under_way == self._options.most_under_way:
            self._pace()
        self._taken(len(piece.data), lambda: self._confirmed(connection, taken.answer))
        return taken.ours

    def _confirmed(self, connection: Connection, answer: Answer | None) -> None:
        connection.confirmed(None if answer is None else answer(self._now_ms()))
        self._under_way -= 1
        if self._under_way == self._options.most_under_way // 2:
            self._pace()

    def _pace(self) -> None:
        for server in self.servers.values():
            if self._under_way >= self._options.most_under_way:
                server.pause()
            else:
                server.resume()
