"""Frames of HJ 212 and SL 651 in a stream: whole ones as published, and whatever comes between, before and in them."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fuzz_frames import fuzz
from ingest.adapters import crc
from ingest.adapters.hj212 import HJ212
from ingest.adapters.sl651 import SL651
from ingest.adapters.wire import Piece, Splitter, WireProtocol
from simulators.wire import hj212, sl651
from tests.unit.station_desk import NOW_MS

# HJ 212-2017, annex C (1062, and 9014 in a public test of another decoder); an air station of a vendor's page.
PUBLISHED_HJ212 = [
    b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&1C80\r\n",
    b"##0087QN=20160801085000001;ST=91;CN=9014;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&C241\r\n",
]
# A walk through SL 651 that several sites carry (toymoban.com/news/detail-686475.html): 2F, 30 and 32.
LINK = "7E7E01001234567812342F0008020003591011155111036BCA"
TESTED = (
    "7E7E010012345678123430002B020003591011154947F1F1001234567848F0F05910111549"
    "20190000052619000005392300000127381211150320FA"
)
TIMED = (
    "7E7E05001122334403E832002B020034170718110016F1F1001122334448F0F01707181100"
    "201900004026190000403923000104903812109903A421"
)
PUBLISHED_SL651 = [bytes.fromhex(frame) for frame in (LINK, TESTED, TIMED)]
RIVER, MN = "0012345678", "010000A8900016F000169DC0"
OURS = {
    HJ212.name: [hj212.packet(MN, {"w21003": 1.2}, NOW_MS), hj212.packet(MN, {"a34004": 35}, NOW_MS, system="22")],
    SL651.name: [
        sl651.packet(RIVER, sl651.LINK, NOW_MS),
        sl651.packet(RIVER, sl651.TIMED, NOW_MS, sl651.element(0x39, 3.42) + sl651.element(0x38, 12.6)),
    ],
}
protocols = pytest.mark.parametrize("protocol", [HJ212, SL651], ids=lambda p: p.name)


def pieces_of(protocol: WireProtocol, *segments: bytes) -> list[Piece]:
    splitter = Splitter(protocol.cut)
    return [piece for segment in segments for piece in splitter.feed(segment)]


@pytest.mark.parametrize("frame", PUBLISHED_HJ212)
def test_a_published_frame_of_hj_212_has_the_checksum_that_we_reckon(frame: bytes) -> None:
    assert pieces_of(HJ212, frame) == [Piece(frame, None)]
    assert f"{crc.hj212(frame[6:-6]):04X}".encode() == frame[-6:-2] == f"{hj212.crc(frame[6:-6]):04X}".encode()


@pytest.mark.parametrize("frame", PUBLISHED_SL651)
def test_a_published_frame_of_sl_651_has_the_checksum_that_we_reckon(frame: bytes) -> None:
    assert pieces_of(SL651, frame) == [Piece(frame, None)]
    assert crc.modbus(frame[:-2]).to_bytes(2, "big") == frame[-2:] == sl651.crc(frame[:-2]).to_bytes(2, "big")


@given(st.binary(max_size=300))
def test_both_checksums_are_what_they_are_bit_by_bit(data: bytes) -> None:
    assert (crc.hj212(data), crc.modbus(data)) == (hj212.crc(data), sl651.crc(data))


def test_the_checksum_of_hj_212_is_not_that_of_modbus() -> None:
    data = PUBLISHED_HJ212[0][6:-6]
    assert crc.hj212(data) != crc.modbus(data)


@protocols
def test_a_frame_may_come_byte_by_byte(protocol: WireProtocol) -> None:
    frames = OURS[protocol.name]
    stream = b"".join(frames)
    assert pieces_of(protocol, *(stream[i : i + 1] for i in range(len(stream)))) == [Piece(f, None) for f in frames]


@protocols
def test_several_frames_in_one_segment_are_several_frames(protocol: WireProtocol) -> None:
    frames = OURS[protocol.name] * 20
    assert pieces_of(protocol, b"".join(frames)) == [Piece(frame, None) for frame in frames]


@protocols
@given(data=st.data())
def test_how_a_stream_is_cut_into_segments_changes_nothing(protocol: WireProtocol, data: st.DataObject) -> None:
    stream = b"".join(OURS[protocol.name]) * 2
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    segments = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    assert pieces_of(protocol, *segments) == pieces_of(protocol, stream)


@protocols
@given(data=st.data())
def test_whatever_stands_between_frames_the_segments_change_nothing_about_who_is_heard(
    protocol: WireProtocol, data: st.DataObject
) -> None:
    mark = {"hj212": b"##0", "sl651": b"\x7e\x7e\x01"}[protocol.name]
    parts = st.sampled_from([*OURS[protocol.name], mark, mark[:1], b"\r\n", b"0" * 20]) | st.binary(max_size=30)
    stream = b"".join(data.draw(st.lists(parts, max_size=8)))
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    segments = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    heard = [[p.data for p in pieces_of(protocol, *cut) if p.wrong is None] for cut in ([stream], segments)]
    assert heard[0] == heard[1]


@protocols
@pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\x01\x02", b"#", b"~", bytes(3000)])
def test_rubbish_between_frames_is_told_and_costs_no_frame(protocol: WireProtocol, rubbish: bytes) -> None:
    first, second = OURS[protocol.name]
    pieces = pieces_of(protocol, rubbish + first + rubbish + second)
    assert [piece.data for piece in pieces if piece.wrong is None] == [first, second]
    told = b"".join(piece.data for piece in pieces if piece.wrong is not None)
    assert told == rubbish * 2


def test_empty_lines_between_frames_of_hj_212_are_nobodys_mistake() -> None:
    first, second = OURS["hj212"]
    assert pieces_of(HJ212, b"\r\n" + first + b"\r\n \n" + second) == [Piece(first, None), Piece(second, None)]


@protocols
@pytest.mark.parametrize("place", [3, 11, -3, -1])
def test_a_frame_with_a_wrong_byte_is_broken_and_the_next_one_is_read(protocol: WireProtocol, place: int) -> None:
    first, second = OURS[protocol.name]
    spoilt = bytearray(second)
    spoilt[place] ^= 0x04
    splitter = Splitter(protocol.cut)
    pieces = splitter.feed(bytes(spoilt) + first + second + first)
    while splitter.begun:
        pieces += splitter.give_up()
    sound = [piece.data for piece in pieces if piece.wrong is None]
    assert sound == [first, second, first]
    assert b"".join(piece.data for piece in pieces) == bytes(spoilt) + first + second + first


@protocols
def test_a_frame_that_is_cut_off_does_not_swallow_the_next(protocol: WireProtocol) -> None:
    first, second = OURS[protocol.name]
    for length in range(2, len(first)):
        splitter = Splitter(protocol.cut)
        pieces = splitter.feed(first[:length] + second)
        while splitter.begun:
            pieces += splitter.give_up()
        assert pieces[-1] == Piece(second, None), length
        assert pieces[0].wrong, length


@protocols
@settings(max_examples=50)
@given(st.lists(st.binary(max_size=600), max_size=6), st.booleans())
def test_nothing_is_lost_and_no_more_is_kept_than_a_frame(
    protocol: WireProtocol, segments: list[bytes], after_a_mark: bool
) -> None:
    mark = {"hj212": b"##", "sl651": b"\x7e\x7e"}[protocol.name]
    splitter, given_, told = Splitter(protocol.cut), b"", b""
    for segment in segments * 4:
        segment = mark + segment if after_a_mark else segment
        given_ += segment
        told += b"".join(piece.data for piece in splitter.feed(segment))
        assert len(splitter._pending) < 5000
    while splitter.begun:
        told += b"".join(piece.data for piece in splitter.give_up())
    assert told.replace(b"\r\n", b"").split() == given_.replace(b"\r\n", b"").split() or protocol is HJ212
    if protocol is SL651:
        assert told == given_


@given(
    st.dictionaries(
        st.sampled_from(["w21003", "w01001", "a34004", "w01009"]), st.floats(0, 99).map(lambda v: round(v, 3))
    ),
    st.integers(NOW_MS - 10**11, NOW_MS + 10**11),
    st.sampled_from(["2011", "2051", "2061", "2031"]),
)
def test_what_a_station_of_hj_212_says_is_what_is_read(values: dict[str, float], at_ms: int, command: str) -> None:
    at_ms -= at_ms % 1000
    (piece,) = pieces_of(HJ212, hj212.packet(MN, values, at_ms, command=command))
    report = HJ212.read(piece.data)
    (told,) = report.told
    assert report.station == MN
    assert {code: value for code, value in told.values if code != "Flag"} == values
    assert (told.ms, told.sent_ms) == (at_ms, at_ms)


numbers = st.integers(-999_999, 9_999_999).map(lambda n: n / 1000)


@given(
    st.dictionaries(st.sampled_from([0x39, 0x3B]), numbers, max_size=2),
    st.integers(NOW_MS - 10**11, NOW_MS + 10**11),
    st.integers(0, 65535),
)
def test_what_a_station_of_sl_651_says_is_what_is_read(values: dict[int, float], at_ms: int, serial: int) -> None:
    at_ms -= at_ms % 60_000
    elements = b"".join(sl651.element(identifier, value) for identifier, value in values.items())
    (piece,) = pieces_of(SL651, sl651.packet(RIVER, sl651.ADDED, at_ms, elements, serial))
    (told,) = SL651.read(piece.data).told
    assert dict(told.values) == {f"{identifier:02X}": value for identifier, value in values.items()}
    assert (told.seq, told.ms, told.sent_ms, told.report) == (serial, at_ms, at_ms, "added")


@given(st.lists(numbers | st.none(), min_size=12, max_size=12), st.integers(1, 1439))
def test_all_twelve_values_of_function_31_are_read_a_step_apart(values: list[float | None], step_min: int) -> None:
    frame = sl651.packet(RIVER, sl651.UNIFORM, NOW_MS - NOW_MS % 60_000, sl651.uniform(0x39, values, step_min))
    (piece,) = pieces_of(SL651, frame)
    told = {each.ms: dict(each.values) for each in SL651.read(piece.data).told}
    begin_ms = NOW_MS - NOW_MS % 60_000
    wanted = {begin_ms + n * step_min * 60_000: {"39": v} for n, v in enumerate(values) if v is not None}
    assert told == (wanted or {begin_ms: {}})


@protocols
def test_frames_with_wrong_bytes_and_a_right_checksum_never_fail_but_for_a_reason(protocol: WireProtocol) -> None:
    counts = fuzz(protocol, frames=3000, rng=random.Random(7))
    assert (counts["failed"], counts["lost"]) == (0, 0)
    assert counts["read"] > 100
    assert counts["refused"] > 100
