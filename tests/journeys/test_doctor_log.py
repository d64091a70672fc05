"""What `qianshao doctor` says of the log: whether it is there, whole, and read."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from city.clock import wall_ms
from city.log import READINGS
from qianshao.doctor import log
from qianshao.doctor.findings import Outcome
from qianshao.settings import KafkaSettings, Settings
from streams.topics import ensure_topics
from tests.journeys.findings import only, said, settings_in
from tests.servers.process import Server

pytestmark = pytest.mark.servers

SHARDS = 2
MINUTE_MS = 60_000


@pytest.fixture
def on_kafka(private_kafka: Server, tmp_path: Path) -> Settings:
    asyncio.run(ensure_topics(private_kafka.address, SHARDS))
    return settings_in(tmp_path, kafka=KafkaSettings(servers=private_kafka.address, shards=SHARDS))


async def write(kafka: str, records: int, age_ms: float) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for _ in range(records):
            await producer.send_and_wait(READINGS, b"x", partition=0, timestamp_ms=int(wall_ms() - age_ms))


async def commit(kafka: str, group: str, offset: int) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)  # of its own place
    await consumer.start()
    consumer.assign([TopicPartition(READINGS, 0)])
    await consumer.commit({TopicPartition(READINGS, 0): offset})
    await consumer.stop()


def test_a_log_that_all_have_read_is_well(on_kafka: Settings) -> None:
    found = said(log.kafka, on_kafka)
    assert {finding.outcome for finding in found.values()} == {Outcome.OK}
    assert found["topics"].detail == f"alerts {SHARDS}, dead-letters 1, metrics 1, readings {SHARDS}"
    assert found["lag of detect"].detail == "0 records, the oldest has waited 0 s"
    assert "lag of series" not in found, "where no InfluxDB is named there is no series process"


def test_a_log_that_nobody_has_made_yet_is_no_failure(private_kafka: Server, tmp_path: Path) -> None:
    found = said(log.kafka, settings_in(tmp_path, kafka=KafkaSettings(servers=private_kafka.address)))
    assert found["topics"].outcome is Outcome.WARN
    assert "makes them" in found["topics"].remedy


def test_a_log_with_another_number_of_shards_is_named(on_kafka: Settings) -> None:
    other = on_kafka.model_copy(update={"kafka": on_kafka.kafka.model_copy(update={"shards": 8})})
    found = said(log.kafka, other)
    assert found["topic readings"].outcome is Outcome.FAIL
    assert found["topic readings"].detail == f"has {SHARDS} partitions, not 8"
    assert "kafka.shards" in found["topic readings"].remedy


def test_a_group_that_has_never_read_is_told_to_be_started(on_kafka: Settings) -> None:
    asyncio.run(write(on_kafka.kafka.servers, 3, age_ms=0))
    found = said(log.kafka, on_kafka)["lag of detect"]
    assert (found.outcome, found.remedy) == (Outcome.FAIL, "start detect")
    assert found.detail.startswith("3 records")


@pytest.mark.parametrize(
    ("age_ms", "outcome"), [(0, Outcome.OK), (2 * MINUTE_MS, Outcome.WARN), (10 * MINUTE_MS, Outcome.FAIL)]
)
def test_a_group_that_lags_is_as_bad_as_its_oldest_record_is_old(
    on_kafka: Settings, age_ms: float, outcome: Outcome
) -> None:
    asyncio.run(write(on_kafka.kafka.servers, 1, age_ms=60 * MINUTE_MS))
    asyncio.run(write(on_kafka.kafka.servers, 4, age_ms))
    asyncio.run(commit(on_kafka.kafka.servers, "detect", 1))
    found = said(log.kafka, on_kafka)["lag of detect"]
    assert (found.outcome, found.detail.partition(",")[0]) == (outcome, "4 records")


def test_a_kafka_that_was_stopped_does_not_answer(on_kafka: Settings, private_kafka: Server) -> None:
    private_kafka.stop()
    finding = only(said(log.kafka, on_kafka))
    assert finding.outcome is Outcome.FAIL and "does not answer" in finding.detail
