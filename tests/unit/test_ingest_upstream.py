"""What upstream sources say becomes readings of the places that they speak to; what the table does not know is
refused."""

from typing import Any

import pytest

from city.readings import Flag
from ingest.dead_letters import keepable
from ingest.intake import LARGEST_BYTES
from tests.unit.test_ingest_desk import CITIZENS, GAUGE, NOW_MS, PLATFORM, WATERS, WEATHER, Desk, baoan, ms, topic_of

SENDER = "44030041600000"
SENT = "2025-05-06T13:30:00+08:00"
HANGCHENG = "440306019"


def cap(
    event: str = "<event>暴雨</event>",
    level: str = "<severity>Severe</severity>",
    geocodes: tuple[str, ...] = ("440306",),
    **fields: str,
) -> bytes:
    said = {"identifier": "A1", "sender": SENDER, "sent": SENT, "status": "Actual", "msgType": "Alert"} | fields
    head = "".join(f"<{name}>{text}</{name}>" for name, text in said.items() if text)
    areas = "".join(f"<area><geocode><value>{code}</value></geocode></area>" for code in geocodes)
    return f"<alert>{head}<info>{event}{level}{areas}</info></alert>".encode()


def warned(payload: bytes, kind: str = "rain_warning_told") -> dict[str, float]:
    """Value told of each street by its code, after one message of the weather source."""
    desk = Desk()
    desk.accept(topic_of(WEATHER), payload)
    assert [letter.detail for letter in desk.letters()] == []
    return {_street(r.device): r.value for r in desk.readings() if r.indicator == kind}


def refused(device: str, payload: Any) -> tuple[str, str]:
    desk = Desk()
    if isinstance(payload, bytes):
        desk.accept(topic_of(device), payload)
    else:
        desk.send(device, **payload)
    (letter,) = desk.letters()
    assert not [r for r in desk.readings() if r.indicator.endswith("_told")]
    return letter.reason.value, letter.detail


def _street(device: str) -> str:
    return baoan().area_of(baoan().devices[device]).admin


STREETS = {street.code for street in baoan().streets if not street.special}


@pytest.mark.parametrize("code", ["440306", "440306000000", "440300", "440000"])
def test_a_warning_of_the_district_or_of_what_is_above_it_is_told_in_every_street(code: str) -> None:
    assert warned(cap(geocodes=(code,))) == dict.fromkeys(STREETS, 3.0)


@pytest.mark.parametrize("code", [HANGCHENG, f"{HANGCHENG}000"])
def test_a_warning_of_a_street_is_told_there_alone(code: str) -> None:
    assert warned(cap(geocodes=(code,))) == {HANGCHENG: 3.0}


def test_a_warning_of_another_district_is_told_nowhere_and_is_no_mistake() -> None:
    assert warned(cap(geocodes=("440305", "440100"))) == {}


def test_a_monitoring_area_where_a_point_stands_may_be_named() -> None:
    point = next(d for d in baoan().devices.values() if d.type == "signal-point" and _street(d.id) == HANGCHENG)
    assert warned(cap(geocodes=(baoan().area_of(point).id,))) == {HANGCHENG: 3.0}


@pytest.mark.parametrize("code", ["440306999", "BA-R01-99", "BA-R15-01", "440306019001", ""])
def test_a_place_of_ours_that_no_point_stands_for_is_refused_and_not_widened(code: str) -> None:
    reason, detail = refused(WEATHER, cap(geocodes=(code,)))
    assert reason in ("signal", "schema") and ("point" in detail or "place" in detail)


@pytest.mark.parametrize(
    ("level", "value"),
    [
        ("<parameter><valueName>color</valueName><value>红色</value></parameter><severity>Severe</severity>", 4.0),
        ("<severity>Orange</severity>", 3.0),
        ("<severity>Moderate</severity>", 2.0),
    ],
)
def test_the_native_colour_goes_before_the_severity(level: str, value: float) -> None:
    assert set(warned(cap(level=level)).values()) == {value}


