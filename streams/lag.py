"""How far a consumer group is behind the log, by what it has committed."""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from city.errors import Unavailable
from streams.app import Partition


async def lag(kafka: str, group: str, partitions: list[Partition]) -> dict[Partition, int]:
    """Records of each partition that a group has not committed; all that there are, where it never has. Raises
    Unavailable."""
    admin, consumer = AIOKafkaAdminClient(bootstrap_servers=kafka), AIOKafkaConsumer(bootstrap_servers=kafka)
    topics = [TopicPartition(*partition) for partition in partitions]
    try:
        await admin.start()
        await consumer.start()
        committed = await admin.list_consumer_group_offsets(group, partitions=topics)
        starts, ends = await consumer.beginning_offsets(topics), await consumer.end_offsets(topics)
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka}", repr(error)) from error
    finally:
        await consumer.stop()
        await admin.close()
    done = {topic: max(committed[topic].offset, starts[topic]) for topic in topics}
    return {(topic.topic, topic.partition): max(0, ends[topic] - done[topic]) for topic in topics}
