"""`qianshao dashboards`: the wall's boards, as code against a live Grafana, or as files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qianshao.logs import set_up_logs

if TYPE_CHECKING:
    from dashboards.sync import Step, Sync

dashboards_app = typer.Typer(
    help="The wall's boards in Grafana: what they would change, change, or differ.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
LINES = 20


@dashboards_app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder to write to: dashboards/FOLDER/UID.json.")],
    provisioning: Annotated[bool, typer.Option(help="Also write Grafana's provisioning files.")] = False,
    seen_at: Annotated[
        str | None, typer.Option(help="With --provisioning: where Grafana sees that folder, if not there.")
    ] = None,
    token_file: Annotated[
        str | None,
        typer.Option(help="With --provisioning: file with InfluxDB's token, as Grafana sees it, instead of the token."),
    ] = None,
) -> None:
    """Write every board as JSON. For a Grafana that reads them from files; do not `apply` to the same one."""
    from dashboards.provisioning import write_boards, write_provisioning
    from qianshao.boards import boards_of, source_of
    from qianshao.settings import Settings

    set_up_logs("dashboards")
    settings = Settings()
    city, boards = boards_of(settings)
    written = write_boards(boards, folder)
    if provisioning:
        source = source_of(settings, f"$__file{{{token_file}}}" if token_file else None)
        written += write_provisioning(city, source, folder, seen_at or str(folder.absolute()))
    typer.echo(f"{len(written)} files in {folder}")


@dashboards_app.command()
def plan(as_json: AsJson = False) -> None:
    """Say what `apply` would change in Grafana, and what was changed there by hand. Changes nothing."""
    set_up_logs("dashboards")
    _show(_sync().plan(), as_json)


@dashboards_app.command()
def apply(as_json: AsJson = False) -> None:
    """Make Grafana have the boards, folders, rights and data source of the code. Hand-made changes of these are undone;
    boards that people have made are left."""
    set_up_logs("dashboards")
    sync = _sync()
    steps = sync.plan()
    sync.apply(steps)
    _show(steps, as_json)


@dashboards_app.command()
def drift(as_json: AsJson = False) -> None:
    """Say what was changed in Grafana by hand, by whom and when. Exit code 1 if anything was."""
    set_up_logs("dashboards")
    steps = [step for step in _sync().plan() if step.drift is not None]
    _show(steps, as_json)
    raise typer.Exit(1 if steps else 0)


def _show(steps: "list[Step]", as_json: bool) -> None:
    for step in steps:
        typer.echo(json.dumps(_plain(step), ensure_ascii=False) if as_json else _told(step))
    if not steps and not as_json:
        typer.echo("no change")


def _plain(step: "Step") -> dict[str, object]:
    drift = vars(step.drift) if step.drift else None
    return {"action": step.action.value, "what": step.what, "uid": step.uid, "details": step.details, "drift": drift}


def _told(step: "Step") -> str:
    head = f"{step.action.value} {step.what} {step.uid}"
    if step.drift is not None:
        head += f"   drift: changed by hand, by {step.drift.by or 'somebody'} at {step.drift.at}"
    more = len(step.details) - LINES
    lines = [*step.details[:LINES], *([f"and {more} more"] if more > 0 else [])]
    return "\n".join([head, *(f"    {line}" for line in lines)])


def _sync() -> "Sync":
    from qianshao.boards import grafana_of, sync_of
    from qianshao.settings import Settings

    settings = Settings()
    return sync_of(settings, grafana_of(settings))
