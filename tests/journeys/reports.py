"""What processes have reported of themselves into a log."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from city.log import METRICS
from city.reports import Report, decode_report


async def read_reports(kafka: str) -> list[Report]:
    """All that there are, in the order in which they were written."""
    partition = TopicPartition(METRICS, 0)
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
        consumer.assign([partition])
        await consumer.seek_to_beginning()
        end, found = (await consumer.end_offsets([partition]))[partition], []
        while await consumer.position(partition) < end:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [decode_report(record.value) for record in records]
    return found
