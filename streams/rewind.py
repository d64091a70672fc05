"""The log read from its beginning again: after a database was restored, whose checkpoints are older than where Kafka
takes the workers to be."""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IllegalGenerationError, KafkaError, RebalanceInProgressError, UnknownMemberIdError

from city.errors import SettingError, Unavailable

SOMEBODY_IS_THERE = (UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError)


async def rewind(kafka: str, group: str) -> int:
    """Put a group, whose workers are stopped, back to the beginning of all that it has read. Returns of how many
    partitions. Raises Unavailable; or SettingError while a worker of the group runs."""
    try:
        read = await _read_by(kafka, group)
        if read:
            await _go_to_beginning(kafka, group, read)
    except SOMEBODY_IS_THERE as error:
        raise SettingError(group, "its workers run", "stop them first") from error
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka}", repr(error)) from error
    return len(read)


async def _read_by(kafka: str, group: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    try:
        await admin.start()
        return list(await admin.list_consumer_group_offsets(group))
    finally:
        await admin.close()


async def _go_to_beginning(kafka: str, group: str, partitions: list[TopicPartition]) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    try:
        await consumer.start()
        consumer.assign(partitions)
        await consumer.commit(await consumer.beginning_offsets(partitions))
    finally:
        await consumer.stop()
