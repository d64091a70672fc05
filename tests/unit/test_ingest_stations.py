"""What stations of HJ 212 and SL 651 say, as readings of the devices at their address, through the checks of every
message; and what is refused, with the frame and why."""

import pytest

from city.readings import Flag
from ingest.adapters.sl651 import SL651
from ingest.dead_letters import REMOVED, decode_dead_letter, encode_dead_letter
from simulators.wire import hj212, sl651
from tests.unit.station_desk import (
    AIR,
    DUST,
    GAUGE,
    NOW_MS,
    PEER,
    RAIN,
    RESERVOIR,
    RIVER,
    TIDE,
    WATER,
    StationDesk,
    address,
)
from tests.unit.test_ingest_desk import ms
from tests.unit.test_wire_frames import TESTED

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
ON_THE_MINUTE_MS = NOW_MS - NOW_MS % MINUTE_MS
AT_MS = NOW_MS - 10_000


@pytest.fixture
def desk() -> StationDesk:
    return StationDesk()


def timed(device: str, elements: bytes, function: int = sl651.TIMED, **more: int) -> bytes:
    return sl651.packet(address(device), function, NOW_MS, elements, **more)


# SL 651


def test_elements_are_told_in_the_units_of_the_catalogue_at_the_time_of_observation(desk: StationDesk) -> None:
    elements = sl651.element(0x39, 3.42) + sl651.element(0x38, 12.6)
    (accepted,) = desk.sl651(timed(RIVER, elements, observed_ms=NOW_MS - 3 * MINUTE_MS))
    assert accepted.ours
    told = {(r.device, r.indicator): (r.value, r.ms) for r in desk.readings()}
    observed_ms = ON_THE_MINUTE_MS - 3 * MINUTE_MS
    assert told[RIVER, "stage"] == (3.42, observed_ms)
    assert told[RIVER, "battery_voltage"] == (12.6, observed_ms)
    assert desk.letters() == []


def test_what_an_element_means_is_what_the_stations_device_measures(desk: StationDesk) -> None:
    for device, indicator, value in ((RIVER, "stage", 1.234), (TIDE, "tide", 1.234), (GAUGE, "water_depth", 123.4)):
        desk.sl651(timed(device, sl651.element(0x39, 1.234)))
        assert desk.values(device) == {indicator: pytest.approx(value)}
    desk.sl651(timed(RESERVOIR, sl651.element(0x3B, 21.5)))
    assert desk.values(RESERVOIR) == {"reservoir_stage": 21.5}


def test_devices_on_one_unit_each_get_what_they_measure_and_its_voltage_all_of_them(desk: StationDesk) -> None:
    desk.sl651(timed(RIVER, sl651.element(0x39, 3.4) + sl651.element(0x26, 812.6) + sl651.element(0x38, 12.1)))
    told = {(r.device, r.indicator): r.value for r in desk.readings()}
    assert told == {
        (RIVER, "stage"): 3.4,
        (RIVER, "battery_voltage"): 12.1,
        (RAIN, "rain_total"): 812.6,
        (RAIN, "battery_voltage"): 12.1,
    }


def test_the_running_total_of_rain_is_told_as_it_is_also_where_it_begins_anew(desk: StationDesk) -> None:
    for total in (99999.8, 0.2):
        desk.sl651(timed(RIVER, sl651.element(0x26, total)))
        assert desk.values(RAIN) == {"rain_total": total}


def test_function_31_brings_all_twelve_values_five_minutes_apart(desk: StationDesk) -> None:
    """The frame of Fujian in a public audit of another decoder, which found one value of twelve."""
    begin_ms, values = ON_THE_MINUTE_MS - 55 * MINUTE_MS, [28.96 + n / 100 for n in range(12)]
    frame = timed(RIVER, sl651.uniform(0x39, values), sl651.UNIFORM, observed_ms=begin_ms)
    assert frame[12:13] + frame[37:44] == bytes.fromhex("4E 0418000005 3923")
    desk.sl651(frame)
    told = [(r.ms, r.value) for r in desk.readings() if r.indicator == "stage"]
    assert told == [(begin_ms + n * 5 * MINUTE_MS, pytest.approx(value)) for n, value in enumerate(values)]


