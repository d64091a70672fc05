"""`qianshao rules publish` and what belongs to it: which rules are in force, and who brought them there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from qianshao import publish_text as texts
from qianshao.rules_commands import FOUND, AsJson, PackFolder, load_or_exit, or_unreadable, pack_folder, tell, the_city
from qianshao.rules_text import failures, linted

if TYPE_CHECKING:
    from alerts.publishing import Proposal, Publication, RuleVersion
    from alerts.store.rules import RuleStore
    from city.city import City
    from rules.language.pack import Pack

By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does this.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="Why, for those who come after.")]
ProposalId = Annotated[int, typer.Argument(metavar="ID", help="Number of a proposal: qianshao rules versions.")]


def publish(
    by: By,
    why: Why,
    pack: PackFolder = None,
    strict: Annotated[bool, typer.Option("--strict", help="Remarks of lint keep it back too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the rules in a folder into force, as they are now. Their tests must pass.

    In production they wait until another person approves them. Exit code 1 if a test fails or it may not be, 2 if the
    pack or its tests cannot be read.
    """
    folder, city = pack_folder(pack), the_city()
    loaded = load_or_exit(folder, city)
    _check(folder, loaded, city, strict)
    version = _version(folder, loaded, city, by, why)
    with _store() as store:
        _propose(store, store.propose(version), as_json)


def rollback(
    by: By,
    why: Why,
    version: Annotated[int | None, typer.Argument(help="One that was in force; the one before if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring a version that was in force before into force again. In production another person approves it."""
    from city.clock import wall_ms

    with _store() as store:
        _propose(store, store.roll_back(version, by, why, int(wall_ms())), as_json)


def approve(proposal: ProposalId, by: By, as_json: AsJson = False) -> None:
    """Bring what another person proposed into force."""
    from city.clock import wall_ms

    with _store() as store:
        _tell_published(store.approve(proposal, by, int(wall_ms())), as_json)


def reject(proposal: ProposalId, by: By, why: Why, as_json: AsJson = False) -> None:
    """Decide that a proposal shall not come into force. Its maker may take it back so, too."""
    from city.clock import wall_ms

    with _store() as store:
        rejected = store.reject(proposal, by, why, int(wall_ms()))
    tell(msgspec.to_builtins(rejected), as_json, lambda _: f"proposal {rejected.id} is rejected")


def versions(as_json: AsJson = False) -> None:
    """Say which rules are in force, what was in force before, and what waits: who, when, why."""
    with _store() as store:
        ledger, heads = store.ledger(), store.heads()
    tell(texts.versions_data(ledger, heads), as_json, lambda _: texts.versions(ledger, heads, pack_folder(None)))


def show(
    version: Annotated[int, typer.Argument(help="Number of a version: qianshao rules versions.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; the pack gets a folder in it.")],
    as_json: AsJson = False,
) -> None:
    """Get the files of a version back, tests included."""
    from rules.language.files import put_back

    with _store() as store:
        files = store.version(version).files
    written = [str(path) for path in or_unreadable(lambda: put_back(files, folder))]
    tell({"version": version, "files": written}, as_json, lambda _: "\n".join(written))


def add_to(app: typer.Typer) -> None:
    """The commands, in the order in which they are needed."""
    for command in (publish, approve, reject, versions, rollback, show):
        app.command()(command)


@contextmanager
def _store() -> "Iterator[RuleStore]":
    """The versions of the settings' database; what may not be done is said, with the exit code for it."""
    from alerts.publishing import NotAllowed
    from alerts.store.rules import RuleStore
    from qianshao.settings import Settings
    from qianshao.stores import opened

    with opened(Settings()) as database:
        try:
            database.migrate()
            yield RuleStore(database)
        except NotAllowed as refused:
            typer.echo(str(refused), err=True)
            raise typer.Exit(FOUND) from None


def _check(folder: Path, pack: "Pack", city: "City", strict: bool) -> None:
    """Lint and tests of a pack; what fails is said, with the exit code for it."""
    from rules.authoring.lint import lint
    from rules.authoring.test_file import read_tests
    from rules.authoring.testing import run_tests

    files = or_unreadable(lambda: read_tests(folder, pack, city.catalogue))
    remarks = lint(folder, pack, city)
    if remarks:
        typer.echo(linted([], remarks), err=True)
    outcomes = list(run_tests(files, pack, city.catalogue, city.time_zone))
    failed = any(outcome.failures for outcome in outcomes)
    if failed:
        typer.echo("\n".join(failures(outcomes)), err=True)
    if failed or (strict and remarks):
        raise typer.Exit(FOUND)


def _version(folder: Path, tested: "Pack", city: "City", by: str, why: str) -> "RuleVersion":
    """What is published: the files, if they still are those that were tested."""
    from city.clock import wall_ms
    from streams.rules import version_of

    version = or_unreadable(lambda: version_of(folder, city.catalogue, by, why, int(wall_ms())))
    if version.meaning != tested.meaning:
        typer.echo(f"{folder} changed while it was tested: publish it again", err=True)
        raise typer.Exit(FOUND)
    return version


def _propose(store: "RuleStore", proposal: "Proposal", as_json: bool) -> None:
    """What becomes of a proposal: in production it waits for a second person."""
    from city.clock import wall_ms
    from qianshao.settings import Settings

    if Settings().profile == "production":
        tell(msgspec.to_builtins(proposal), as_json, lambda _: texts.waits(proposal))
    else:
        _tell_published(store.approve(proposal.id, None, int(wall_ms())), as_json)


def _tell_published(publication: "Publication", as_json: bool) -> None:
    tell(msgspec.to_builtins(publication), as_json, lambda _: texts.published(publication))
