"""The series made again, from what the log and the store still have: after a lost InfluxDB, or a new one."""

from collections.abc import Iterator

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from city.errors import Unavailable
from city.log import ALERTS, DEAD_LETTERS, METRICS, READINGS
from streams.app import FETCH_BYTES, POLL_RECORDS, Record
from streams.poison import UNREADABLE
from streams.series.influx import Influx
from streams.series.log_lines import LogLines
from streams.series.sampler import Sampler


async def rewrite_log(kafka: str, influx: Influx, lines: LogLines) -> dict[str, int]:
    """Write all that the log has now. Counts of `records`, `points`, `refused` and `unreadable`. Raises Unavailable."""
    counts = dict.fromkeys(("records", "points", "refused", "unreadable"), 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, auto_offset_reset="earliest", max_partition_fetch_bytes=FETCH_BYTES
    )
    try:
        await consumer.start()
        ends = await _ends(consumer)
        consumer.assign([partition for partition, end in ends.items() if end])
        while await _behind(consumer, ends):
            found = await consumer.getmany(timeout_ms=1000, max_records=POLL_RECORDS)
            _write([record for records in found.values() for record in records], influx, lines, counts)
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka}", repr(error)) from error
    finally:
        await consumer.stop()
    return counts


def say_again(influx: Influx, sampler: Sampler) -> Iterator[int]:
    """Have the sampler say all that it has to; the log time it has come to, now and then. Raises Unavailable."""
    while lines := sampler.lines():
        influx.write(lines)
        yield sampler.at_ms or 0


async def _ends(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    await consumer._client.force_metadata_update()
    partitions = [
        TopicPartition(topic, number)
        for topic in (READINGS, ALERTS, DEAD_LETTERS, METRICS)
        for number in consumer.partitions_for_topic(topic) or ()
    ]
    found: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    return found


async def _behind(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    for partition in consumer.assignment():
        if await consumer.position(partition) < ends[partition]:
            return True
    return False


def _write(records: list[object], influx: Influx, lines: LogLines, counts: dict[str, int]) -> None:
    points: list[str] = []
    for found in records:
        counts["records"] += 1
        try:
            points += lines.of(Record.of(found))
        except UNREADABLE:
            counts["unreadable"] += 1
    counts["points"] += len(points)
    counts["refused"] += len(influx.write(points))
