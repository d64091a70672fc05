"""Where things are on this machine: the cache outside the tree, locks between callers, free ports."""

import fcntl
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
_WORKER, _WORKERS = (os.environ.get(f"PYTEST_XDIST_WORKER{name}") for name in ("", "_COUNT"))
_SHARE = 12_000 // int(_WORKERS or 1)
_BEGIN = 20_000 + _SHARE * int((_WORKER or "gw0")[2:])
PORTS = range(_BEGIN, _BEGIN + _SHARE)
"""Below those that the kernel gives to outgoing connections, so that a server finds its own again after a restart; of
workers side by side each has its own."""
_given: set[int] = set()


def cache_folder() -> Path:
    """What was fetched or built, by version; shared by all checkouts of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "qianshao"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One caller at a time, among all processes of this user. The kernel frees the lock of one that dies."""
    with (cache_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    """A port on HOST that nobody listens on, and that nobody here was given."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many in a row."""
    while True:
        first = random.choice(PORTS[: len(PORTS) - count + 1])
        row = range(first, first + count)
        if _given.isdisjoint(row) and all(map(_is_free, row)):
            _given.update(row)
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """An empty folder that other users may pass through, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"qianshao-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
