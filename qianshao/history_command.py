"""`qianshao history`: the archive, asked."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from qianshao.times import End, Start

LOST = 1
FEW = 1_000


class Table(StrEnum):
    """What is asked for."""

    READINGS = "readings"
    ALERTS = "alerts"
    INCIDENTS = "incidents"
    TICKS = "ticks"


def history(
    table: Annotated[Table, typer.Argument(help="What is asked for.")] = Table.READINGS,
    device: Annotated[str | None, typer.Option(help="Of one device; of alerts and incidents, their subject.")] = None,
    site: Annotated[str | None, typer.Option(help="Of one site.")] = None,
    area: Annotated[str | None, typer.Option(help="Of one area.")] = None,
    risk_class: Annotated[str | None, typer.Option("--class", help="Of one class, e.g. waterlogging.")] = None,
    indicator: Annotated[str | None, typer.Option(help="Of one indicator, e.g. water_depth.")] = None,
    start: Start = None,
    end: End = None,
    sql: Annotated[
        str | None,
        typer.Option(metavar="SELECT", help="Ask by SQL instead: tables readings, alerts, incidents, ticks."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help=f"Rows at most; 0: all. If left out, {FEW} of a table, and all otherwise.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated, with a head line.")] = False,
    parquet: Annotated[Path | None, typer.Option(metavar="OUT", help="Into a Parquet file.")] = None,
) -> None:
    """Ask the archive: readings, alerts, incidents or ticks, in order of time.

    Exit code 1 if a file of the archive is missing or broken: which, and how many rows that is, is said on standard
    error, and the rest is given.
    """
    from qianshao.history import Wanted, ask, write_out
    from qianshao.settings import Settings
    from streams.archive.asking import QuestionError

    form = "parquet" if parquet else "json" if as_json else "csv" if as_csv else "table"
    most = (FEW if form == "table" else 0) if limit is None else limit
    wanted = Wanted(table.value, device, site, area, risk_class, indicator, start, end, sql, most)
    try:
        answer, unread = ask(Settings(), wanted)
    except QuestionError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    rows = write_out(answer, form, parquet)
    if most and rows == most and limit is None:
        typer.echo(f"the first {most}; --limit 0 gives all", err=True)
    for each in unread:
        typer.echo(str(each), err=True)
    if unread:
        raise typer.Exit(LOST)
