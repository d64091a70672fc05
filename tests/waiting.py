"""Waiting for what will happen, instead of sleeping and hoping that it has."""

import time
from collections.abc import Callable

LOOK_EVERY_S = 0.02
PATIENCE_S = 60.0


def until(happened: Callable[[], object], seconds: float = PATIENCE_S, what: str | Callable[[], str] = "") -> None:
    """Look again and again until it has happened. `seconds`: only so that a run that went wrong ends; a test that is
    right does not depend on it. `what`: for the message then, or who tells it then."""
    deadline_s = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline_s:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds:.0f} s: {told or happened.__name__}")
        time.sleep(LOOK_EVERY_S)
