"""What all processes do: wait for what they depend on, become ready, stop on SIGTERM, drain."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import structlog

from city.errors import Unavailable

log = structlog.get_logger()

READY_EVERY_S = 0.05
ASK_EVERY_S = 1.0
T = TypeVar("T")


async def answer(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer of something we depend on, for which we wait as long as it takes. Says once that we do."""
    waiting_for = ""
    while True:
        try:
            given = await ask()
        except Unavailable as away:
            if away.dependency != waiting_for:
                waiting_for = away.dependency
                log.error(f"{waiting_for} does not answer, waiting", detail=away.detail)
            await asyncio.sleep(ASK_EVERY_S * random.uniform(0.5, 1.0))
        else:
            if waiting_for:
                log.info(f"{waiting_for} answers")
            return given


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def until_stopped(stop: asyncio.Event, *work: Coroutine[Any, Any, None]) -> None:
    """Run work until `stop`, then cancel it and wait for it to drain. Work that ends or fails stops the rest; raises
    what it raised."""
    working = [asyncio.create_task(part) for part in work]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([*working, stopping], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for task in (*working, stopping):
        task.cancel()
    for task in working:
        with suppress(asyncio.CancelledError):
            await task


async def say_ready(ready_file: Path | None, ready: Callable[[], bool]) -> None:
    """Write the ready file once this process does its work, for who started it; then wait to be cancelled."""
    while not ready():
        await asyncio.sleep(READY_EVERY_S)
    if ready_file is not None:
        ready_file.touch()
    log.info("ready")
    await asyncio.Event().wait()
