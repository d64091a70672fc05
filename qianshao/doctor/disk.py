"""Room on the disk that holds `data`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from qianshao.doctor.findings import Finding, graded
from qianshao.settings import Settings

WARN_SHARE, FAIL_SHARE = 0.15, 0.05
GIB = 1 << 30


def space(settings: Settings) -> Iterator[Finding]:
    """Of the folder, or of the one in which it will be made."""
    folder = next(path for path in (settings.data.absolute(), *settings.data.absolute().parents) if path.exists())
    usage = shutil.disk_usage(folder)
    yield of(folder, usage.free, usage.total)


def of(folder: Path, free: int, total: int) -> Finding:
    """What so many bytes mean."""
    share = free / total if total else 0.0
    detail = f"{free / GIB:.1f} of {total / GIB:.1f} GiB free, {share:.0%}, at {folder}"
    remedy = "make room, or set `data` to where there is some: docs/operations.md, section 10"
    return graded("disk", detail, remedy, share < WARN_SHARE, share < FAIL_SHARE)
