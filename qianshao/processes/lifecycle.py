"""What all processes do: become ready, stop on SIGTERM, drain."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger()

READY_EVERY_S = 0.05


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