def test_function_31_of_two_elements_lists_them_once_and_then_the_groups_in_order_of_time(desk: StationDesk) -> None:
    groups = b"".join(sl651.bcd(n / 10, 5, 1) + sl651.bcd(n / 1000, 7, 3) for n in range(12))
    elements = bytes.fromhex("0418000005 2219 3923") + groups
    desk.sl651(timed(RIVER, elements, sl651.UNIFORM))
    told = [(r.indicator, r.value) for r in desk.readings()]
    assert [value for name, value in told if name == "rain_tip"] == [pytest.approx(n / 10) for n in range(12)]
    assert [value for name, value in told if name == "stage"] == [pytest.approx(n / 1000) for n in range(12)]


@pytest.mark.parametrize("elements", ["3923 00003420", "0418000000 3923 00003420", "0418000005 3923 0000342000"])
def test_a_function_31_that_is_none_is_refused_whole(desk: StationDesk, elements: str) -> None:
    (accepted,) = desk.sl651(timed(RIVER, bytes.fromhex(elements), sl651.UNIFORM))
    assert accepted.answer is None
    assert desk.reasons() == ["frame"]
    assert desk.readings() == []


def test_the_rain_of_an_hour_comes_out_of_an_hourly_report_in_twelve_values(desk: StationDesk) -> None:
    begin_ms = ON_THE_MINUTE_MS - 55 * MINUTE_MS
    rain = b"\xf4\x60" + bytes([0, 2, 255, *range(3, 12)])
    levels = b"\xf5\xc0" + bytes(24)
    desk.sl651(timed(RIVER, rain + levels + sl651.element(0x26, 100.0), sl651.HOURLY, observed_ms=begin_ms))
    told = {r.ms: r.value for r in desk.readings() if r.indicator == "rain_tip"}
    tenths = {1: 2, **{n: n for n in range(3, 12)}, 0: 0}
    assert told == {begin_ms + n * 5 * MINUTE_MS: tenth / 10 for n, tenth in tenths.items()}


@pytest.mark.parametrize("function", range(sl651.LINK, sl651.MANUAL + 1))
def test_every_report_is_confirmed_with_its_number_our_time_and_esc(desk: StationDesk, function: int) -> None:
    elements = sl651.uniform(0x39, [3.4] * 12) if function == sl651.UNIFORM else b""
    (accepted,) = desk.sl651(timed(RIVER, elements, function, serial=0x1234))
    assert accepted.answer is not None
    answer = accepted.answer(NOW_MS)
    station = address(RIVER)
    head = f"7E7E {station} 01 1234 {function:02X} 8008 02 1234 250506134210 1B"
    assert answer[:-2] == bytes.fromhex(head)
    assert answer[-2:] == sl651.crc(answer[:-2]).to_bytes(2, "big")


def test_a_published_confirmation_is_made_of_its_report(desk: StationDesk) -> None:
    """Of the same walk through SL 651 as the frames: that centre answered within the second."""
    answer = SL651.read(bytes.fromhex(TESTED)).answer
    assert answer is not None
    assert answer(ms("2059-10-11T15:49:47+08:00")).hex().upper() == "7E7E00123456780112343080080200035910111549471B75D4"


def test_who_has_more_to_say_is_asked_to_go_on(desk: StationDesk) -> None:
    (accepted,) = desk.sl651(timed(RIVER, sl651.element(0x39, 3.4), end=sl651.ETB))
    assert accepted.answer is not None
    assert accepted.answer(NOW_MS)[-3] == 0x06


@pytest.mark.parametrize(("function", "indicators"), [(sl651.LINK, {"beat"}), (sl651.ADDED, {"beat"})])
def test_a_station_that_measures_nothing_lives(desk: StationDesk, function: int, indicators: set[str]) -> None:
    desk.sl651(timed(RIVER, b"", function))
    assert {(r.device, r.indicator) for r in desk.readings()} == {(RIVER, "beat"), (RAIN, "beat")}


def test_a_test_report_of_nothing_that_is_measured_here_is_still_told(desk: StationDesk) -> None:
    desk.sl651(timed(TIDE, sl651.element(0x20, 5.0), sl651.TEST))
    assert {(r.indicator, r.flags) for r in desk.readings()} == {("beat", Flag.TEST)}


def test_who_measures_nothing_of_a_uniform_report_is_heard_once(desk: StationDesk) -> None:
    desk.sl651(timed(RIVER, sl651.uniform(0x39, [3.4] * 12), sl651.UNIFORM))
    assert [r.indicator for r in desk.readings() if r.device == RAIN] == ["beat"]


