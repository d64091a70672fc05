"""What `qianshao rules versions` and its like print, as text and as plain data."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from alerts.publishing import Ledger, Proposal, Publication, VersionHead


def waits(proposal: Proposal) -> str:
    """A proposal that nobody has approved."""
    told = f"proposal {proposal.id}: version {proposal.version} waits for another person"
    return f"{told}\n    qianshao rules approve {proposal.id} --by NAME"


def published(publication: Publication) -> str:
    """A version that has just come into force."""
    return f"version {publication.version} is in force (publication {publication.sequence})"


def versions_data(ledger: Ledger, heads: Mapping[int, VersionHead]) -> dict[str, Any]:
    """`in_force`, `publications` (newest first), `waiting`, `decided` and `versions`. A proposal that is `stale` cannot
    be approved any more."""
    return {
        "in_force": msgspec.to_builtins(ledger.in_force),
        "publications": msgspec.to_builtins(ledger.publications[::-1]),
        "waiting": [msgspec.to_builtins(p) | {"stale": ledger.is_stale(p)} for p in ledger.waiting],
        "decided": [msgspec.to_builtins(p) for p in ledger.proposals if p.decision is not None],
        "versions": msgspec.to_builtins(list(heads.values())),
    }


def versions(ledger: Ledger, heads: Mapping[int, VersionHead], folder: Path) -> str:
    """The same, what matters first. `folder`: of the settings."""
    return "\n".join([_now(ledger, heads, folder), *_waiting(ledger, heads), *_history(ledger, heads)])


def _now(ledger: Ledger, heads: Mapping[int, VersionHead], folder: Path) -> str:
    if ledger.in_force is None:
        return f"in force: the folder {folder}; nothing was ever published"
    return f"in force: {_named(heads[ledger.in_force.version])}"


def _waiting(ledger: Ledger, heads: Mapping[int, VersionHead]) -> Iterator[str]:
    for p in ledger.waiting:
        kind = "publish" if p.takes_back is None else "roll back to"
        stale = "; something else came into force since: propose it again" if ledger.is_stale(p) else ""
        yield f"proposal {p.id}: {kind} {_named(heads[p.version])}{stale}"
        yield f"    {_clock(p.at_ms)} by {p.by}: {p.why}"


def _history(ledger: Ledger, heads: Mapping[int, VersionHead]) -> Iterator[str]:
    for p in reversed(ledger.publications):
        approved = f", approved by {p.approved_by}" if p.approved_by else ""
        back = "" if p.takes_back is None else f", takes back publication {p.takes_back}"
        yield f"publication {p.sequence}: {_named(heads[p.version])}{back}"
        yield f"    {_clock(p.at_ms)} by {p.proposed_by}{approved}: {p.why}"


def _named(head: VersionHead) -> str:
    return f"version {head.number}, {head.title} {head.label} ({head.pack}, {head.meaning})"


def _clock(at_ms: int) -> str:
    """By the clock of this machine."""
    return f"{datetime.fromtimestamp(at_ms / 1000).astimezone():%Y-%m-%d %H:%M:%S %Z}"
