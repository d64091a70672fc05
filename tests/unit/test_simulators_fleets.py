"""Devices of all feeds behave as real ones do, and keep to the contract."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest

from city.city import City
from city.generate import FleetRequest, generate_fleet
from city.tables import read_city, shipped_pack
from ingest.contract import FEEDS, PERSONAL_FIELDS, Gateway
from ingest.intake import Intake
from qianshao.score import play_scenario
from qianshao.settings import Settings
from simulators.fleets.gauges import ROLLOVER_MM, SENSORS
from simulators.message import Emission
from simulators.scenario import Scenario, load_scenario
from simulators.world import CALM

HEAD = (
    "scenario: T\ntitle: 试\nsource: 合成\nseed: 5\nstart: 2024-06-01T10:00:00+08:00\nend: 2024-06-01T12:00:00+08:00\n"
)
WET = """
storm:
  rain: {hourly_mm: [0, 60]}
  ponding:
    waterlogging: {capacity_mm_h: [10, 20], ratio: [5, 10]}
    underpass-flooding: {capacity_mm_h: [10, 20], ratio: [5, 10]}
truth:
  water: {waterlogging: {levels: {blue: 10}}, underpass-flooding: {levels: {blue: 5}}}
"""


@cache
def baoan() -> City:
    return read_city(shipped_pack("baoan"))


def city_with(**counts: int) -> City:
    return generate_fleet(baoan(), FleetRequest(**counts), 1)


@pytest.fixture
def scenario(tmp_path: Path):
    def of(body: str = "", head: str = HEAD) -> Scenario:
        path = tmp_path / "T.yaml"
        path.write_text(head + body, encoding="utf-8")
        return load_scenario(path)

    return of


def by_device(emissions: Iterable[Emission]) -> dict[str, list[Emission]]:
    found: dict[str, list[Emission]] = defaultdict(list)
    for emission in emissions:
        found[emission.device].append(emission)
    return found


def body(emission: Emission) -> dict:
    return msgspec.json.decode(emission.payload)


def keys_of(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys_of(inner)}
    return {key for inner in value for key in keys_of(inner)} if isinstance(value, list) else set()


def test_every_message_keeps_to_the_contract_and_names_no_person(scenario):
    city = city_with(water_gauges=6, underpass_gauges=4, rain_gauges=4, sentries=4, cameras_class1=3, cameras_class2=3)
    feeds = {t.slug: t.feed for t in city.catalogue.device_types}
    for emission in scenario(WET).play(city):
        kind = FEEDS[feeds[city.devices[emission.device].type]]
        message = msgspec.json.decode(emission.payload, type=kind)
        assert (message.device_id, message.seq) == (emission.device, emission.seq)
        assert not keys_of(body(emission)) & PERSONAL_FIELDS


def test_a_fleet_with_addresses_is_taken_in_with_the_keepalives_of_its_platforms(scenario):
    city = city_with(cameras_class1=3, water_gauges=1, addresses=True)
    intake, heard = Intake(city, 4, "desk"), set()
    for emission in scenario().play(city):
        intake.accept(emission.topic.encode(), emission.payload, False, emission.at_ms)
        heard.add(emission.device)
    assert intake.letters == []
    assert "BA-PF-video-xinan" in heard == set(city.devices)


def test_topics_name_district_street_class_and_device(scenario):
    city = city_with(water_gauges=1, cameras_class2=1)
    topics = {emission.topic for emission in scenario().play(city)}
    assert "citysafety/440306/440306017/waterlogging/BA-WL-0001/up" in topics
    assert any(topic.endswith("gateway/BA-NVR-0001/hb") for topic in topics)
    assert any("/video-coverage/BA-VC-" in topic for topic in topics)


def test_messages_come_by_time_and_each_device_counts_them(scenario):
    city = city_with(water_gauges=3, sentries=3, cameras_class1=3)
    emissions = list(scenario().play(city))
    assert [e.at_ms for e in emissions] == sorted(e.at_ms for e in emissions)
    for device, sent in by_device(emissions).items():
        assert np.diff([e.seq for e in sent]).tolist() == [1] * (len(sent) - 1), device
        assert all(0 <= e.at_ms - e.event_ms <= 3000 for e in sent)


def test_a_dry_gauge_reports_at_its_interval_and_gauges_are_out_of_step(scenario):
    city = city_with(water_gauges=20)
    reports = {
        device: [e.event_ms for e in sent if e.topic.endswith("/up")]
        for device, sent in by_device(scenario().play(city)).items()
    }
    assert {step for times in reports.values() for step in np.diff(times).tolist()} == {300_000}
    assert len({times[0] % 300_000 for times in reports.values()}) == 20


def test_rain_makes_gauges_report_every_minute_and_in_an_underpass_every_15_s(scenario):
    city = city_with(water_gauges=10, underpass_gauges=8)
    play = scenario(WET)
    pouring = play.start_ms + 75 * 60_000
    for device, sent in by_device(play.play(city)).items():
        late = [e.event_ms for e in sent if e.topic.endswith("/up") and e.event_ms > pouring]
        assert set(np.diff(late).tolist()) == {15_000 if device.startswith("BA-UP") else 60_000}
        early = [
            body(e)["report"] for e in sent if e.event_ms < play.start_ms + 50 * 60_000 and e.topic.endswith("/up")
        ]
        assert early.count("added") <= len(early) // 4


def test_electrodes_show_whole_centimetres_and_depth_follows_raw_and_ref(scenario):
    city = city_with(water_gauges=20)
    seen = set()
    for emission in scenario(WET).play(city):
        message = body(emission)
        if "depth_cm" not in message:
            continue
        kind = city.devices[emission.device].type
        assert message["depth_cm"] == pytest.approx((message["raw_mm"] - message["ref_mm"]) / 10)
        assert message["depth_cm"] >= -1
        assert not SENSORS[kind].floors or message["depth_cm"] == int(message["depth_cm"])
        seen.add(kind)
    assert len(seen) == 3


def test_rain_totals_run_on_over_their_rollover_and_tips_sum_to_them(scenario):
    city = city_with(rain_gauges=60)
    play = scenario(WET)
    rollovers = 0
    for sent in by_device(play.play(city)).values():
        told = [body(e) for e in sent if e.topic.endswith("/up")]
        totals = [message["rain_acc_mm"] for message in told]
        assert max(totals) < ROLLOVER_MM
        rollovers += sum(step < 0 for step in np.diff(totals))
        steps = [step % ROLLOVER_MM for step in np.diff(totals)]
        assert steps == pytest.approx([message["rain_tip_mm"] for message in told[1:]], abs=1e-6)
    assert rollovers > 0


def test_gauges_of_a_site_measure_the_rain_that_fell_there(scenario):
    city = city_with(rain_gauges=10)
    play = scenario(WET)
    storm = play.storm(city)
    for device, sent in by_device(play.play(city)).items():
        told = sum(body(e).get("rain_tip_mm", 0.0) for e in sent)
        fallen = storm.rain_mm[storm.sites[city.devices[device].site]].sum()
        assert told == pytest.approx(fallen, rel=0.15, abs=1)


def test_a_sentry_tells_each_passage_and_a_minute_later_how_many_there_were(scenario):
    city = city_with(sentries=4)
    for sent in by_device(scenario("behaviour: {passages_per_min: 20}").play(city)).values():
        passed = denied = 0
        for message in map(body, sent):
            passed += message["kind"] == "pass"
            denied += message["kind"] == "deny"
            if message["kind"] == "stat":
                assert (message["pass_1m"], message["deny_1m"]) == (passed, denied)
                passed = denied = 0
        kinds = [body(e)["kind"] for e in sent]
        assert abs(kinds.count("hb") - kinds.count("stat")) <= 1
        assert kinds.count("pass") > 100


def test_cameras_beat_every_minute_and_their_nvr_lists_the_ones_it_does_not_hear(scenario):
    city = city_with(cameras_class1=8)
    flaps = "fault: flapping, from: 10m, off: [20m, 20m], on: [5m, 5m]"
    play = scenario(f"faults:\n- {{{flaps}, devices: {{types: [ipc-class1], count: 1}}}}")
    sent = by_device(play.play(city))
    flapping = next(device for device, own in sent.items() if max(np.diff([e.event_ms for e in own])) > 600_000)
    for device, own in sent.items():
        assert device == flapping or set(np.diff([e.event_ms for e in own]).tolist()) == {60_000}
    nvr = city.devices[flapping].gateway
    faulty = [e for e in sent[nvr] if "faulty_children" in body(e)]
    assert all(body(e)["faulty_children"] == [flapping] for e in faulty)
    dark_from = play.start_ms + 15 * 60_000
    assert dark_from + 180_000 <= faulty[0].event_ms <= dark_from + 240_000


def test_what_gateways_pass_on_is_what_the_devices_would_have_said(scenario):
    city = city_with(water_gauges=8, gauges_per_gateway=4, cameras_class2=10)
    alone = {(e.device, e.seq): body(e) for e in scenario(WET).play(city)}
    through = scenario("behaviour: {through_gateways: [waterlogging, video]}\n" + WET)
    passed_on = []
    for gateway, sent in by_device(through.play(city)).items():
        assert city.devices[gateway].type in ("gateway", "nvr")
        assert np.diff([e.seq for e in sent]).tolist() == [1] * (len(sent) - 1)
        for emission in sent:
            message = msgspec.json.decode(emission.payload, type=Gateway)
            assert message.seq == emission.seq
            entries = [msgspec.json.decode(entry) for entry in message.messages]
            waited_s = [emission.event_ms / 1000 - datetime.fromisoformat(entry["ts"]).timestamp() for entry in entries]
            assert all(0 < wait < 10 + 3 for wait in waited_s)
            passed_on += entries
    assert len(passed_on) > 1000
    assert all(alone[(message["device_id"], message["seq"])] == message for message in passed_on)
    gateways = {device.gateway for device in city.devices.values()}
    assert len(passed_on) >= sum(device not in gateways for device, _ in alone) - 40  # of the last ten seconds


def test_upstream_sources_beat_and_the_points_that_they_speak_to_say_nothing(scenario):
    city = generate_fleet(baoan(), FleetRequest(upstream=True), seed=1)
    intake = Intake(city, shards=2, ingest="desk")
    speaking = set()
    for emission in scenario().play(city):
        intake.accept(emission.topic.encode(), emission.payload, emission.retain, emission.at_ms)
        speaking.add(city.devices[emission.device].type)
    assert intake.letters == []
    assert speaking == {"weather-source", "water-source", "platform-source", "report-source"}


# Stations

STATIONS = {t.slug for t in baoan().catalogue.device_types if t.feed == "telemetry"}


@cache
def stations() -> City:
    """Three of every type of station, and a few gauges."""
    wanted = FleetRequest(water_gauges=4, rain_gauges=4, telemetry=dict.fromkeys(sorted(STATIONS), 3))
    return generate_fleet(baoan(), wanted, 1)


def values(emissions: Iterable[Emission], indicator: str) -> list[float]:
    return [v for e in emissions if (v := body(e).get("values", {}).get(indicator)) is not None]


def test_every_type_of_station_tells_just_what_it_measures_and_all_of_it_is_taken_in(scenario):
    city, types = stations(), {t.slug: set(t.measures or ()) for t in baoan().catalogue.device_types}
    intake, told = Intake(city, shards=1, ingest="test"), defaultdict(set)
    for emission in scenario().play(city):
        intake.accept(emission.topic.encode(), emission.payload, emission.retain, emission.at_ms)
        told[city.devices[emission.device].type] |= set(body(emission).get("values", ()))
    assert intake.letters == []
    assert {slug for slug, names in told.items() if names} == STATIONS
    catalogue = city.catalogue
    for slug in STATIONS:
        classes = {city.area_of(d).risk_class for d in city.devices.values() if d.type == slug}
        known = {i.id for risk_class in classes for i in catalogue.of_class(risk_class)}
        assert told[slug] == types[slug] & known, slug


def test_it_is_known_how_everything_that_stations_measure_behaves():
    measured = {m for t in baoan().catalogue.device_types if t.feed == "telemetry" for m in t.measures or ()}
    assert measured <= CALM.keys()


def test_a_calm_day_in_all_classes_is_told_by_nobody(scenario):
    day = scenario(head=HEAD.replace("T12:00", "T20:00"))
    play = play_scenario(Settings(), day, stations())
    assert [i.title for i in play.book.incidents.values()] == []


def test_rivers_rise_manholes_fill_and_pumps_run_in_a_storm(scenario):
    storm = WET.replace("truth:", "  rivers: {m_per_mm: [0.02, 0.03]}\ntruth:")
    by_type = defaultdict(list)
    for emission in scenario(storm).play(stations()):
        by_type[stations().devices[emission.device].type].append(emission)
    assert max(values(by_type["river-level"], "stage")) > max(values(by_type["river-level"][:3], "stage")) + 0.2
    headroom = values(by_type["manhole-level"], "manhole_headroom")
    assert headroom[0] > 170 and min(headroom) <= 0
    assert {0.0, 1.0} == set(values(by_type["pump-station"], "pump_running"))


def test_a_course_moves_what_it_names_at_once_and_nothing_else(scenario):
    ids = [d.id for d in stations().devices.values() if d.type == "anemometer"]
    course = f"courses:\n- {{indicator: wind_gust, devices: {{ids: [{ids[0]}]}}, by: {{60m: 0, 61m: 25}}}}\n"
    sent = by_device(scenario(course).play(stations()))
    before, after = values(sent[ids[0]][:55], "wind_gust"), values(sent[ids[0]][65:], "wind_gust")
    assert max(before) < 10 and min(after) > 25
    assert max(values(sent[ids[1]], "wind_gust")) < 10
    assert max(values(sent[ids[0]], "wind_speed")) < 10


def test_a_course_may_say_how_far_above_the_sites_mark_it_is(scenario):
    course = "courses:\n- {indicator: tide, over: tide_warning, to: {30m: 0.5}}\n"
    city = stations()
    for device, sent in by_device(scenario(course).play(city)).items():
        if city.devices[device].type == "tide-gauge":
            mark = city.sites[city.devices[device].site].reference_levels["tide_warning"]
            assert values(sent, "tide")[-1] == pytest.approx(mark + 0.5, abs=0.05)


def test_a_device_more_changes_nothing_for_the_others(scenario):
    few, more = city_with(water_gauges=10), city_with(water_gauges=10, cameras_class1=5)
    play = scenario()
    sent = by_device(play.play(more))
    for device, own in by_device(play.play(few)).items():
        assert sent[device] == own


def test_a_large_fleet_streams_from_its_first_moment(scenario):
    city = generate_fleet(baoan(), FleetRequest.of_size(5_000), 1)
    play = scenario(head=HEAD.replace("2024-06-01T12:00", "2024-07-01T12:00"))
    stream = play.play(city)
    first = [next(stream) for _ in range(10_000)]
    assert first[-1].at_ms - play.start_ms < 4 * 60_000
    assert len({e.device for e in first}) > 4_000