def test_rain_has_three_colours_and_typhoon_five() -> None:
    def typhoon(colour: str) -> dict[str, float]:
        level = f"<parameter><valueName>颜色</valueName><value>{colour}</value></parameter>"
        return warned(cap("<eventType>11B01</eventType>", level), "typhoon_warning_told")

    values = [set(typhoon(colour).values()) for colour in ("白色", "蓝色", "黄色", "橙色", "红色")]
    assert values == [{0.5}, {1.0}, {2.0}, {3.0}, {4.0}]
    for blue in ("<severity>Minor</severity>", "<severity>Blue</severity>"):
        reason, detail = refused(WEATHER, cap(level=blue))
        assert reason == "signal" and "signals.yaml, weather-source, rain_warning has 黄色, 橙色, 红色" in detail


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (cap("<event>沙尘暴</event>"), "no event '沙尘暴'"),
        (cap(sender="44190041600000"), "none of its senders"),
        (cap(level=""), "no level None"),
    ],
)
def test_what_the_table_does_not_know_is_refused_and_names_the_table(payload: bytes, says: str) -> None:
    reason, detail = refused(WEATHER, payload)
    assert reason == "signal" and "signals.yaml" in detail and says in detail


@pytest.mark.parametrize(
    "payload",
    [
        b"<alert><identifier>",
        b'<!DOCTYPE alert [<!ENTITY a "aaaa">]><alert>&a;</alert>',
        b'<!DOCTYPE alert SYSTEM "file:///etc/passwd"><alert/>',
        '<?xml version="1.0" encoding="GBK"?><alert>暴雨</alert>'.encode("gbk"),
        b"<alert>\xff\xfe</alert>",
    ],
)
def test_xml_that_is_cut_off_hostile_or_in_an_encoding_of_its_own_is_refused_as_such(payload: bytes) -> None:
    assert refused(WEATHER, payload)[0] == "not-xml"


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"<html/>", "not <html>"),
        (b"<alert><msgType>Ack</msgType></alert>", "msgType 'Ack'"),
        (cap(sent=""), "sent '' is no time"),
        (cap(sent="2025-05-06T13:30:00"), "no offset"),
        (cap(references="A1"), "is not sender,identifier,sent"),
        (cap(geocodes=()), "no places"),
        (cap(event=""), "no hazard"),
        (b"<alert><msgType>Cancel</msgType></alert>", "said even by a Cancel"),
    ],
)
def test_a_cap_message_that_lacks_what_it_needs_is_refused_with_what_it_lacks(payload: bytes, says: str) -> None:
    reason, detail = refused(WEATHER, payload)
    assert reason == "schema" and says in detail


def test_a_message_that_is_too_large_is_never_parsed() -> None:
    assert refused(WEATHER, b"<alert>" + b" " * LARGEST_BYTES + b"</alert>")[0] == "oversize"


def test_of_several_info_blocks_one_that_is_wrong_is_refused_alone() -> None:
    desk = Desk()
    wrong = b"<info><event>\xe5\x86\xb0\xe9\x9b\xb9</event></info>"
    desk.accept(topic_of(WEATHER), cap().replace(b"</alert>", wrong + b"</alert>"))
    assert [letter.reason.value for letter in desk.letters()] == ["signal"]
    assert len([r for r in desk.readings() if r.indicator == "rain_warning_told"]) == len(STREETS)


@pytest.mark.parametrize("status", ["Exercise", "Test", "System", "Draft"])
def test_what_is_not_actual_is_only_a_sign_that_the_source_lives(status: str) -> None:
    desk = Desk()
    desk.accept(topic_of(WEATHER), cap(status=status))
    assert {(r.device, r.indicator) for r in desk.readings() if r.value} == {(WEATHER, "beat")}


def test_a_signal_says_how_long_it_stands_and_is_of_when_it_was_issued() -> None:
    desk = Desk()
    desk.accept(topic_of(WEATHER), cap(level="<severity>Extreme</severity>").replace(
        b"<area>", b"<expires>2025-05-06T14:30:00+08:00</expires><area>"))  # fmt: skip
    told = [r for r in desk.readings() if _is_told(r.device)]
    assert {(r.indicator, r.value) for r in told} == {("rain_warning_told", 4.0), ("rain_warning_valid", 3600.0)}
    assert {r.ms for r in told} == {ms(SENT)}
    assert len({r.seq for r in told}) == 1


