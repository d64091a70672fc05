"""Who reads shell scripts for mistakes."""

import re
import shutil
import subprocess
from pathlib import Path

from tests.servers import debian
from tests.servers.sources import Found, Kind


def _here() -> Found | None:
    program = shutil.which("shellcheck")
    if program is None:
        return None
    shown = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    version = re.search(r"^version: (\S+)", shown, re.MULTILINE)
    return Found("ShellCheck", version.group(1) if version else "?", program, program=Path(program))


SHELLCHECK = Kind("ShellCheck", _here, lambda: debian.install("ShellCheck", "shellcheck"))
