"""The log's topics, made before anybody reads them: a Faust worker ignores a topic that is not there at its start."""

from contextlib import suppress

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_fixed

from city.errors import SettingError, Unavailable
from city.log import ALERTS, DEAD_LETTERS, METRICS, READINGS

ASK_AGAIN_S, KNOWN_WITHIN_S = 0.1, 10.0


def topics_of(shards: int) -> dict[str, int]:
    """The topics of a log of so many shards, and how many partitions each has."""
    return {READINGS: shards, ALERTS: shards, DEAD_LETTERS: 1, METRICS: 1}


async def topics_in(kafka: str) -> dict[str, int]:
    """The topics of ours that are there, and how many partitions each has. Raises Unavailable."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=int(KNOWN_WITHIN_S * 1000))
    try:
        await admin.start()
        there = sorted(topics_of(1).keys() & set(await admin.list_topics()))
        described = await admin.describe_topics(there) if there else []
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka}", str(error)) from error
    finally:
        await admin.close()
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def ensure_topics(kafka: str, shards: int, replicas: int = 1) -> str:
    """Create what is missing. Returns the log's id: it changes when the log is a new one.

    `readings` has a partition a shard. Raises Unavailable; or SettingError when the log has another number of shards.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    try:
        await admin.start()
        await _create_missing(admin, topics_of(shards), replicas)
        partitions = await _partitions(admin)
        cluster = await admin.describe_cluster()
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka}", str(error)) from error
    finally:
        await admin.close()
    if partitions != shards:
        raise SettingError(
            "kafka.shards",
            f"the log has {partitions} shards, not {shards}",
            "a zone must stay on its shard: set what the log has, or begin a new log",
        )
    return str(cluster["cluster_id"])


async def _partitions(admin: AIOKafkaAdminClient) -> int:
    """How many partitions the log has. A broker may not know yet what it was just told to make: it is asked again."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception(lambda error: bool(getattr(error, "retriable", False))),
        wait=wait_fixed(ASK_AGAIN_S),
        stop=stop_after_delay(KNOWN_WITHIN_S),
        reraise=True,
    ):
        with attempt:
            (described,) = await admin.describe_topics([READINGS])
            if described["error_code"]:
                raise for_code(described["error_code"])(f"topic {READINGS}")
    return len(described["partitions"])


async def _create_missing(admin: AIOKafkaAdminClient, wanted: dict[str, int], replicas: int) -> None:
    """Create the topics that are not there. wanted: topic -> partitions."""
    there = set(await admin.list_topics())
    missing = [NewTopic(name, partitions, replicas) for name, partitions in wanted.items() if name not in there]
    if missing:
        with suppress(TopicAlreadyExistsError):  # another process was faster
            await admin.create_topics(missing)
