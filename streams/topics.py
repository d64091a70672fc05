"""The log's topics, made before anybody reads them: a Faust worker ignores a topic that is not there at its start."""

from contextlib import suppress

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from city.errors import SettingError, Unavailable
from city.log import ALERTS, DEAD_LETTERS, READINGS


async def ensure_topics(kafka: str, shards: int, replicas: int = 1) -> str:
    """Create what is missing. Returns the log's id: it changes when the log is a new one.

    `readings` has a partition a shard. Raises Unavailable; or SettingError when the log has another number of shards.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    try:
        await admin.start()
        await _create_missing(admin, {READINGS: shards, ALERTS: shards, DEAD_LETTERS: 1}, replicas)
        (described,) = await admin.describe_topics([READINGS])
        cluster = await admin.describe_cluster()
    except KafkaError as error:
        raise Unavailable(f"Kafka at {kafka}", str(error)) from error
    finally:
        await admin.close()
    if described["error_code"]:
        raise Unavailable(f"Kafka at {kafka}", f"topic {READINGS}: {for_code(described['error_code']).__name__}")
    if len(described["partitions"]) != shards:
        raise SettingError(
            "kafka.shards",
            f"the log has {len(described['partitions'])} shards, not {shards}",
            "a zone must stay on its shard: set what the log has, or begin a new log",
        )
    return str(cluster["cluster_id"])


async def _create_missing(admin: AIOKafkaAdminClient, wanted: dict[str, int], replicas: int) -> None:
    """Create the topics that are not there. wanted: topic -> partitions."""
    there = set(await admin.list_topics())
    missing = [NewTopic(name, partitions, replicas) for name, partitions in wanted.items() if name not in there]
    if missing:
        with suppress(TopicAlreadyExistsError):  # another process was faster
            await admin.create_topics(missing)
