"""`qianshao rules`: for those who write rules."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from city.errors import ConfigError, ConfigErrors
from qianshao import rules_text as texts
from qianshao.times import TIMES, End, Start, duration_ms

if TYPE_CHECKING:
    from city.city import City
    from rules.authoring.lint import Remark
    from rules.language.pack import Pack

rules_app = typer.Typer(
    help="Rules for their authors: list, check, test, compare, explain, backtest, shadow, publish. Exit codes: 0 fine, "
    "1 something was found, 2 it cannot be read.",
    no_args_is_help=True,
)

WarmUp = Annotated[
    str, typer.Option(metavar="TIME", help="Judge from so much earlier on, e.g. 12h; nothing of it counts.")
]
PackFolder = Annotated[Path | None, typer.Argument(help="Folder of the pack; the one of the settings if left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object in place of text.")]
FOUND, UNREADABLE = 1, 2
T = TypeVar("T")


@rules_app.command("list")
def list_(pack: PackFolder = None, as_json: AsJson = False) -> None:
    """Name what a pack holds: domains, classes, indicators and rules, each with its source and place."""
    from rules.authoring.listing import listing

    folder, city = pack_folder(pack), the_city()
    found = listing(folder, load_or_exit(folder, city), city.catalogue)
    tell(found, as_json, texts.listed)


@rules_app.command()
def schema(
    write: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there in place of printing it.")] = None,
) -> None:
    """Print the JSON Schema of rules files, with the classes, device types and indicators of the city.

    An editor that knows YAML schemas completes keys by it: shipped files name it in their first line.
    """
    from rules.authoring.schema import schema_text

    text = schema_text(the_city().catalogue)
    if write is None:
        typer.echo(text, nl=False)
    else:
        write.write_text(text, encoding="utf-8")
        typer.echo(f"written to {write}")


@rules_app.command()
def lint(
    pack: PackFolder = None,
    strict: Annotated[bool, typer.Option("--strict", help="Remarks fail too, not errors alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a pack (errors), and what is odd (remarks), each as file:line:column.

    `# lint: allow CODE` in a rule silences a remark. Exit code 1 if there are errors; with --strict, or remarks.
    """
    from rules.authoring.lint import lint as remarks_on

    folder, city = pack_folder(pack), the_city()
    remarks: list[Remark] = []
    errors: list[ConfigError] = []
    try:
        remarks = remarks_on(folder, _loaded(folder, city), city)
    except ConfigErrors as wrong:
        errors = wrong.errors
    tell(texts.lint_data(errors, remarks), as_json, lambda _: texts.linted(errors, remarks))
    if errors or (strict and remarks):
        raise typer.Exit(FOUND)


@rules_app.command()
def test(
    pack: PackFolder = None,
    least: Annotated[
        int, typer.Option("--coverage", min=0, max=100, metavar="PERCENT", help="Fail below so much of the levels.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Run the tests of a pack, tests/*.yaml, in virtual time, and say which rules and levels none of them reaches.

    Exit code 1 if one fails.
    """
    from rules.authoring.test_file import read_tests
    from rules.authoring.testing import coverage, run_tests

    folder, city = pack_folder(pack), the_city()
    loaded = load_or_exit(folder, city)
    files = or_unreadable(lambda: read_tests(folder, loaded, city.catalogue))
    outcomes = list(run_tests(files, loaded, city.catalogue, city.time_zone))
    covered = coverage(loaded, outcomes)
    tell(texts.test_data(outcomes, covered), as_json, lambda _: texts.tested(outcomes, covered))
    reached = 100 * (covered.levels - len(covered.unreached_levels)) >= least * covered.levels
    if any(outcome.failures for outcome in outcomes) or not reached:
        raise typer.Exit(FOUND)


@rules_app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="Folder of the pack as it is.")],
    after: Annotated[Path, typer.Argument(help="Folder of the pack as it shall be.")],
    as_json: AsJson = False,
) -> None:
    """Say what a changed pack would change: in meaning, in texts alone, and which timers would be kept.

    Exit code 1 if anything changes in meaning.
    """
    from rules.authoring.diff import Change, compare

    city = the_city()
    changes = compare(load_or_exit(before, city), load_or_exit(after, city))
    tell(texts.diff_data(changes), as_json, lambda _: texts.compared(changes))
    if any(change.change is not Change.TEXT for change in changes):
        raise typer.Exit(FOUND)


@rules_app.command()
def backtest(
    pack: PackFolder = None,
    start: Start = None,
    end: End = None,
    warm_up: WarmUp = "1d",
    truth: Annotated[
        str | None,
        typer.Option(metavar="SCENARIO|FILE", help="What really happened: docs/rules-tools.md says how to write it."),
    ] = None,
    began: Annotated[
        datetime | None, typer.Option(formats=TIMES, help="When that scenario was played, if not at its own time.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw it: levels over time.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge the archive's readings again, by this pack: what would have been told, by rule and level; what of it would
    be new, gone or changed against what was told live; and, where the truth is known, precision, recall and lead time.

    Exit code 1 if something could not be judged, since the archive has lost it.
    """
    from qianshao.backtesting import run_backtest

    warm_up_ms, folder, city = duration_ms(warm_up, "--warm-up"), pack_folder(pack), the_city()
    loaded = load_or_exit(folder, city)
    asked = or_unreadable(lambda: run_backtest(city, loaded, start, end, warm_up_ms, truth, began))
    tell(asked.data, as_json, texts.backtested)
    if picture is not None:
        picture.write_text(asked.picture(), encoding="utf-8")
        typer.echo(f"drawn to {picture}", err=True)
    if asked.data["losses"] or asked.data["gaps"]:
        raise typer.Exit(FOUND)


def pack_folder(pack: Path | None) -> Path:
    from qianshao.settings import Settings

    return pack or Settings().rules


def the_city() -> "City":
    from qianshao.city_files import load_city
    from qianshao.settings import Settings

    return load_city(Settings())


def _loaded(folder: Path, city: "City") -> "Pack":
    from rules.language.load import load_pack

    return load_pack(folder, city.catalogue)


def load_or_exit(folder: Path, city: "City") -> "Pack":
    """The pack; where it does not load, what is wrong with it, and the exit code that says so."""
    return or_unreadable(lambda: _loaded(folder, city))


def or_unreadable(read: Callable[[], T]) -> T:
    try:
        return read()
    except ConfigErrors as errors:
        typer.echo(str(errors), err=True)
        raise typer.Exit(UNREADABLE) from None


def tell(data: Any, as_json: bool, text: Callable[[Any], str]) -> None:
    typer.echo(json.dumps(data, ensure_ascii=False) if as_json else text(data))
