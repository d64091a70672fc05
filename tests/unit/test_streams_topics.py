"""Making the log's topics, with a broker that knows of a new topic a moment later than it made it."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from city.errors import SettingError, Unavailable
from streams import topics


class Broker:
    """Answers as AIOKafkaAdminClient does. answers: error codes of the first descriptions of the log; then it is known,
    with four partitions."""

    def __init__(self, *answers: int) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, **_: Any) -> "Broker":
        return self

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def list_topics(self) -> list[str]:
        return []

    async def create_topics(self, _: Any) -> None: ...

    async def describe_topics(self, _: Any) -> list[dict[str, Any]]:
        self.asked += 1
        error = self.answers.pop(0) if self.answers else 0
        return [{"error_code": error, "partitions": [] if error else [{}] * 4}]

    async def describe_cluster(self) -> dict[str, str]:
        return {"cluster_id": "a-log"}


def made(broker: Broker, shards: int, patch: pytest.MonkeyPatch) -> str:
    patch.setattr(topics, "AIOKafkaAdminClient", broker)
    patch.setattr(topics, "ASK_AGAIN_S", 0.0)
    return asyncio.run(topics.ensure_topics("broker:9092", shards))


def test_a_topic_that_the_broker_does_not_know_yet_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(UnknownTopicOrPartitionError.errno, UnknownTopicOrPartitionError.errno)
    assert made(broker, 4, monkeypatch) == "a-log"
    assert broker.asked == 3


def test_a_broker_that_refuses_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker(TopicAuthorizationFailedError.errno)
    with pytest.raises(Unavailable, match="TopicAuthorizationFailed"):
        made(broker, 4, monkeypatch)
    assert broker.asked == 1


def test_a_log_of_another_number_of_shards_is_no_log_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="has 4 shards, not 8"):
        made(Broker(), 8, monkeypatch)
