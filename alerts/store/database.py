"""The engine behind the store: SQLite or PostgreSQL, and the migrations that make its tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError

from city.errors import SettingError, Unavailable

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_MS = 20_000
MIGRATION_LOCK = 20230907  # any number that nobody else locks
GOING_OR_COMING = "57P"  # class of PostgreSQL's error codes: it shuts down, or starts up


class Database:
    """Where incidents, tickets, checkpoints and dead letters are kept. `url`: an SQLAlchemy URL.

    Whatever uses it raises Unavailable when the database does not answer. A transaction that is cut off so may have
    happened, or not.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine: Engine = create_engine(url, pool_pre_ping=not self._sqlite)
        if self._sqlite:
            _tame_sqlite(self.engine)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that will write: all of it happens, or nothing."""
        with self._answering(), self.engine.connect() as connection:
            if self._sqlite:
                connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view."""
        with self._answering(), self.engine.connect() as connection, connection.begin():
            yield connection

    def insert(self, table: Any) -> Any:
        """An INSERT of this database, which knows ON CONFLICT."""
        return sqlite.insert(table) if self._sqlite else postgresql.insert(table)

    def migrate(self) -> None:
        """Bring the tables up to date. Several processes may try at once: one does it, the others wait.

        Raises SettingError when a newer program has made them.
        """
        if self.is_current():
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

    def is_current(self) -> bool:
        """Whether the tables are those of this program: if not, `migrate` makes them so. Raises SettingError when a
        newer program has made them."""
        ours = [path.name.partition("_")[0] for path in sorted((MIGRATIONS / "versions").glob("[0-9]*.py"))]
        with self.reading() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return False
            found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if found not in ours:
            raise SettingError(
                "database",
                f"its tables are of version {found}, and the newest that this program knows is {ours[-1]}",
                "run the program that made them, or restore a backup from before",
            )
        return found == ours[-1]

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if not _is_away(error):
                raise
            raise Unavailable(f"database {self.engine.url.render_as_string()}", str(error.orig)) from error

    def dispose(self) -> None:
        self.engine.dispose()


def _is_away(error: DBAPIError) -> bool:
    """Whether it is the connection that failed, and not what we asked."""
    told = error.orig.args[0] if error.orig is not None and error.orig.args else None
    code = str(told.get("C", "")) if isinstance(told, dict) else ""
    return isinstance(error, InterfaceError) or code.startswith(GOING_OR_COMING)


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
