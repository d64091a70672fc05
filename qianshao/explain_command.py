"""`qianshao rules explain`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qianshao import rules_text as texts
from qianshao.rules_commands import FOUND, AsJson, WarmUp, tell
from qianshao.times import End, Start, duration_ms

if TYPE_CHECKING:
    from qianshao.plays import Play


def explain(
    alert: Annotated[str, typer.Argument(help="Id of an alert, or RULE@SUBJECT for the first of a rule there.")],
    scenario: Annotated[
        str | None, typer.Option(help="A scenario in which it came, which is played again; the archive if left out.")
    ] = None,
    start: Start = None,
    end: End = None,
    warm_up: WarmUp = "1d",
    picture: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw it there too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what led to an alert: its readings, when each expression of its rule was true, and each step of its level.

    The archive's readings are judged again by the rules that judged them then; --from and --to say between when the
    alert began. Exit code 1 if there is none, or a file of the archive could not be read: which, and how many rows
    that is, is said on standard error.
    """
    from qianshao.explaining import explain as explained
    from qianshao.plays import NoSuchAlert
    from rules.authoring.picture import picture as drawn

    play = _play(scenario, start, end, duration_ms(warm_up, "--warm-up"))
    try:
        found = explained(play, alert)
    except NoSuchAlert as error:
        typer.echo("\n".join([*play.unread, str(error)]), err=True)
        raise typer.Exit(FOUND) from None
    clock = texts.clock(found, play.city.time_zone)
    tell(found.as_data(), as_json, lambda _: texts.explained(found, clock))
    if picture is not None:
        picture.write_text(drawn(found, {ms: text[11:16] for ms, text in clock.items()}), encoding="utf-8")
        typer.echo(f"drawn to {picture}", err=True)
    if play.unread:
        typer.echo("\n".join(play.unread), err=True)
        raise typer.Exit(FOUND)


def _play(scenario: str | None, start: datetime | None, end: datetime | None, warm_up_ms: int) -> "Play":
    from qianshao.plays import ArchivePlay, ScenarioPlay
    from qianshao.settings import Settings
    from simulators.scenario import load_scenario

    if scenario is None:
        return ArchivePlay(Settings(), start, end, warm_up_ms)
    if start is not None or end is not None:
        raise typer.BadParameter("a scenario is played whole: leave out --from and --to", param_hint="--scenario")
    return ScenarioPlay(Settings(), load_scenario(scenario))