def _is_told(device: str) -> bool:
    return baoan().devices[device].type == "signal-point"


def test_a_warning_passed_on_late_is_no_fault_of_a_clock_and_one_from_the_future_is() -> None:
    for sent, wrong in (("2025-05-06T09:00:00+08:00", False), ("2025-05-06T14:00:00+08:00", True)):
        desk = Desk()
        desk.accept(topic_of(WEATHER), cap(sent=sent))
        readings = desk.readings()
        assert bool([r for r in readings if r.indicator == "clock_error" and r.value]) == wrong
        beat = next(r for r in readings if r.indicator == "beat")
        assert beat.ms == NOW_MS, "a source that passes on old warnings lives"
        suspect = {Flag.SUSPECT_CLOCK in r.flags for r in readings if r.indicator == "rain_warning_told"}
        assert suspect == {wrong}


def test_bulletins_and_alerts_of_other_platforms_come_as_json() -> None:
    desk = Desk()
    desk.send(WATERS, hazard="洪水", level="橙色", places=[HANGCHENG])
    desk.send(PLATFORM, hazard="水浸", level="重大", places=[HANGCHENG])
    told = {(_street(r.device), r.indicator): r.value for r in desk.readings() if r.indicator.endswith("_told")}
    assert told == {(HANGCHENG, "river_bulletin_told"): 3.0, (HANGCHENG, "flood_alert_told"): 3.0}


def test_a_source_without_a_row_in_the_table_is_refused() -> None:
    desk = Desk()
    point = next(d.id for d in baoan().devices.values() if _is_told(d.id))
    desk.send(point, hazard="洪水", level="橙色", places=[HANGCHENG])
    assert [letter.reason.value for letter in desk.letters()] == ["signal"]


HERE = {"lat": baoan().sites[baoan().devices[GAUGE].site].lat, "lon": baoan().sites[baoan().devices[GAUGE].site].lon}


def test_a_report_is_told_at_the_devices_near_it_and_its_place_and_reporter_nowhere() -> None:
    desk = Desk()
    desk.send(CITIZENS, category="积水", **HERE)
    told = [r for r in desk.readings() if r.indicator == "citizen_water"]
    assert GAUGE in {r.device for r in told}
    sites = {baoan().devices[r.device].site for r in told}
    assert all(abs(baoan().sites[site].lat - HERE["lat"]) < 0.003 for site in sites)


def test_reports_of_one_place_within_ten_minutes_are_one_reading() -> None:
    desk = Desk()
    for second in range(0, 60, 10):
        desk.send(CITIZENS, category="内涝", ts=NOW_MS + second * 100, seq=second, **HERE)
    told = {r for r in desk.readings() if r.indicator == "citizen_water" and r.device == GAUGE}
    assert len(told) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"category": "积水", **HERE, "phone": "13800000000"}, "personal-data"),
        ({"category": "积水", **HERE, "reporter": {"openid": "x"}}, "personal-data"),
        ({"category": "积水"}, "schema"),
        ({"category": "积水", "lat": 123.0, "lon": 22.0}, "schema"),
        ({"category": "噪音", **HERE}, "signal"),
    ],
)
def test_a_report_with_a_person_without_a_place_or_of_no_known_category_is_refused(
    fields: dict[str, Any], reason: str
) -> None:
    desk = Desk()
    desk.send(CITIZENS, **fields)
    (letter,) = desk.letters()
    assert letter.reason.value == reason
    assert b"13800000000" not in letter.payload
    assert not [r for r in desk.readings() if r.indicator.startswith("citizen")]


def test_free_text_of_a_report_is_dropped() -> None:
    desk = Desk()
    desk.send(CITIZENS, category="积水", description="水到膝盖了", **HERE)
    assert desk.letters() == []


def test_a_refused_warning_is_kept_whole_without_its_contact_and_files() -> None:
    secret = b"<contact>Wang 13800000000</contact><derefUri>QUJD</derefUri>"
    payload = cap(event="<event>?</event>").replace(b"</info>", secret + b"x" * 5000 + b"</info>")
    kept = keepable(payload)
    assert b"13800000000" not in kept and b"QUJD" not in kept
    assert kept.endswith(b"</info></alert>") and b"<contact>removed" in kept