def test_a_test_report_judges_nothing(desk: StationDesk) -> None:
    desk.sl651(timed(TIDE, sl651.element(0x39, 5.0), sl651.TEST))
    assert {r.flags for r in desk.readings()} == {Flag.TEST}


def test_what_is_not_measured_is_not_told_and_what_the_city_has_no_indicator_for_is_counted(desk: StationDesk) -> None:
    own, water_temperature = b"\xff\x01\x12\x12\x34", b"\x03\x11\x02\x15"
    elements = sl651.element(0x39, None) + sl651.element(0x20, 4.0) + own + water_temperature + b"\x38\x12\x12\x60"
    (accepted,) = desk.sl651(timed(TIDE, elements))
    assert desk.values(TIDE) == {"battery_voltage": 12.6}
    assert accepted.ignored == 2
    assert desk.letters() == []


def test_below_zero_is_below_zero(desk: StationDesk) -> None:
    desk.sl651(timed(TIDE, sl651.element(0x39, -0.345)))
    assert desk.values(TIDE) == {"tide": -0.345}


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        (b"\x39\x23\x00\x0a\x00\x00", "element 39 000A0000 is no BCD"),
        (b"\xf2\xf2manual", "a manual entry (F2) is not read"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_alone(desk: StationDesk, elements: bytes, why: str) -> None:
    (accepted,) = desk.sl651(timed(TIDE, b"\x38\x12\x12\x60" + elements))
    assert desk.values(TIDE) == {"battery_voltage": 12.6}
    (letter,) = desk.letters()
    assert (letter.reason.value, letter.detail) == ("frame", why)
    assert accepted.answer is not None


def test_a_manual_entry_is_kept_and_confirmed_and_never_judged(desk: StationDesk) -> None:
    (accepted,) = desk.sl651(timed(TIDE, b"\xf2\xf2Z 6.40", sl651.MANUAL))
    (letter,) = desk.letters()
    assert b"Z 6.40".hex().upper() in letter.payload.decode()
    assert {r.indicator for r in desk.readings()} == {"beat"}
    assert accepted.answer is not None


def test_of_a_picture_only_its_sender_is_kept(desk: StationDesk) -> None:
    for frame in (timed(RIVER, bytes(400), 0x36), timed(RIVER, b"\xf3\xf3" + bytes(400), sl651.TIMED)):
        desk.sl651(frame)
        (letter,) = desk.letters()
        assert letter.reason.value == "personal-data"
        assert letter.payload == frame[:16].hex().upper().encode()


# HJ 212


def test_real_time_values_are_told_at_their_time_in_beijing(desk: StationDesk) -> None:
    desk.hj212(hj212.packet(address(WATER), {"w21003": 1.2, "w01001": 7.1, "w01009": 6.4}, AT_MS, NOW_MS))
    readings = desk.readings()
    assert {r.indicator: r.value for r in readings} == {"nh3n": 1.2, "ph": 7.1, "do": 6.4, "data_flag": 0.0}
    assert {(r.ms, r.flags) for r in readings} == {(AT_MS, Flag(0))}


def test_an_air_station_and_a_building_site_tell_what_their_types_measure(desk: StationDesk) -> None:
    desk.hj212(hj212.packet(address(AIR), {"a34004": 35, "a05024": 110, "a01001": 24.1}, AT_MS, system="22"))
    assert desk.values(AIR) == {"pm25": 35.0, "o3": 110.0, "data_flag": 0.0}
    desk.hj212(hj212.packet(address(DUST), {"a34002": 80, "Leq": 61.5}, AT_MS, system="22"))
    assert desk.values(DUST) == {"pm10": 80.0, "noise_leq": 61.5}
    assert desk.letters() == []


@pytest.mark.parametrize("flag", "FSMDCB")
def test_values_that_are_flagged_as_invalid_are_kept_and_judge_nothing(desk: StationDesk, flag: str) -> None:
    frame = hj212.packet(address(WATER), {"w21003": 99, "w01001": 7}, AT_MS, flags={"w21003": flag})
    desk.hj212(frame)
    told = {r.indicator: (r.value, r.flags) for r in desk.readings()}
    assert told["nh3n"] == (99.0, Flag.TEST)
    assert told["ph"] == (7.0, Flag(0))
    assert told["data_flag"] == (0.0, Flag(0))  # that of what may be judged


@pytest.mark.parametrize(("flag", "code"), [("N", 0), ("T", 1), ("D", 2), ("C", 3), ("M", 4), ("B", 5), ("F", 6)])
def test_the_flag_is_told_as_the_catalogue_numbers_it(desk: StationDesk, flag: str, code: int) -> None:
    desk.hj212(hj212.packet(address(WATER), {"w21003": 5}, AT_MS, flags={"w21003": flag}))
    readings = {r.indicator: (r.value, r.flags) for r in desk.readings()}
    assert readings["data_flag"] == (float(code), Flag(0))
    assert readings["nh3n"][1] == (Flag(0) if code <= 1 else Flag.TEST)


def test_a_flag_that_does_not_exist_is_told_and_its_value_judges_nothing(desk: StationDesk) -> None:
    desk.hj212(hj212.packet(address(WATER), {"w21003": 5}, AT_MS, flags={"w21003": "X"}))
    assert [letter.detail for letter in desk.letters()] == ["w21003-Flag 'X' is none of N T D C M B F S"]
    assert {r.flags for r in desk.readings() if r.indicator == "nh3n"} == {Flag.TEST}


def hour(begin_ms: int, sent_ms: int) -> bytes:
    return hj212.packet(address(WATER), {"w21003": 2.5}, begin_ms, sent_ms, command="2061")


def test_an_hours_mean_counts_at_its_end_where_a_station_sends_nothing_finer(desk: StationDesk) -> None:
    begin_ms = ms("2025-05-06T13:00:00+08:00")
    now_ms = begin_ms + HOUR_MS + 90_000
    desk.hj212(hour(begin_ms, now_ms), now_ms)
    (reading,) = [r for r in desk.readings() if r.indicator == "nh3n"]
    assert (reading.ms, reading.flags) == (begin_ms + HOUR_MS, Flag(0))


def test_a_mean_that_does_not_say_when_it_was_sent_calls_no_clock_wrong(desk: StationDesk) -> None:
    data = f"ST=32;CN=2061;MN={address(WATER)};CP=&&DataTime=20250506130000;w21003-Avg=2.5&&"
    now_ms = ms("2025-05-06T14:00:30+08:00")
    desk.hj212(hj212.framed(data), now_ms)
    readings = desk.readings(findings=True)
    assert [r.value for r in readings if r.indicator == "clock_error"] == [0.0]
    assert [r.ms for r in readings if r.indicator == "nh3n"] == [ms("2025-05-06T14:00:00+08:00")]


def test_means_beside_real_time_values_are_history(desk: StationDesk) -> None:
    begin_ms = ms("2025-05-06T13:00:00+08:00")
    now_ms = begin_ms + HOUR_MS + 90_000
    desk.hj212(hj212.packet(address(WATER), {"w21003": 1.0}, now_ms), now_ms)
    desk.readings()
    desk.hj212(hour(begin_ms, now_ms), now_ms)
    assert {r.flags for r in desk.readings()} == {Flag.BACKFILL}
    desk.hj212(hour(begin_ms, now_ms + 2 * DAY_MS), now_ms + 2 * DAY_MS)
    assert {r.flags for r in desk.readings()} == {Flag(0)}


def test_who_asks_for_an_answer_gets_9014_with_its_own_number(desk: StationDesk) -> None:
    (accepted,) = desk.hj212(hj212.packet(address(WATER), {"w21003": 1}, AT_MS, flag=5))
    assert accepted.answer is not None
    qn = "20250506134200000"
    data = f"QN={qn};ST=91;CN=9014;PW=123456;MN={address(WATER)};Flag=4;CP=&&&&"
    assert accepted.answer(NOW_MS) == hj212.framed(data)


@pytest.mark.parametrize("flag", [0, 4, 8])
def test_who_asks_for_none_gets_none(desk: StationDesk, flag: int) -> None:
    (accepted,) = desk.hj212(hj212.packet(address(WATER), {"w21003": 1}, AT_MS, flag=flag))
    assert (accepted.ours, accepted.answer) == (True, None)


def test_states_of_machines_are_signs_of_life(desk: StationDesk) -> None:
    desk.hj212(hj212.packet(address(WATER), {}, AT_MS, command="2021"))
    assert {r.indicator for r in desk.readings()} == {"beat"}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("ST=32;CN=2011;MN={mn};CP=&&DataTime=20250506134200;w21003-Rtd=1&", "no data area"),
        ("ST=99;CN=2011;MN={mn};CP=&&DataTime=20250506134200&&", "ST 99 is not taken"),
        ("ST=32;CN=3019;MN={mn};CP=&&DataTime=20250506134200&&", "CN 3019 is not taken"),
        ("ST=32;CN=2011;MN={mn};CP=&&w21003-Rtd=1&&", "DataTime '' is no time"),
        ("ST=32;CN=2011;MN={mn};CP=&&DataTime=20251306134200&&", "DataTime '20251306134200' is no time"),
        ("QN=2025;ST=32;CN=2011;MN={mn};CP=&&DataTime=20250506134200&&", "QN '2025' is no time"),
        ("ST=32;CN=2011;MN={mn};Flag=5;CP=&&DataTime=20250506134200&&", "there is no QN"),
        ("ST=32;CN=2011;CP=&&DataTime=20250506134200&&", "no MN"),
    ],
)
def test_a_frame_that_tells_nothing_we_take_is_refused_with_why(desk: StationDesk, data: str, why: str) -> None:
    (accepted,) = desk.hj212(hj212.framed(data.format(mn=address(WATER))))
    assert accepted.answer is None
    (letter,) = desk.letters()
    assert letter.reason.value == "frame"
    assert why in letter.detail
    assert desk.readings() == []


