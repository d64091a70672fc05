"""The ingest process between a real Mosquitto and a log: what devices must not send raises no alarm and is kept, a
session goes on after a restart, and two processes share the city."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from city.clock import wall_ms
from city.readings import Flag, Tick
from city.transitions import Nature
from ingest.dead_letters import Reason
from ingest.intake import LARGEST_BYTES
from qianshao.processes.ingest import retire
from qianshao.settings import IngestSettings, KafkaSettings, MqttSettings
from qianshao.supervisor import Child
from rules.engine.sight import Sight, observe
from streams.topics import ensure_topics
from tests.journeys.district import SHARDS, settings_of
from tests.journeys.record import Record, read_log
from tests.servers.process import Server
from tests.unit.test_ingest_desk import CITIZENS, WEATHER, baoan, feed_of, message, topic_of
from tests.waiting import until

pytestmark = pytest.mark.servers

WAIT_S = 60
BROKEN, KEPT_BY_BROKER, REPEATING, EARLY, SOUND, OTHER = (f"BA-WL-000{n}" for n in range(1, 7))
FLOOD_CM = 50
"""Said twice, two seconds apart, this is red."""
PHONE = "13800000000"
HOUR_MS = 3_600_000
SEEN = baoan().sites[baoan().devices[SOUND].site]
KINDS = [(1, "up"), (2, "hb"), (3, "evt")]


def flooded(gauge: str, seq: int, at_ms: int, **more: Any) -> bytes:
    return json.dumps(message(gauge, seq, at_ms, **{"depth_cm": FLOOD_CM, **more})).encode()


def warning(at_ms: int, severity: str, kind: str = "Alert") -> bytes:
    """A rain warning of the district in CAP."""
    issued = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
    return (
        f"<alert><sender>44030041600000</sender><sent>{issued}</sent><status>Actual</status><msgType>{kind}</msgType>"
        f"<info><event>11B03</event><severity>{severity}</severity>"
        "<area><geocode><value>440306</value></geocode></area></info></alert>"
    ).encode()


def no_messages(at_ms: int) -> dict[Reason, list[tuple[str, bytes]]]:
    """Topic and payload of what is refused, by the reason; where it can, it speaks of a flood, twice."""
    own, stranger = topic_of(BROKEN), topic_of(BROKEN).replace(BROKEN, "BA-WL-9999")
    twice = [(1, at_ms), (2, at_ms + 2_000)]
    return {
        Reason.NOT_JSON: [(own, b'{"depth_cm": 50'), (own, b"\xff\xfe\x00")],
        Reason.SCHEMA: [(own, flooded(BROKEN, seq, ms, report="today")) for seq, ms in twice],
        Reason.OVERSIZE: [(own, flooded(BROKEN, seq, ms, site_id="x" * LARGEST_BYTES)) for seq, ms in twice],
        Reason.UNKNOWN_DEVICE: [(stranger, flooded(BROKEN, seq, ms).replace(b"0001", b"9999")) for seq, ms in twice],
        Reason.WRONG_DEVICE: [(own, flooded(OTHER, seq, ms)) for seq, ms in twice],
        Reason.TOPIC: [(own.replace("waterlogging", "video-coverage"), flooded(BROKEN, *said)) for said in twice],
        Reason.PERSONAL_DATA: [(own, flooded(BROKEN, seq, ms, phone=PHONE)) for seq, ms in twice],
        Reason.RANGE: [(own, flooded(BROKEN, seq, ms, depth_cm=99_999)) for seq, ms in twice],
        Reason.UNIT: [(own, flooded(BROKEN, seq, ms, depth_cm=10 * FLOOD_CM - 100)) for seq, ms in twice],
        Reason.NOT_XML: [(topic_of(WEATHER), b'<!DOCTYPE a [<!ENTITY a "a">]><alert>&a;</alert>')] * 2,
        Reason.SIGNAL: [(topic_of(WEATHER), warning(at_ms, "Minor"))] * 2,
        Reason.CLOCK: [(own, flooded(BROKEN, seq, 1_000_000_000_000 + ms - at_ms)) for seq, ms in twice],
    }


@dataclass
class Ingests:
    """Ingest processes between a broker and a log, by name. `v5`: which MQTT they, and the devices, speak."""

    broker: Server
    kafka: str
    folder: Path
    v5: bool = True
    children: dict[str, Child] = field(default_factory=dict)

    def start(self, name: str = "ingest-1", filters: tuple[str, ...] = ("citysafety/#",)) -> Child:
        """Start one and wait until its session stands."""
        folder = self.folder / name
        folder.mkdir()
        settings = settings_of(
            folder,
            baoan(),
            mqtt=MqttSettings(host=self.broker.host, port=self.broker.port, version="5" if self.v5 else "3.1.1"),
            kafka=KafkaSettings(servers=self.kafka, shards=SHARDS),
            ingest=IngestSettings(name=name, filters=filters),
        )
        child = self.children[name] = Child("ingest", settings, folder)
        self.start_again(name)
        return child

    def start_again(self, name: str) -> None:
        child = self.children[name]
        child.start()
        until(lambda: child.ready, WAIT_S, lambda: f"{name} works\n{self.log_of(name)}")

    def publish(self, *messages: tuple[str, bytes], retain: bool = False) -> None:
        """As devices do, with QoS 1; until the broker has acknowledged each."""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5 if self.v5 else paho.MQTTv311)
        client.connect(self.broker.host, self.broker.port)
        client.loop_start()
        for topic, payload in messages:
            client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(WAIT_S)
        client.disconnect()
        client.loop_stop()

    def read(self) -> Record:
        return read_log(self.kafka)

    def wait_for(self, seq: int, *devices: str) -> None:
        """Until a message of each device is in the log; what the same process was sent before then is, too."""
        due = {(baoan().devices[device].number, seq) for device in devices}
        until(lambda: due <= {reading[:2] for reading in self.read().readings}, WAIT_S, f"message {seq} of {devices}")

    def log_of(self, name: str) -> str:
        return self.children[name].log_file.read_text(errors="replace")


@pytest.fixture
def ingests(mosquitto_server: Server, tansu: Server, tmp_path: Path) -> Iterator[Ingests]:
    asyncio.run(ensure_topics(tansu.address, SHARDS))
    company = Ingests(mosquitto_server, tansu.address, tmp_path)
    yield company
    for child in company.children.values():
        child.kill()


versions = pytest.mark.parametrize("v5", [True, False], ids=["MQTT 5", "MQTT 3.1.1"])


@versions
def test_what_devices_must_not_send_becomes_a_letter_or_a_count_with_its_reason_and_never_an_alert(
    ingests: Ingests, v5: bool
) -> None:
    ingests.v5, kept_ms = v5, int(wall_ms())
    kept = [
        (topic_of(KEPT_BY_BROKER, kind), flooded(KEPT_BY_BROKER, seq, kept_ms + 2_000 * seq)) for seq, kind in KINDS
    ]
    ingests.publish(*kept, retain=True)
    ingests.start()
    now_ms = int(wall_ms())
    refused = no_messages(now_ms)
    ingests.publish(*(said for twice in refused.values() for said in twice))
    ingests.publish(*[(topic_of(REPEATING), flooded(REPEATING, 1, now_ms))] * 3)
    ingests.publish((topic_of(EARLY), flooded(EARLY, 1, now_ms + HOUR_MS)))
    ingests.publish(*((topic_of(SOUND), flooded(SOUND, seq, now_ms + 2_000 * seq)) for seq in range(1, 4)))
    ingests.wait_for(3, SOUND)
    record, took_s = ingests.read(), (wall_ms() - now_ms) / 1000
    assert Counter(letter.reason for letter in record.letters) == dict.fromkeys(refused, 2)
    assert not [letter for letter in record.letters if PHONE.encode() in letter.payload]
    depths = {device: told(record, device, "water_depth") for device in (KEPT_BY_BROKER, REPEATING, EARLY)}
    assert {flags for _, flags in depths[KEPT_BY_BROKER]} == {Flag.RETAINED}
    assert [flags for _, flags in depths[EARLY]] == [Flag.SUSPECT_CLOCK]
    ((ahead_s, _),) = told(record, EARLY, "clock_error")
    assert HOUR_MS / 1000 - took_s <= ahead_s <= HOUR_MS / 1000
    judgement = record.judgement(baoan())
    assert judgement.outcomes["retained"] >= len(kept)
    assert judgement.outcomes["duplicate_or_late"] >= 2
    assert {t.subject for t in judgement.transitions if t.nature is Nature.HAZARD} == {SOUND}


def test_a_weather_warning_in_cap_reaches_the_log_of_every_street_with_the_cancel_that_came_before_it(
    ingests: Ingests,
) -> None:
    ingests.start()
    now_ms = int(wall_ms()) // 1000 * 1000
    alert, cancel = warning(now_ms - 2 * HOUR_MS, "Extreme"), warning(now_ms, "Extreme", "Cancel")
    ingests.publish(*((topic_of(WEATHER), payload) for payload in (cancel, alert, alert)))
    place = {"lat": SEEN.lat, "lon": SEEN.lon}
    ingests.publish((topic_of(CITIZENS), json.dumps(message(CITIZENS, 1, now_ms, category="积水", **place)).encode()))
    ingests.publish((topic_of(SOUND), flooded(SOUND, 1, now_ms)))
    ingests.wait_for(1, SOUND, CITIZENS)
    record = ingests.read()
    assert record.letters == []
    points = [d.id for d in baoan().devices.values() if d.gateway == WEATHER and d.id != WEATHER]
    assert len(points) == len([street for street in baoan().streets if not street.special])
    for point in points:
        assert sorted(told(record, point, "rain_warning_told")) == [(0.0, Flag(0)), (4.0, Flag(0)), (4.0, Flag(0))]
    assert (1.0, Flag(0)) in told(record, SOUND, "citizen_water")


@versions
def test_a_session_goes_on_after_a_restart_with_what_was_published_meanwhile(ingests: Ingests, v5: bool) -> None:
    ingests.v5, now_ms = v5, int(wall_ms())
    ingest = ingests.start()
    ingests.publish((topic_of(SOUND), flooded(SOUND, 1, now_ms)))
    ingests.wait_for(1, SOUND)
    ingest.stop()
    ingests.publish(*((topic_of(SOUND), flooded(SOUND, seq, now_ms + seq)) for seq in (2, 3)))
    ingests.start_again("ingest-1")
    ingests.wait_for(3, SOUND)
    assert seqs_read(ingests.read(), SOUND) == [1, 2, 3]


def test_three_processes_share_the_feeds_by_their_filters_and_nothing_is_read_twice(ingests: Ingests) -> None:
    shares = {"water": ["waterlogging", "underpass-flooding"], "people": ["community-checkpoint", "video-coverage"]}
    taken = [slug for slugs in shares.values() for slug in slugs]
    shares["stations"] = [c.slug for c in baoan().catalogue.classes if c.slug not in taken]
    for name, slugs in shares.items():
        ingests.start(name, tuple(f"citysafety/+/+/{slug}/#" for slug in slugs))
    now_ms = int(wall_ms())
    senders = [device for device in baoan().devices if feed_of(device) not in ("gateway", "signal", "report")]
    ingests.publish(*((topic_of(device), json.dumps(message(device, 1, now_ms)).encode()) for device in senders))
    ingests.wait_for(1, *senders)
    record = ingests.read()
    assert {device: seqs_read(record, device) for device in senders} == {device: [1] for device in senders}
    assert {tick.ingest for shard in record.said for tick in shard if isinstance(tick, Tick)} == set(shares)
    assert record.letters == []


def test_an_ingest_that_is_retired_is_not_waited_for_any_more(ingests: Ingests) -> None:
    old = ingests.start("old")
    until(lambda: waited_for(ingests.read()) == [{"old"}] * SHARDS, WAIT_S, "the old one has said that it is there")
    old.stop()
    ingests.start("new")
    until(lambda: waited_for(ingests.read()) == [{"old", "new"}] * SHARDS, WAIT_S, "the old one is waited for")
    retire(settings_of(ingests.folder, baoan(), kafka=KafkaSettings(servers=ingests.kafka, shards=SHARDS)), "old")
    assert waited_for(ingests.read()) == [{"new"}] * SHARDS


def waited_for(record: Record) -> list[set[str]]:
    """Ingest processes that each shard waits for, as its log leaves it."""
    shards = [Sight() for _ in record.said]
    for sight, said in zip(shards, record.said, strict=True):
        for tick in said:
            assert isinstance(tick, Tick)
            observe(sight, tick)
    return [set(sight.ingests) for sight in shards]


def told(record: Record, device: str, indicator: str) -> list[tuple[float, Flag]]:
    """Values and flags of a device's readings of an indicator."""
    numbers = {i.id: i.number for i in baoan().catalogue.indicators if i.risk_class in ("waterlogging", "common")}
    return [
        (value, Flag(flags))
        for batch in record.batches
        for number, name, _, value, _, flags in zip(*(column.tolist() for column in batch.columns), strict=True)
        if (number, name) == (baoan().devices[device].number, numbers[indicator])
    ]


def seqs_read(record: Record, device: str) -> list[int]:
    """Of each message of a device that is in the log, as often as it is."""
    number = baoan().devices[device].number
    first = {(n, seq): indicator for n, seq, indicator in reversed(record.readings)}
    return [seq for n, seq, indicator in record.readings if n == number and first[n, seq] == indicator]
