"""`qianshao dashboards`: the wall's boards, as code against a live Grafana, or as files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qianshao.logs import set_up_logs

if TYPE_CHECKING:
    from city.city import City
    from dashboards.boards.frame import Board
    from dashboards.sync import InfluxSource, Step, Sync
    from qianshao.settings import Settings

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

    set_up_logs("dashboards")
    settings = _settings()
    city, boards = _boards(settings)
    written = write_boards(boards, folder)
    if provisioning:
        source = _source(settings, f"$__file{{{token_file}}}" if token_file else None)
        written += write_provisioning(city, source, folder, seen_at or str(folder.absolute()))
    typer.echo(f"{len(written)} files in {folder}")


@dashboards_app.command()
def plan(as_json: AsJson = False) -> None:
    """Say what `apply` would change in Grafana, and what was changed there by hand. Changes nothing."""
    set_up_logs("dashboards")
    _show(_sync(_settings()).plan(), as_json)


@dashboards_app.command()
def apply(as_json: AsJson = False) -> None:
    """Make Grafana have the boards, folders, rights and data source of the code. Hand-made changes of these are undone;
    boards that people have made are left."""
    set_up_logs("dashboards")
    sync = _sync(_settings())
    steps = sync.plan()
    sync.apply(steps)
    _show(steps, as_json)


@dashboards_app.command()
def drift(as_json: AsJson = False) -> None:
    """Say what was changed in Grafana by hand, by whom and when. Exit code 1 if anything was."""
    set_up_logs("dashboards")
    steps = [step for step in _sync(_settings()).plan() if step.drift is not None]
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


def _boards(settings: "Settings") -> "tuple[City, list[Board]]":
    """Raises SettingError where a board is not as it must be."""
    from city.errors import SettingError
    from city.series import Buckets
    from dashboards.lint import lint
    from dashboards.store import Store
    from dashboards.wall import boards
    from qianshao.city_files import load_city

    city, influx = load_city(settings), settings.influx
    found = boards(city, Store(Buckets.named(influx.bucket), influx.raw_days, influx.minute_days))
    if problems := lint(found):
        raise SettingError("city", "; ".join(problems), "mend the tables, or report it")
    return city, found


def _sync(settings: "Settings") -> "Sync":
    from city.errors import SettingError
    from dashboards.grafana import Grafana
    from dashboards.sync import Sync

    grafana = settings.grafana
    if grafana.url is None:
        raise SettingError("grafana.url", "no Grafana is named", "name one, e.g. http://grafana:3000, with its token")
    login = (grafana.username, grafana.password) if grafana.username and grafana.password else None
    city, boards = _boards(settings)
    return Sync(Grafana(grafana.url, grafana.token, login), city, boards, _source(settings, None))


def _source(settings: "Settings", token: str | None) -> "InfluxSource":
    """InfluxDB as Grafana reaches it. Raises SettingError where none is named."""
    from city.errors import SettingError
    from dashboards.sync import InfluxSource

    grafana, influx = settings.grafana, settings.influx
    url = grafana.influx_url or influx.url
    if url is None:
        raise SettingError("influx.url", "no InfluxDB is named", "name the one that boards are to ask")
    return InfluxSource(url, token or grafana.influx_token or influx.token or "", influx.org, influx.bucket)


def _settings() -> "Settings":
    from qianshao.settings import Settings

    return Settings()