def test_a_value_that_is_no_number_is_refused_alone(desk: StationDesk) -> None:
    desk.hj212(hj212.packet(address(WATER), {"w21003": "1_0", "w01001": 7.1, "w01009": "nan"}, AT_MS))
    assert desk.values(WATER) == {"ph": 7.1, "data_flag": 0.0}
    assert [letter.detail for letter in desk.letters()] == [
        "w21003-Rtd '1_0' is no number",
        "w01009-Rtd 'nan' is no number",
    ]


# The checks of every message


def test_a_value_out_of_range_is_refused_alone_and_the_frame_is_answered(desk: StationDesk) -> None:
    (accepted,) = desk.sl651(timed(TIDE, sl651.element(0x39, 99.0) + sl651.element(0x38, 12.6)))
    assert desk.values(TIDE) == {"battery_voltage": 12.6}
    (letter,) = desk.letters()
    assert (letter.reason.value, letter.detail) == ("range", "tide 99 is outside -5..8 m")
    assert accepted.answer is not None


def test_what_a_class_has_and_the_stations_devices_do_not_measure_is_refused(desk: StationDesk) -> None:
    desk.sl651(timed(TIDE, sl651.element(0x3B, 10.0)))
    (letter,) = desk.letters()
    assert letter.reason.value == "indicator"
    assert "'reservoir_stage'" in letter.detail


