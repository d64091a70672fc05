"""Versions of rules in the store: what was handed in, who brought which into force, and reports about them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import IntegrityError

from alerts.publishing import Ledger, NotAllowed, Proposal, Publication, RuleVersion, VersionHead
from alerts.store import schema as t
from alerts.store.database import Database

_HEAD = [column for column in t.rule_versions.c if column.name != "files"]


class RuleStore:
    """Every change is one transaction, decided by the ledger as it then is. Of two that come at once, one is refused
    with NotAllowed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sequence(self) -> int:
        """Of the publication that is in force; 0 where there is none. One row of an index: cheap enough to ask every
        second."""
        with self._database.reading() as connection:
            return int(connection.scalar(select(func.max(t.rule_publications.c.sequence))) or 0)

    def ledger(self) -> Ledger:
        with self._database.reading() as connection:
            return _ledger(connection)

    def heads(self) -> dict[int, VersionHead]:
        """All versions without their files, by number."""
        with self._database.reading() as connection:
            rows = connection.execute(select(*_HEAD).order_by(t.rule_versions.c.number))
            return {row.number: msgspec.convert(row._mapping, VersionHead) for row in rows}

    def version(self, number: int) -> RuleVersion:
        """Raises NotAllowed when there is none."""
        with self._database.reading() as connection:
            row = connection.execute(select(t.rule_versions).where(t.rule_versions.c.number == number)).first()
        if row is None:
            raise NotAllowed(f"there is no version {number}", "see qianshao rules versions")
        return msgspec.convert(row._mapping, RuleVersion)

    def propose(self, version: RuleVersion) -> Proposal:
        """Keep a version, under the next number whatever its own, and that it shall be in force. Raises NotAllowed when
        the very same files are in force."""
        with self._deciding() as (connection, ledger):
            _check_new(connection, ledger, version)
            number = (connection.scalar(select(func.max(t.rule_versions.c.number))) or 0) + 1
            proposal = ledger.propose(number, version.by, version.why, version.at_ms)
            kept = replace(version, number=number, by=proposal.by, why=proposal.why)
            connection.execute(t.rule_versions.insert().values(msgspec.to_builtins(kept)))
            connection.execute(t.rule_proposals.insert().values(msgspec.to_builtins(proposal)))
            return proposal

    def roll_back(self, version: int | None, by: str, why: str, at_ms: int) -> Proposal:
        """Keep that an earlier version shall be in force again."""
        with self._deciding() as (connection, ledger):
            proposal = ledger.roll_back(version, by, why, at_ms)
            connection.execute(t.rule_proposals.insert().values(msgspec.to_builtins(proposal)))
            return proposal

    def approve(self, proposal: int, by: str | None, at_ms: int, why: str = "") -> Publication:
        """Bring a proposal into force. `by` None: where one person is enough."""
        with self._deciding() as (connection, ledger):
            approved, publication = ledger.approve(proposal, by, at_ms, why)
            _decide(connection, approved)
            connection.execute(t.rule_publications.insert().values(msgspec.to_builtins(publication)))
            return publication

    def reject(self, proposal: int, by: str, why: str, at_ms: int) -> Proposal:
        with self._deciding() as (connection, ledger):
            rejected = ledger.reject(proposal, by, why, at_ms)
            _decide(connection, rejected)
            return rejected

    def report(
        self, kind: str, version: int | None, meaning: str, by: str, at_ms: int, report: Mapping[str, Any]
    ) -> int:
        """Keep a report. Returns its id."""
        row = {"kind": kind, "version": version, "meaning": meaning, "by": by, "at_ms": at_ms, "report": dict(report)}
        with self._database.writing() as connection:
            return int(connection.execute(t.rule_reports.insert().values(row)).inserted_primary_key[0])  # type: ignore[index]

    @contextmanager
    def _deciding(self) -> Iterator[tuple[Connection, Ledger]]:
        try:
            with self._database.writing() as connection:
                yield connection, _ledger(connection)
        except IntegrityError:
            raise NotAllowed("somebody else changed the rules at the same moment", "look, and ask again") from None


def _ledger(connection: Connection) -> Ledger:
    publications = connection.execute(select(t.rule_publications).order_by(t.rule_publications.c.sequence))
    proposals = connection.execute(select(t.rule_proposals).order_by(t.rule_proposals.c.id))
    return Ledger(
        tuple(msgspec.convert(row._mapping, Publication) for row in publications),
        tuple(msgspec.convert(row._mapping, Proposal) for row in proposals),
    )


def _check_new(connection: Connection, ledger: Ledger, version: RuleVersion) -> None:
    now = ledger.in_force
    files = select(t.rule_versions.c.files).where(t.rule_versions.c.number == (now.version if now else 0))
    if connection.scalar(files) == version.files:
        assert now is not None
        raise NotAllowed(f"version {now.version}, which is in force, has the same files", "change something first")


def _decide(connection: Connection, decided: Proposal) -> None:
    """Write down a decision, if nobody else has by now."""
    table = t.rule_proposals
    waiting = (table.c.id == decided.id) & table.c.decision.is_(None)
    values = {name: value for name, value in msgspec.to_builtins(decided).items() if name.startswith("deci")}
    if connection.execute(update(table).where(waiting).values(values)).rowcount != 1:
        raise NotAllowed(f"proposal {decided.id} was decided at the same moment", "see qianshao rules versions")
