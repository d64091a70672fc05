"""A watchdog ends a worker that does not move, and none that was not run."""

import asyncio
import os

import pytest
from aiokafka import TopicPartition

from city.log import READINGS
from streams.watchdog import LOOK_EVERY_S, STUCK_EXIT, Watchdog

PATIENCE_S = 30.0


class Log:
    """A log of whose partitions each has ten records."""

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 10)


class Watched:
    """A worker that has handled some records, and no more. `exits`: codes with which it was ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, handled: int) -> None:
        self.exits: list[int] = []
        self._now_s = 1000.0
        self._watchdog = Watchdog("", lambda: {(READINGS, 0): handled}, patience_s=PATIENCE_S)
        monkeypatch.setattr(os, "_exit", self.exits.append)
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self._now_s)

    async def after(self, seconds: float) -> None:
        self._now_s += seconds
        await self._watchdog._look(Log())  # type: ignore[arg-type]

    async def looked_at_for(self, seconds: float) -> None:
        for _ in range(int(seconds / LOOK_EVERY_S)):
            await self.after(LOOK_EVERY_S)


async def test_a_worker_that_does_not_move_while_records_wait_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Watched(monkeypatch, handled=3)
    await worker.looked_at_for(PATIENCE_S)
    assert worker.exits == []
    await worker.looked_at_for(2 * LOOK_EVERY_S)
    assert worker.exits[0] == STUCK_EXIT


async def test_a_worker_for_which_nothing_waits_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Watched(monkeypatch, handled=9)
    await worker.looked_at_for(3 * PATIENCE_S)
    assert worker.exits == []


async def test_a_process_that_was_stopped_for_long_is_not_ended_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = Watched(monkeypatch, handled=3)
    await worker.looked_at_for(PATIENCE_S / 2)
    await worker.after(2 * PATIENCE_S)
    await worker.looked_at_for(PATIENCE_S)
    assert worker.exits == []
    await worker.looked_at_for(2 * LOOK_EVERY_S)
    assert worker.exits[0] == STUCK_EXIT
