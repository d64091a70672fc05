"""The command line. Each command says what it does with --help; what is heavy is imported when it is needed."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from city.errors import QianshaoError
from qianshao import publish_commands
from qianshao.archive_commands import archive_app
from qianshao.city_commands import city_app
from qianshao.dashboard_commands import dashboards_app
from qianshao.explain_command import explain
from qianshao.history_command import history
from qianshao.logs import set_up_logs
from qianshao.rules_commands import rules_app
from qianshao.secrets_command import init_secrets
from qianshao.series_commands import series_app
from qianshao.shadow_command import shadow

if TYPE_CHECKING:
    from qianshao.settings import Settings
    from simulators.variation import Variation

app = typer.Typer(
    name="qianshao",
    help="前哨: real-time sensing and early warning for a district's emergency office.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(city_app, name="city")
app.add_typer(rules_app, name="rules")
rules_app.command()(explain)
rules_app.command()(shadow)
publish_commands.add_to(rules_app)
app.add_typer(series_app, name="series")
app.add_typer(archive_app, name="archive")
app.add_typer(dashboards_app, name="dashboards")
app.command("init-secrets")(init_secrets)
app.command()(history)

ScenarioName = Annotated[str, typer.Argument(help="Name of a shipped scenario (docs/scenarios.md), or a file.")]
Seed = Annotated[int | None, typer.Option(help="Another lot for places, weather and victims.")]
Intensity = Annotated[float, typer.Option(min=0, max=10, help="So many times the rain, wind and water of the file.")]
Loss = Annotated[str | None, typer.Option(metavar="SHARE", help="Of all messages, so many never arrive, e.g. 2%.")]
Delay = Annotated[
    str | None, typer.Option(metavar="TIME", help="Every tenth message is under way for up to so long, e.g. 20m.")
]


@app.command()
def demo(
    scenario: Annotated[str, typer.Option(help="Name of a shipped scenario, or a file.")] = "S01",
    seconds: Annotated[
        float | None,
        typer.Option("--for", help="Choose the speed so that the whole scenario fits into so many seconds."),
    ] = None,
    speed: Annotated[float | None, typer.Option(help="How many times faster than the wall time runs.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="No terminal: exit by itself and print one JSON object.")
    ] = False,
    data: Annotated[
        Path, typer.Option(help="Folder for the run's data; what an earlier run left there is removed.")
    ] = Path("var/demo"),
    seed: Seed = None,
    intensity: Intensity = 1.0,
    loss: Loss = None,
    delay: Delay = None,
) -> None:
    """Play a scenario through the whole system on embedded brokers: MQTT, log, engine, tickets, page.

    Without --json it shows a live summary and goes on until Ctrl-C, which drains and stops everything. Exit code 1 if
    anything was lost.
    """
    from qianshao.demo import run_demo

    set_up_logs("demo", terminal=not as_json)
    raise typer.Exit(run_demo(scenario, _variation(seed, intensity, loss, delay), seconds, speed, as_json, data))


@app.command()
def up() -> None:
    """Run the whole system on this machine until Ctrl-C: all processes, and in the embedded profile their brokers."""
    from qianshao.up import run_up

    set_up_logs("up")
    run_up(_settings())


@app.command()
def ingest(
    retire: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Instead: say that the stopped ingest of this name won't come back."),
    ] = None,
) -> None:
    """Run one ingest process: MQTT, and stations over TCP, into the log. Several share a city by
    QIANSHAO_INGEST__FILTERS and __NAME.

    A name that was used once is waited for, and its shards are blind without it, until it is retired.
    """
    from qianshao.processes import ingest

    set_up_logs("ingest")
    if retire is None:
        ingest.run(_settings())
    else:
        ingest.retire(_settings(), retire)


@app.command()
def detect() -> None:
    """Run one detect worker: the log through the rule engine to alerts. Several share the shards."""
    from qianshao.processes.detect import run

    set_up_logs("detect")
    run(_settings())


@app.command()
def incidents() -> None:
    """Run one incidents worker: alerts and dead letters into incidents and tickets."""
    from qianshao.processes.incidents import run

    set_up_logs("incidents")
    run(_settings())


@app.command()
def rewind() -> None:
    """Have the workers of detect, incidents, series and archive read the log from its beginning again, as a restored
    database needs it: what its checkpoints cover is skipped, the rest is judged again to the same alerts and tickets.
    The workers must be stopped."""
    from qianshao.processes.rewind import run

    set_up_logs("rewind")
    run(_settings())


@app.command()
def web() -> None:
    """Serve the page."""
    from qianshao.processes.web import run

    set_up_logs("web")
    run(_settings())


@app.command()
def simulate(
    scenario: ScenarioName,
    ledger: Annotated[Path | None, typer.Option(help="File to note every published message in.")] = None,
    seed: Seed = None,
    intensity: Intensity = 1.0,
    loss: Loss = None,
    delay: Delay = None,
) -> None:
    """Publish a scenario's messages over MQTT to the broker of the settings.

    In a running system (`up`) the scenario begins now, at the pace of the wall. With QIANSHAO_CLOCK__FILE it follows
    that play, as `demo` does. Prints when it began, for `score --began`.
    """
    from qianshao.simulate import run_simulate

    set_up_logs("simulate")
    run_simulate(_settings(), scenario, _variation(seed, intensity, loss, delay), ledger)


@app.command()
def score(
    scenario: ScenarioName,
    offline: Annotated[
        bool, typer.Option("--offline", help="Play it straight through the engine in this process, without brokers.")
    ] = False,
    began: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z"],
            help="When it was played, if not at its own time: what `simulate` prints.",
        ),
    ] = None,
    seed: Seed = None,
    intensity: Intensity = 1.0,
    loss: Loss = None,
    delay: Delay = None,
) -> None:
    """Compare the incidents of the settings' database with a scenario's truth. Prints JSON.

    What was played with --seed, --intensity, --loss or --delay is scored with the same.
    Exit code 1 if any is missed or false, or of a wrong level.
    """
    from qianshao.score import run_score

    set_up_logs("score")
    variation = _variation(seed, intensity, loss, delay)
    raise typer.Exit(run_score(_settings(), scenario, variation, offline, began))


@app.command()
def doctor(
    compile_only: Annotated[
        bool, typer.Option("--compile", help="Only compile the engine's kernels and cache them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check everything this installation needs: what is here, whether the servers answer, lag, clocks, disk and
    certificates; and say what to do about what is not well. Exit code 1 if anything fails; warnings fail nothing.
    """
    from qianshao.doctor.installation import compile_kernels
    from qianshao.doctor.run import run_doctor

    set_up_logs("doctor")
    if compile_only:
        compile_kernels()
        return
    raise typer.Exit(run_doctor(_settings(), as_json))


def _variation(seed: int | None, intensity: float, loss: str | None, delay: str | None) -> "Variation":
    """What the options of a play ask for. Raises BadParameter."""
    from simulators.variation import Variation

    try:
        return Variation(seed, intensity, loss, delay)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _settings() -> "Settings":
    from qianshao.settings import Settings

    return Settings()


def main() -> None:
    """Run a command; what the user can mend is told in a line, not in a traceback."""
    try:
        app()
    except QianshaoError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    except ValidationError as error:  # of the settings: nothing else here is pydantic's
        for problem in error.errors():
            name = ".".join(str(part) for part in problem["loc"])
            typer.echo(f"{name}: {problem['msg']}" if name else problem["msg"], err=True)
        sys.exit(2)
