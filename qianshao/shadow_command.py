"""`qianshao rules shadow`."""

import getpass
import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from qianshao.rules_commands import FOUND, AsJson, or_unreadable
from qianshao.times import duration_ms


def shadow(
    pack: Annotated[Path, typer.Argument(help="Folder of the candidate.")],
    for_: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="End after so much log time, e.g. 30m.")
    ] = None,
    to_end: Annotated[bool, typer.Option("--until-lag-0", help="End where the log ended when this began.")] = False,
    by: Annotated[str | None, typer.Option(help="Who looks; the user of this machine if left out.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report there too, as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge the log by a candidate beside the rules in force, and report every difference in what they say.

    It begins where the workers' last checkpoints are, reads what they read, changes nothing, and yields to them. Ends
    by --for, --until-lag-0 or Ctrl-C, whichever comes first. The report goes to the store too. Exit code 1 if the
    candidate says anything else, 2 if it cannot be read.
    """
    from qianshao.settings import Settings
    from qianshao.shadow_text import shadowed
    from qianshao.shadowing import Until, run_shadow

    settings, until = Settings(), Until(None if for_ is None else duration_ms(for_, "--for"), to_end)
    if report is not None:
        report.touch()  # now, and not after hours, is it told that this cannot be
    say = partial(typer.echo, err=True)
    found = or_unreadable(lambda: run_shadow(settings, pack, until, by or getpass.getuser(), say))
    if report is not None:
        report.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")
    typer.echo(json.dumps(found, ensure_ascii=False) if as_json else shadowed(found))
    if found["differences"]["count"]:
        raise typer.Exit(FOUND)
