"""`qianshao series`: the log and the store as series in InfluxDB."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qianshao.logs import set_up_logs

if TYPE_CHECKING:
    from qianshao.settings import Settings

series_app = typer.Typer(
    help="Series in InfluxDB: write them, prepare for them, make them again.", no_args_is_help=True
)

TIMES = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%d"]
Start = Annotated[datetime, typer.Option(formats=TIMES, help="From when; without a zone in UTC.")]
Stop = Annotated[datetime | None, typer.Option(formats=TIMES, help="Until when. If left out, until now.")]


@series_app.command()
def run() -> None:
    """Run one series worker: readings, alerts, dead letters and how the city stands, into InfluxDB. Several share the
    log. What InfluxDB misses while it is away stays in the log until it is back."""
    from qianshao.processes.series import run

    set_up_logs("series")
    run(_settings())


@series_app.command()
def init(
    reader: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Have this file hold a token that may read the buckets, and only that."),
    ] = None,
) -> None:
    """Make the buckets, with how long they keep what they have, and the tasks that make minutes and hours of points.
    What is there already is left, or mended where the settings say otherwise."""
    from qianshao.processes.series import init

    set_up_logs("series")
    for line in init(_settings(), reader):
        typer.echo(line)


@series_app.command()
def rebuild() -> None:
    """Write everything again that the log and the store have, then minutes and hours. Points that are there already
    stay as they are. A running worker may go on meanwhile."""
    from qianshao.processes.series import rebuild

    set_up_logs("series")
    for line in rebuild(_settings()):
        typer.echo(line)


@series_app.command()
def rollup(start: Start, stop: Stop = None) -> None:
    """Make minutes and hours of a range again, as after readings that came days late: of the whole hours it touches."""
    from qianshao.processes.series import rollup

    set_up_logs("series")
    rollup(_settings(), _utc(start), _utc(stop) if stop else datetime.now(UTC))
    typer.echo("minutes and hours made")


@series_app.command()
def save(folder: Annotated[Path, typer.Argument(help="An empty folder.", exists=True, file_okay=False)]) -> None:
    """Copy the buckets into a folder, while InfluxDB and the workers run. deploy/backup.sh does."""
    from qianshao.processes.series import save

    set_up_logs("series")
    for line in save(_settings(), folder):
        typer.echo(line)


@series_app.command()
def load(folder: Annotated[Path, typer.Argument(help="What `save` has filled.", exists=True, file_okay=False)]) -> None:
    """Put copies in the place of the buckets. Workers should be stopped meanwhile: what they write is lost. Tokens for
    reading end with the old buckets: `series init --reader` makes new ones."""
    from qianshao.processes.series import load

    set_up_logs("series")
    for line in load(_settings(), folder):
        typer.echo(line)


def _utc(given: datetime) -> datetime:
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def _settings() -> "Settings":
    from qianshao.settings import Settings

    return Settings()
