"""The database of the settings, for commands that need it for a moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from alerts.store.database import Database
from qianshao.settings import Settings


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """SQLite gets its folder."""
    if settings.database.startswith("sqlite"):
        settings.data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    try:
        yield database
    finally:
        database.dispose()