def test_what_a_class_has_not_is_counted(desk: StationDesk) -> None:
    (rain,) = desk.sl651(timed(TIDE, sl651.element(0x26, 10.0) + sl651.element(0x39, 1.0)))
    (dust,) = desk.hj212(hj212.packet(address(AIR), {"a34002": 80, "a34004": 35}, AT_MS, system="22"))
    assert (rain.ignored, dust.ignored) == (1, 1)
    assert desk.letters() == []


def test_a_station_that_nobody_registered_is_refused_and_not_answered(desk: StationDesk) -> None:
    (unknown,) = desk.sl651(sl651.packet("9999999999", sl651.TIMED, NOW_MS))
    (foreign,) = desk.hj212(hj212.packet("SOMEBODY", {"w21003": 1}, AT_MS))
    assert (unknown.ours, unknown.answer, foreign.ours, foreign.answer) == (False, None, False, None)
    first, second = desk.letters()
    assert {first.reason.value, second.reason.value} == {"unknown-device"}
    assert (first.device, second.device) == ("9999999999", "SOMEBODY")
    assert (first.topic, second.topic) == (f"sl651/9999999999/{PEER}", f"hj212/SOMEBODY/{PEER}")


def test_a_station_that_speaks_for_another_is_refused(desk: StationDesk) -> None:
    frame = timed(TIDE, b"")
    other = frame[14:-3].replace(bytes.fromhex(address(TIDE)), bytes.fromhex(address(RIVER)))
    desk.sl651(sl651.framed(address(TIDE), sl651.TIMED, other))
    assert desk.reasons() == ["wrong-device"]


@pytest.mark.parametrize("function", [0x37, 0x4A, 0x00])
def test_a_function_that_is_not_taken_is_refused(desk: StationDesk, function: int) -> None:
    (accepted,) = desk.sl651(timed(TIDE, b"", function))
    (letter,) = desk.letters()
    assert (letter.reason.value, letter.detail) == ("frame", f"function {function:02X} is not taken: 2F to 35")
    assert (accepted.ours, accepted.answer) == (True, None)


