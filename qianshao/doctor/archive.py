"""The archive: whether its catalogue can be read, its files are there, and what it has lost."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from qianshao.doctor.disk import of as room
from qianshao.doctor.findings import Finding, failure, warning, well
from qianshao.processes.archive import folder_of
from qianshao.settings import Settings
from streams.archive.catalogue import Catalogue
from streams.archive.folder import HEAD, ArchiveFolder

NAMED = 3
"""Files that are named, of those that are not there."""


def archive(settings: Settings) -> Iterator[Finding]:
    """Raises SettingError for a catalogue that cannot be read."""
    folder = folder_of(settings)
    catalogue = ArchiveFolder(folder).read()
    if not (folder / HEAD).exists():
        yield well("archive", f"nothing in {folder} yet; the archive process begins one")
        return
    yield _files(folder, catalogue)
    if catalogue.gaps:
        lost = sum(gap.last - gap.first + 1 for gap in catalogue.gaps)
        remedy = "Kafka had removed them: the archive process stood still for longer than the log is kept"
        yield warning("archived log", f"{lost} records are in no file", remedy)
    usage = shutil.disk_usage(folder)
    yield room(folder, usage.free, usage.total)


def _files(folder: Path, catalogue: Catalogue) -> Finding:
    """By their size alone: what is wrong inside, `history` and `rules backtest` tell when they read it."""
    harmed = [file for file in catalogue.files if _size(folder / file.path) != file.bytes]
    if harmed:
        rows = sum(file.rows for file in harmed)
        names = ", ".join(file.path for file in harmed[:NAMED])
        return failure(
            "archive",
            f"{len(harmed)} of {len(catalogue.files)} files are gone or not as they were written, {rows} rows: {names}",
            "bring them back from a backup; what is left is read without them",
        )
    days, rows = catalogue.days, sum(file.rows for file in catalogue.files)
    return well("archive", f"{len(catalogue.files)} files, {rows} rows, {days[0]} to {days[-1]}" if days else "empty")


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
