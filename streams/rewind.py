"""The log read from its beginning again: after a database was restored, whose checkpoints are older than where Kafka
takes the workers to be."""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, KafkaError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from city.errors import SettingError, Unavailable
from streams.lag import committed

ASK_AGAIN_S = 1.0


async def rewind(kafka: str, group: str, patience_s: float) -> int:
    """Put a group, whose workers are stopped, back to the beginning of all that it has read. Returns of how many
    partitions. A worker that was killed counts for a while as one that runs: so long we try again. Raises Unavailable;
    or SettingError while a worker of the group runs."""
    try:
        read = await _read_by(kafka, group)
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(CommitFailedError),
            wait=wait_fixed(ASK_AGAIN_S),
            stop=stop_after_delay(patience_s),
            reraise=True,
        ):
            with attempt:
                await _go_to_beginning(kafka, group, read)
    except CommitFailedError as error:
        raise SettingError(group, "its workers run", "stop them first") from error
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka}", repr(error)) from error
    return len(read)


async def _read_by(kafka: str, group: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    try:
        await admin.start()
        topics = [topic for topic in await admin.describe_topics() if not topic["is_internal"]]
        places = [TopicPartition(topic["topic"], each["partition"]) for topic in topics for each in topic["partitions"]]
        return [place for place, offset in (await committed(admin, group, places)).items() if offset >= 0]
    finally:
        await admin.close()


async def _go_to_beginning(kafka: str, group: str, partitions: list[TopicPartition]) -> None:
    if not partitions:
        return
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    try:
        await consumer.start()
        consumer.assign(partitions)
        await consumer.commit(await consumer.beginning_offsets(partitions))
    finally:
        await consumer.stop()
