"""The engine behind the store: SQLite or PostgreSQL, and the migrations that make its tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_MS = 20_000
MIGRATION_LOCK = 20230907  # any number that nobody else locks


class Database:
    """Where incidents, tickets, checkpoints and dead letters are kept. `url`: an SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine: Engine = create_engine(url, pool_pre_ping=not self._sqlite)
        if self._sqlite:
            _tame_sqlite(self.engine)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that will write: all of it happens, or nothing."""
        with self.engine.connect() as connection:
            if self._sqlite:
                connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def insert(self, table: Any) -> Any:
        """An INSERT of this database, which knows ON CONFLICT."""
        return sqlite.insert(table) if self._sqlite else postgresql.insert(table)

    def migrate(self) -> None:
        """Bring the tables up to date. Several processes may try at once: one does it, the others wait."""
        if self._is_current():
            return
        from alembic import command  # slow to import, and needed once in a deployment's life
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self.writing() as connection:
            if not self._sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _is_current(self) -> bool:
        newest = max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
        with self.reading() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return False
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == newest

    def dispose(self) -> None:
        self.engine.dispose()


def _tame_sqlite(engine: Engine) -> None:
    """Readers beside one writer, and a writer that waits its turn instead of failing half-way."""

    @event.listens_for(engine, "connect")
    def _connect(raw: Any, _record: Any) -> None:
        raw.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON"):
            raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
