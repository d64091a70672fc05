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
PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to outgoing connections, so that a server finds its own again after a restart."""


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
    """A port on HOST that nobody listens on. Random, so that workers side by side do not meet."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """An empty folder that other users may pass through, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"qianshao-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
