"""Chromium with its driver, and a font that has Chinese: without it a page is empty boxes."""

import shutil
import subprocess
from pathlib import Path

from tests.servers import debian
from tests.servers.sources import Found, Kind

PACKAGES = ("chromium", "chromium-driver", "fonts-noto-cjk", "fontconfig")


def _here() -> Found | None:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None or not _has_chinese():
        return None
    shown = subprocess.run([driver, "--version"], capture_output=True, text=True).stdout.split()
    return Found("Chromium", shown[1] if len(shown) > 1 else "?", chromium, program=Path(chromium))


def _has_chinese() -> bool:
    if shutil.which("fc-list") is None:
        return False
    return bool(subprocess.run(["fc-list", ":lang=zh-cn", "family"], capture_output=True).stdout.strip())


CHROMIUM = Kind("Chromium", _here, lambda: debian.install("Chromium", *PACKAGES))
