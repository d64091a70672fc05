"""Connections of stations on real sockets: what they may do, for how long, and how many of them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from ingest.adapters.sl651 import SL651
from ingest.adapters.tcp import KEEPALIVE, Connection, StationServer, TcpLimits
from ingest.adapters.wire import Piece, WireProtocol
from simulators.wire import sl651
from tests.unit.station_desk import NOW_MS
from tests.waiting import PATIENCE_S

STATION = "0012345678"
FRAME = sl651.packet(STATION, sl651.LINK, NOW_MS)
STRANGER = sl651.packet("9999999999", sl651.LINK, NOW_MS)
LONG_FRAME = sl651.framed(STATION, sl651.LINK, bytes(4095))
"""Minutes of it, a byte at a time."""
ANSWER = b"\x7e\x7eanswer"
PATIENT = TcpLimits(frame_s=60, idle_s=60)


class House:
    """A server, and what it was brought. confirm: whether the log confirms at once."""

    def __init__(self, limits: TcpLimits, confirm: bool) -> None:
        self.taken: list[Piece] = []
        self.waiting: list[Connection] = []
        self.closed: list[str] = []
        self.confirm = confirm
        self.server = StationServer(SL651, "127.0.0.1", 0, limits, self.take, self.closed.append)

    def take(self, protocol: WireProtocol, piece: Piece, peer: str, connection: Connection) -> bool:
        self.taken.append(piece)
        if self.confirm:
            asyncio.get_running_loop().call_soon(connection.confirmed, ANSWER)
        else:
            self.waiting.append(connection)
        return piece.wrong is None and piece.data != STRANGER


@asynccontextmanager
async def house(limits: TcpLimits = PATIENT, confirm: bool = True) -> AsyncIterator[House]:
    made = House(limits, confirm)
    await made.server.open()
    yield made
    made.server.stop_listening()
    made.server.close()


async def connected(house: House) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", house.server.port)


async def happened(what: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not what():
            await asyncio.sleep(0.005)


async def closed_by_us(reader: asyncio.StreamReader) -> bool:
    """Whether the other end is gone; raises TimeoutError while it is not."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
    return True


async def test_a_frame_is_answered_and_the_connection_stays() -> None:
    async with house() as home:
        reader, writer = await connected(home)
        for _ in range(3):
            writer.write(FRAME)
            assert await reader.readexactly(len(ANSWER)) == ANSWER
        assert len(home.server.connections) == 1
        writer.close()
        await happened(lambda: not home.server.connections)


async def test_a_station_that_hangs_up_after_its_report_still_gets_its_answer() -> None:
    async with house(confirm=False) as home:
        reader, writer = await connected(home)
        writer.write(FRAME)
        writer.write_eof()
        await happened(lambda: home.waiting)
        home.waiting[0].confirmed(ANSWER)
        assert await reader.read() == ANSWER
        await happened(lambda: not home.server.connections)


async def test_what_was_begun_before_hanging_up_is_told() -> None:
    async with house() as home:
        _, writer = await connected(home)
        writer.write(FRAME[:10])
        writer.close()
        await happened(lambda: home.taken)
        assert home.taken == [Piece(FRAME[:10], "ends after 10 bytes")]


async def test_a_frame_that_takes_too_long_is_given_up_and_the_connection_with_it() -> None:
    """Slow loris: a byte now and then does not make the frame's time longer."""
    async with house(replace(PATIENT, frame_s=0.2)) as home:
        reader, writer = await connected(home)

        async def drip() -> None:
            for byte in LONG_FRAME:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await closed_by_us(reader)
        dripping.cancel()
        assert home.closed == ["slow"]
        assert all(piece.wrong for piece in home.taken)


async def test_a_broken_beginning_does_not_close_the_connection_when_a_frame_stands_behind_it() -> None:
    lost = FRAME[:11] + b"\x0f\xff" + FRAME[13:]  # a length that a bit has made long
    async with house(replace(PATIENT, frame_s=0.2)) as home:
        reader, writer = await connected(home)
        writer.write(lost + FRAME)
        await reader.readexactly(len(ANSWER))
        assert [piece.wrong is None for piece in home.taken] == [False, True]
        assert home.closed == []


