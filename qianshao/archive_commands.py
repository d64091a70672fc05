"""`qianshao archive`: the log as Parquet."""

from typing import TYPE_CHECKING

import typer

from qianshao.logs import set_up_logs

if TYPE_CHECKING:
    from qianshao.settings import Settings

archive_app = typer.Typer(
    help="The archive: readings, ticks, alerts, incidents as Parquet. `history` and `rules backtest` ask it.",
    no_args_is_help=True,
)


@archive_app.command()
def run() -> None:
    """Run the archive process: the log, and incidents of the store, into a folder of Parquet files, by day and class.
    One for a folder. Small files are put together, and readings older than `archive.days` thrown away, by itself."""
    from qianshao.processes.archive import run

    set_up_logs("archive")
    run(_settings())


@archive_app.command()
def compact() -> None:
    """Put small files together and throw away what is too old, now. Refused while the archive process runs, which does
    so every minute."""
    from qianshao.processes.archive import compact

    set_up_logs("archive")
    for line in compact(_settings()):
        typer.echo(line)


def _settings() -> "Settings":
    from qianshao.settings import Settings

    return Settings()
