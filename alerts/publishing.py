"""A Ledger determines which rules are in force, and who may bring others into force. It takes two people: one proposes,
another approves. A rollback is the publication of a version that was in force before.

Pure: times come in, and what it decides is for alerts/store to keep.
"""

import unicodedata
from dataclasses import dataclass
from enum import Enum

import msgspec
from msgspec.structs import replace

from city.errors import QianshaoError

LONGEST_NAME = 80
NOT_KEPT = 0
"""Number of a version that the store has not given one."""


class Decision(Enum):
    APPROVED = "approved"
    REJECTED = "rejected"


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    pass


class VersionHead(_Data, frozen=True):
    """A pack as somebody handed it in, without its files. `label`: the version that its authors wrote into pack.yaml;
    `meaning`: hash of what its rules mean; `at_ms`: wall time."""

    number: int
    pack: str
    label: str
    title: str
    meaning: str
    by: str
    why: str
    at_ms: int


class RuleVersion(VersionHead, frozen=True):
    """The same with `files`: texts by path below a folder of packs, tests included."""

    files: dict[str, str]


class Proposal(_Data, frozen=True):
    """That a version shall be in force. `based_on`: sequence of the publication that was in force when it was made, 0
    for none; `takes_back`: the same, of a rollback. `decision` None: it waits."""

    id: int
    version: int
    based_on: int
    by: str
    why: str
    at_ms: int
    takes_back: int | None = None
    decision: Decision | None = None
    decided_by: str | None = None
    decided_why: str | None = None
    decided_ms: int | None = None


class Publication(_Data, frozen=True):
    """That a version came into force. `sequence`: counts from 1; `approved_by` None: one person was enough;
    `takes_back`: of a rollback, the publication that was in force until then."""

    sequence: int
    version: int
    proposed_by: str
    approved_by: str | None
    why: str
    at_ms: int
    takes_back: int | None = None


@dataclass
class NotAllowed(QianshaoError):
    """What nobody, or not this person, may do to the rules now."""

    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})"


@dataclass(frozen=True)
class Ledger:
    """All publications in their order, and all proposals."""

    publications: tuple[Publication, ...] = ()
    proposals: tuple[Proposal, ...] = ()

    @property
    def in_force(self) -> Publication | None:
        """None: nothing was ever published."""
        return self.publications[-1] if self.publications else None

    @property
    def sequence(self) -> int:
        """Of what is in force; 0 when nothing was ever published."""
        return self.publications[-1].sequence if self.publications else 0

    @property
    def waiting(self) -> tuple[Proposal, ...]:
        return tuple(proposal for proposal in self.proposals if proposal.decision is None)

    def is_stale(self, proposal: Proposal) -> bool:
        """Whether something else came into force since it was made."""
        return proposal.based_on != self.sequence

    def propose(self, version: int, by: str, why: str, at_ms: int, takes_back: int | None = None) -> Proposal:
        """That a version shall be in force. Raises NotAllowed without a name or a reason."""
        return Proposal(
            id=max((proposal.id for proposal in self.proposals), default=0) + 1,
            version=version,
            based_on=self.sequence,
            by=named(by),
            why=reasoned(why),
            at_ms=at_ms,
            takes_back=takes_back,
        )

    def roll_back(self, version: int | None, by: str, why: str, at_ms: int) -> Proposal:
        """That a version that was in force shall be so again; the one before the present, if none is named. Raises
        NotAllowed when it never was, or is now."""
        now = self.in_force
        if now is None:
            raise NotAllowed("nothing was ever published", "the folder of settings.rules is in force: mend it there")
        before = [p.version for p in self.publications if p.version != now.version]
        if version is None and not before:
            raise NotAllowed(f"no version was in force before {now.version}", "publish the folder that you want")
        wanted = before[-1] if version is None else version
        if wanted == now.version:
            raise NotAllowed(f"version {wanted} is in force", "name another, see qianshao rules versions")
        if wanted not in before:
            raise NotAllowed(f"version {wanted} was never in force", "name one that was, see qianshao rules versions")
        return self.propose(wanted, by, why, at_ms, takes_back=now.sequence)

    def approve(self, proposal: int, by: str | None, at_ms: int, why: str = "") -> tuple[Proposal, Publication]:
        """A second person brings a proposal into force; `by` None: where one person is enough. Raises NotAllowed when
        it is the same person, when it waits no more, and when something else came into force since it was made."""
        found = self._waiting(proposal)
        if by is not None and identity(named(by)) == identity(found.by):
            raise NotAllowed(f"{found.by} made proposal {found.id}", "have another person approve it")
        if self.is_stale(found):
            told = f"proposal {found.id} was made when publication {found.based_on} was in force"
            raise NotAllowed(f"{told}, now it is {self.sequence}", "look at what changed, and propose it again")
        approved_by = None if by is None else named(by)
        decided = {"decided_by": approved_by, "decided_why": why.strip(), "decided_ms": at_ms}
        publication = Publication(
            sequence=self.sequence + 1,
            version=found.version,
            proposed_by=found.by,
            approved_by=approved_by,
            why=found.why,
            at_ms=at_ms,
            takes_back=found.takes_back,
        )
        return replace(found, decision=Decision.APPROVED, **decided), publication

    def reject(self, proposal: int, by: str, why: str, at_ms: int) -> Proposal:
        """Anybody may, its maker too, with a reason. Raises NotAllowed when it waits no more."""
        decided = {"decided_by": named(by), "decided_why": reasoned(why), "decided_ms": at_ms}
        return replace(self._waiting(proposal), decision=Decision.REJECTED, **decided)

    def _waiting(self, number: int) -> Proposal:
        found = next((proposal for proposal in self.proposals if proposal.id == number), None)
        if found is None:
            raise NotAllowed(f"there is no proposal {number}", "see qianshao rules versions")
        if found.decision is not None:
            raise NotAllowed(f"proposal {number} was {found.decision.value} already", "see qianshao rules versions")
        return found


def identity(name: str) -> str:
    """What is compared of a name: neither case, width, spaces, dots and dashes nor invisible characters tell two people
    apart."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in unicodedata.normalize("NFKC", plain) if unicodedata.category(c)[0] in "LNM")


def named(name: str) -> str:
    """A person's name as it is kept. Raises NotAllowed when it is none."""
    if not identity(name) or len(name.strip()) > LONGEST_NAME:
        raise NotAllowed("nobody's name", f"say who you are with --by, in up to {LONGEST_NAME} characters")
    return name.strip()


def reasoned(why: str) -> str:
    """A reason as it is kept. Raises NotAllowed when it is empty."""
    if not why.strip():
        raise NotAllowed("no reason", "say why with --why")
    return why.strip()
