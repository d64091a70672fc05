"""What is written of readings, alerts, dead letters and ticks, and how many series that can ever be."""

import re

import numpy as np
import pytest
from msgspec.structs import replace

from city.generate import FleetRequest, generate_fleet
from city.levels import Level
from city.log import ALERTS, BATCH, DEAD_LETTERS, KIND, METRICS, READINGS, TICK
from city.readings import Batch, Flag, Tick, batch_of, encode, encode_tick
from city.registry import Device
from city.reports import Report, Sample, encode_report
from city.tables import read_city, shipped_pack
from city.transitions import encode_transition
from ingest.dead_letters import DeadLetter, Reason, encode_dead_letter
from streams.app import Record
from streams.poison import UNREADABLE
from streams.series.census import Census
from streams.series.lines import Point, ReadingLines, letter_line, report_lines, tick_line, transition_line
from streams.series.log_lines import LogLines
from streams.series.moment import points
from streams.series.paper import Paper
from streams.series.register import register_points
from streams.series.standing import Standing
from tests.cities import BEAT, QUEUE, WATER_DEPTH, small_city
from tests.unit.stories import MIDNIGHT_MS, Teller, district

GAUGE = Device(number=7, id="G-7", type="gauge", site="S-W")
CITY = small_city([GAUGE])
HEAD = "reading,device=G-7,type=gauge,site=S-W,area=A-W,class=waterlogging,street=11,community=111"
T_MS = MIDNIGHT_MS


def lines(batch: Batch) -> list[str]:
    found, unknown = ReadingLines(CITY).of(batch)
    assert unknown == 0
    return found


def batch(*rows: tuple[int, int, float, int, int], device: int = 7) -> Batch:
    """Of (indicator, event time, value, seq, flags)."""
    indicator, event_ms, value, seq, flags = (list(column) for column in zip(*rows, strict=True))
    return batch_of([device] * len(rows), indicator, event_ms, value, seq, flags)


def test_what_one_message_said_is_one_point_with_a_field_for_each_indicator() -> None:
    said = batch((WATER_DEPTH, T_MS, 12.5, 3, 0), (QUEUE, T_MS, 4.0, 3, 0), (BEAT, T_MS, 1.0, 3, 0))
    assert lines(said) == [f"{HEAD} water_depth=12.5,queue=4.0,beat=1.0 {T_MS}003000"]


def test_a_value_is_a_float_whatever_it_is_so_that_a_zero_fixes_no_other_type() -> None:
    (line,) = lines(batch((WATER_DEPTH, T_MS, 0.0, 1, 0)))
    assert " water_depth=0.0 " in line


def test_two_messages_within_one_millisecond_are_two_points_and_a_repetition_is_none() -> None:
    first, second = (WATER_DEPTH, T_MS, 1.0, 1, 0), (WATER_DEPTH, T_MS, 2.0, 2, 0)
    times = [line.rpartition(" ")[2] for line in lines(batch(first, second))]
    assert len(set(times)) == 2
    assert lines(batch(first)) == lines(batch(first))


def test_what_a_technician_tries_is_not_among_the_readings() -> None:
    (line,) = lines(batch((WATER_DEPTH, T_MS, 99.0, 1, int(Flag.TEST))))
    assert line.startswith("trial,device=G-7,")


def test_readings_of_who_is_not_registered_are_counted_and_keep_nobody_else_out() -> None:
    stranger = batch_of([8, 7], [WATER_DEPTH, WATER_DEPTH], [T_MS, T_MS], [1.0, 2.0], [1, 1], [0, 0])
    found, unknown = ReadingLines(CITY).of(stranger)
    assert (len(found), unknown) == (1, 1)
    found, unknown = ReadingLines(CITY).of(batch((999, T_MS, 1.0, 1, 0), (WATER_DEPTH, T_MS, 2.0, 1, 0)))
    assert (len(found), unknown) == (1, 1)


@pytest.mark.parametrize("hostile", ["a b,c=d", 'say "hi"', "back\\slash", "two\nlines", "", "积水, 1=1"])
def test_no_text_breaks_out_of_its_tag_or_field(hostile: str) -> None:
    line = Point("m", {"tag": hostile}, {"words": hostile, "n": 1}).line(T_MS)
    assert "\n" not in line
    tags, _, rest = line.partition('words="')
    assert len(re.findall(r"(?<!\\)[ ]", tags)) == 1  # between tags and fields, and nowhere else
    assert re.fullmatch(r'(?:[^"\\]|\\.)*",n=1i \d+', rest)


def test_an_integer_stays_one_and_a_tag_is_never_empty() -> None:
    assert Point("m", {"street": ""}, {"n": 3}).line(1) == "m,street=- n=3i 1000000"


def test_levels_of_many_devices_at_one_moment_are_one_series_and_many_points() -> None:
    teller = Teller()
    told = [teller.says("offline", f"C{n}", Level.BLUE) for n in (1, 2, 3, 4)]
    found = [transition_line(replace(transition, event_ms=T_MS)) for transition in told]
    assert len({line.split(" ")[0] for line in found}) == 1
    assert len({line.rpartition(" ")[2] for line in found}) == 4
    assert 'subject="C1"' in found[0]


