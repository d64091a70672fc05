"""How far a group is behind, while its coordinator has yet to find out."""

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import OffsetAndMetadata

from streams import lag

PLACES = [TopicPartition("readings", 0), TopicPartition("readings", 1)]


class Admin:
    """Answers one thing after the other, and the last for ever. None: that nobody coordinates the group."""

    def __init__(self, *answers: dict[TopicPartition, int] | None) -> None:
        self._answers = list(answers)

    async def list_consumer_group_offsets(self, group: str, partitions: list[TopicPartition]) -> dict[Any, Any]:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            raise GroupCoordinatorNotAvailableError
        return {place: OffsetAndMetadata(offset, "") for place, offset in answer.items()}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "ASK_AGAIN_S", 0.0)
    monkeypatch.setattr(lag, "ANSWER_WITHIN_S", 0.2)


async def test_a_group_that_nobody_coordinates_yet_is_asked_for_again() -> None:
    known = {PLACES[0]: 7, PLACES[1]: -1}
    assert await lag.committed(Admin(None, known), "detect", PLACES) == known


async def test_an_answer_without_places_is_not_taken_for_a_group_that_never_read() -> None:
    known = {PLACES[0]: 7, PLACES[1]: -1}
    assert await lag.committed(Admin({}, {}, known), "detect", PLACES) == known
    with pytest.raises(GroupCoordinatorNotAvailableError):
        await lag.committed(Admin({}), "detect", PLACES)