def test_a_text_in_several_packets_is_refused_and_not_answered(desk: StationDesk) -> None:
    frame = sl651.framed(address(TIDE), sl651.TIMED, bytes.fromhex("002001") + bytes(40), start=0x16)
    (accepted,) = desk.sl651(frame)
    assert desk.reasons() == ["frame"]
    assert accepted.answer is None


@pytest.mark.parametrize(
    ("protocol", "spoil", "why"),
    [
        ("sl651", lambda f: f[:-1] + bytes([f[-1] ^ 1]), "CRC"),
        ("sl651", lambda f: f[:11] + b"\x80" + f[12:], "direction 8"),
        ("hj212", lambda f: f[:-3] + b"?" + f[-2:], "CRC"),
        ("hj212", lambda f: f[:2] + b"0007" + f[6:], "length 0007"),
    ],
)
def test_a_broken_frame_is_kept_in_hex_with_why_and_where_and_not_answered(
    desk: StationDesk, protocol: str, spoil: object, why: str
) -> None:
    sound = {"sl651": timed(TIDE, b""), "hj212": hj212.packet(address(WATER), {"w21003": 1}, AT_MS)}[protocol]
    frame = spoil(sound)  # type: ignore[operator]
    (accepted,) = getattr(desk, protocol)(frame)
    (letter,) = desk.letters()
    assert (accepted.ours, accepted.answer) == (False, None)
    assert letter.reason.value == "frame"
    assert why in letter.detail
    assert letter.topic == f"{protocol}/-/{PEER}"
    assert letter.payload == frame.hex().upper().encode()
    assert letter.payload_bytes == len(frame)
    assert decode_dead_letter(encode_dead_letter(letter)) == letter


def test_nothing_that_means_a_person_is_kept_of_what_is_no_frame(desk: StationDesk) -> None:
    desk.hj212(b'{"name": "somebody", "phone": "13800000000"}')
    (letter,) = desk.letters()
    assert letter.payload == REMOVED.encode().hex().upper().encode()


@pytest.mark.parametrize("off_ms", [8 * HOUR_MS, -8 * HOUR_MS])
def test_a_station_whose_clock_is_wrong_is_told_by_when_it_sends_not_by_when_it_measured(
    desk: StationDesk, off_ms: int
) -> None:
    desk.sl651(sl651.packet(address(TIDE), sl651.TIMED, NOW_MS + off_ms, sl651.element(0x39, 1.0)))
    errors = [r.value for r in desk.readings(findings=True) if r.indicator == "clock_error"]
    assert errors[0] == abs(off_ms) / 1000


def test_a_station_that_sends_late_what_it_measured_has_a_right_clock(desk: StationDesk) -> None:
    desk.sl651(timed(TIDE, sl651.element(0x39, 1.0), observed_ms=NOW_MS - 2 * HOUR_MS))
    assert [r.value for r in desk.readings(findings=True) if r.indicator == "clock_error"] == [0.0]


def test_a_time_before_2020_is_refused(desk: StationDesk) -> None:
    for year in ("1970", "1971", "2019", "0001"):
        data = f"ST=32;CN=2011;MN={address(WATER)};CP=&&DataTime={year}0506134200;w21003-Rtd=1&&"
        desk.hj212(hj212.framed(data))
        assert set(desk.reasons()) == {"clock"}


def test_a_frame_on_which_we_fail_is_poison_and_does_not_stop_the_next(
    desk: StationDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("of our own making")

    with monkeypatch.context() as broken:
        broken.setattr("ingest.stations._message", fail)
        desk.sl651(timed(TIDE, sl651.element(0x39, 1.0)))
    desk.sl651(timed(TIDE, sl651.element(0x39, 2.0)))
    (letter,) = desk.letters()
    assert letter.reason.value == "poison"
    assert desk.values(TIDE) == {"tide": 2.0}


def test_what_is_refused_is_told_of_the_device_and_taken_back_by_a_good_frame(desk: StationDesk) -> None:
    desk.sl651(timed(TIDE, b"", 0x37))
    assert [r.value for r in desk.readings(findings=True) if r.indicator == "refused_format"] == [1.0]
    desk.sl651(timed(TIDE, sl651.element(0x39, 2.0)))
    assert [r.value for r in desk.readings(findings=True) if r.indicator == "refused_format"] == [0.0]
