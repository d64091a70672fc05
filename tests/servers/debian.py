"""Debian packages, installed when a program is missing and we may."""

import os
import shutil
import subprocess

from tests.servers.missing import MissingError
from tests.servers.places import locked

LOCK_WAIT_S = 600


def install(what: str, *packages: str) -> None:
    """Install packages with apt, one caller at a time. Raises MissingError, with the command to run by hand."""
    remedy = f"run `apt-get install {' '.join(packages)}` as root"
    apt = shutil.which("apt-get")
    if apt is None:
        raise MissingError(what, "not installed, and this system has no apt-get", "install it, or start Docker")
    if (prefix := _privilege()) is None:
        raise MissingError(what, "not installed", remedy)
    apt_get = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", apt, "-q", "-y"]
    apt_get += ["-o", f"DPkg::Lock::Timeout={LOCK_WAIT_S}"]
    get = [*apt_get, "install", "--no-install-recommends", *packages]
    with locked("apt"):
        done = _run(get)
        if done.returncode != 0:  # a new machine has no lists of packages, an old one has lists of what is gone
            _run([*apt_get, "update"])
            done = _run(get)
    if done.returncode != 0:
        raise MissingError(what, f"apt-get failed: {_last_line(done.stderr)}", remedy)


def _privilege() -> list[str] | None:
    """What to put before a command that needs root; None where we may not be root."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
