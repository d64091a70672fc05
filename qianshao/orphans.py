"""Children that do not outlive their parent, also when it is killed outright."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def with_parent(number: signal.Signals, nice: int = 0) -> Callable[[], None] | None:
    """For Popen's preexec_fn: have the kernel send a signal when the parent dies, and run at a lower priority. Linux
    only; elsewhere nothing."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number))
        os.nice(nice)

    return prepare