def letter(**more: object) -> DeadLetter:
    same = {"topic": "t", "payload": b"", "payload_bytes": 5, "payload_crc": 0, "received_ms": T_MS, "ingest": "i"}
    return DeadLetter(reason=Reason.RANGE, detail="", **{**same, **more})


def test_a_dead_letter_counts_by_its_reason_and_each_is_one() -> None:
    one, other = letter_line(letter(), 4), letter_line(letter(), 5)
    assert one.startswith("letter,reason=range count=1i,") and one != other
    assert letter_line(letter(), 4) == one


def test_ticks_are_told_now_and_then_and_always_while_the_session_is_down() -> None:
    ticks = [Tick("i", T_MS + second * 1000, 1000, up=True) for second in range(30)]
    assert len([line for tick in ticks if (line := tick_line(tick, 0))]) == 3
    assert tick_line(Tick("i", T_MS + 5000, 1000, up=False), 0) is not None


def record(topic: str, value: bytes, kind: bytes = b"") -> Record:
    return Record(topic, 0, 1, value, {KIND: kind} if kind else {}, None, 0)


def test_every_kind_of_record_has_lines_and_what_nobody_can_read_is_told() -> None:
    of = LogLines(CITY, lambda: 0.0).of
    assert len(of(record(READINGS, encode(batch((WATER_DEPTH, T_MS, 1.0, 1, 0))), BATCH))) == 1
    assert len(of(record(READINGS, encode_tick(Tick("i", T_MS, 1000, True)), TICK))) == 1
    assert len(of(record(ALERTS, encode_transition(Teller().says("depth", "G1", Level.RED))))) == 1
    assert len(of(record(DEAD_LETTERS, encode_dead_letter(letter())))) == 1
    report = Report("detect", "detect-1", T_MS, 10.0, [Sample("n_total", {"le": "1"}, 2.0)])
    assert of(record(METRICS, encode_report(report)))[0].startswith(
        "metric,process=detect,name=n_total,le=1 value=2.0 "
    )
    for topic, kind in ((READINGS, BATCH), (READINGS, TICK), (ALERTS, b""), (DEAD_LETTERS, b""), (METRICS, b"")):
        with pytest.raises(UNREADABLE):
            of(record(topic, b"rubbish", kind))


def test_what_influxdb_would_throw_away_at_once_is_not_written() -> None:
    old = LogLines(CITY, lambda: float(T_MS)).of
    said = batch((WATER_DEPTH, T_MS - 1, 1.0, 1, 0), (WATER_DEPTH, T_MS + 1, 2.0, 2, 0))
    assert [" water_depth=2.0 " in line for line in old(record(READINGS, encode(said), BATCH))] == [True]
    assert old(record(DEAD_LETTERS, encode_dead_letter(letter()))) == []


def test_the_number_of_series_is_bounded_by_the_registry_whatever_devices_and_rules_do() -> None:
    """Each device one series; everything else together is small, and does not grow with what happens."""
    city = generate_fleet(read_city(shipped_pack("baoan")), FleetRequest(water_gauges=900, cameras_class2=1100), seed=1)
    census = Census(city)
    readings = ReadingLines(city)
    depth = next(i.number for i in city.catalogue.indicators if i.id == "water_depth")
    numbers = np.array([device.number for device in city.devices.values()], np.uint32)
    zeros = np.zeros(len(numbers))
    rows = (np.full(len(numbers), depth, np.uint16), np.full(len(numbers), T_MS), zeros, zeros.astype(np.uint32))
    said, _ = readings.of(Batch(numbers, *rows, zeros.astype(np.uint8)))
    series = {line.split(" ")[0] for line in said}
    assert len(series) == len(city.devices)
    others = {point.series for point in points(Standing(), census, Paper(), T_MS)}
    sites = {point.series for point in register_points(census)}
    assert len(others) < 1 + len(city.areas) + len(city.admin) + 40 * len(city.streets)
    assert len(sites) <= 5 * len(city.sites)
    assert len(series) + len(others) + len(sites) < 1.2 * len(city.devices) + 20_000


def test_two_workers_that_report_at_one_moment_are_two_points() -> None:
    same = {"process": "detect", "wall_ms": float(T_MS), "seconds": 10.0, "samples": [Sample("n_total", {}, 2.0)]}
    (one,), (other,) = (report_lines(Report(instance=name, **same)) for name in ("detect-1", "detect-2"))
    assert one.split(" ")[0] == other.split(" ")[0] and one != other


def test_no_tag_holds_what_has_no_bound() -> None:
    teller = Teller(district())
    tags = transition_line(teller.says("depth", "G1", Level.RED)).split(" ")[0]
    for unbounded in ("subject=", "alert=", "value=", "title="):
        assert unbounded not in tags