async def test_who_says_nothing_for_long_is_closed() -> None:
    async with house(replace(PATIENT, idle_s=0.2)) as home:
        reader, _ = await connected(home)
        assert await closed_by_us(reader)
        assert home.closed == ["idle"]


async def test_rubbish_without_end_closes_the_connection() -> None:
    async with house() as home:
        reader, writer = await connected(home)
        writer.write(bytes(1 << 20))
        assert await closed_by_us(reader)
        assert home.closed == ["rubbish"]
        assert len(home.taken) == home.server.limits.strikes


async def test_frames_of_strangers_close_the_connection_and_one_frame_of_ours_forgives_them() -> None:
    async with house(replace(PATIENT, strikes=4)) as home:
        _, writer = await connected(home)
        writer.write(STRANGER * 3 + FRAME + STRANGER * 3 + FRAME)
        await happened(lambda: len(home.taken) == 8)
        assert home.closed == []
        writer.write(STRANGER * 4)
        await happened(lambda: home.closed == ["rubbish"])


async def test_one_address_has_so_many_connections_and_all_together_have_so_many() -> None:
    for limits in (replace(PATIENT, per_address=2), replace(PATIENT, connections=2)):
        async with house(limits) as home:
            _, first = await connected(home)
            await connected(home)
            await happened(lambda: len(home.server.connections) == 2)
            reader, _ = await connected(home)
            assert await closed_by_us(reader)
            assert home.closed == ["too many"]
            first.close()
            await happened(lambda: len(home.server.connections) == 1)
            reader, writer = await connected(home)
            writer.write(FRAME)
            assert await reader.readexactly(len(ANSWER)) == ANSWER


async def test_while_the_log_does_not_confirm_no_more_is_read_of_a_connection_than_it_may_have_under_way() -> None:
    async with house(replace(PATIENT, unanswered=8), confirm=False) as home:
        reader, writer = await connected(home)
        frames = 200_000
        writer.write(FRAME * frames)  # five megabytes
        await happened(lambda: len(home.taken) >= 8)
        for _ in range(50):
            await asyncio.sleep(0)
        most = len(home.taken)
        assert most <= 8 + 8192 // len(FRAME) + 1
        assert writer.transport.get_write_buffer_size() > 0
        home.confirm = True
        for connection in home.waiting:
            connection.confirmed(ANSWER)
        assert await reader.readexactly(len(ANSWER) * most)
        await happened(lambda: len(home.taken) > 10 * most)
        writer.transport.abort()


async def test_a_station_that_does_not_read_its_answers_is_closed() -> None:
    async with house() as home:
        reader, writer = await connected(home)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        while not home.closed:
            writer.write(FRAME * 1000)
            await asyncio.sleep(0.005)
        assert home.closed == ["unread answers"]


async def test_while_all_are_paused_nobody_is_read_and_nobody_is_called_slow_for_it() -> None:
    async with house() as home:
        reader, writer = await connected(home)
        writer.write(FRAME[:10])
        await happened(lambda: any(c._splitter.begun for c in home.server.connections))
        home.server.pause()
        (connection,) = home.server.connections
        connection._limits = replace(PATIENT, frame_s=0.1)
        connection._watch()
        writer.write(FRAME[10:])
        for _ in range(3):  # times over, that a frame may take
            timer = connection._timer
            await happened(lambda timer=timer: connection._timer is not timer)
        assert home.taken == [] and home.closed == []
        connection._limits = PATIENT
        connection._watch()
        home.server.resume()
        assert await reader.readexactly(len(ANSWER)) == ANSWER


async def test_a_flood_on_one_connection_leaves_the_others_their_turn() -> None:
    async with house() as home:
        _, flood = await connected(home)
        reader, quiet = await connected(home)
        flood.write(FRAME * 100_000)
        quiet.write(FRAME)
        assert await reader.readexactly(len(ANSWER)) == ANSWER
        assert len(home.taken) < 100_000
        flood.transport.abort()


async def test_half_open_connections_are_asked_whether_anybody_is_there() -> None:
    async with house() as home:
        await connected(home)
        await happened(lambda: home.server.connections)
        (connection,) = home.server.connections
        sock = connection._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        for name, value in KEEPALIVE.items():
            assert sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
