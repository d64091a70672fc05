"""Versions of rules and reports about them, written into a store as the commands would."""

from typing import Any
from zlib import crc32

from alerts.publishing import Publication, RuleVersion
from alerts.store.rules import RuleStore
from city.clock import wall_ms
from tests.browser.night import MINUTE_MS, NOW_MS

LEFT = {"count": 0, "counts": [], "list": []}


def _difference(kind: str, subject: str, live: str, candidate: str, minutes: int, lasted: int | None) -> dict[str, Any]:
    from_ms, by_ms = NOW_MS - minutes * MINUTE_MS, None if lasted is None else lasted * MINUTE_MS
    return {
        "rule": "depth",
        "title": "积水深度",
        "subject": subject,
        "kind": kind,
        "live": live,
        "candidate": candidate,
        "from_ms": from_ms,
        "until_ms": None if by_ms is None else from_ms + by_ms,
        "by_ms": by_ms,
    }


SHADOW: dict[str, Any] = {
    "kind": "shadow",
    "from_ms": NOW_MS - 40 * MINUTE_MS,
    "until_ms": NOW_MS,
    "shards": 4,
    "readings": 1_482_903,
    "read": {"records": 9_121, "unreadable": 0, "missed": 0, "behind": 3},
    "changes": [{"rule": "depth", "change": "meaning"}],
    "differences": {
        "count": 2,
        "counts": [
            {"rule": "depth", "kind": "later", "level": "orange", "count": 1},
            {"rule": "depth", "kind": "only-live", "level": "yellow", "count": 1},
        ],
        "list": [
            _difference("only-live", "BA-WL-0001", "yellow", "none", 31, None),
            _difference("later", "BA-WL-0002", "orange", "orange", 22, 4),
        ],
    },
    "reset": {
        "count": 1,
        "counts": [{"rule": "depth", "kind": "only-live", "level": "red", "count": 1}],
        "list": [_difference("only-live", "BA-WL-0003", "red", "none", 40, 2)],
    },
    "filling": LEFT,
    "tickets": {
        "live": 6,
        "candidate": 6,
        "more": [{"title": "创业路低洼路段 积水深度", "level": "orange", "reported_ms": NOW_MS}],
        "less": [{"title": "前进路下穿 积水深度", "level": "yellow", "reported_ms": NOW_MS}],
        "other_level": [],
    },
    "live": {"pack": "baoan", "version": "2026.10.1", "meaning": "a", "number": 2},
    "candidate": {"pack": "baoan", "version": "2026.11.1", "meaning": "b", "number": None},
    "by": "王工",
    "replaced_meanwhile": False,
}

BACKTEST: dict[str, Any] = {
    "kind": "backtest",
    "pack": {"name": "baoan", "version": "2026.11.1", "meaning": "b"},
    "from": "2023-09-07T18:00:00+08:00",
    "to": "2023-09-08T06:00:00+08:00",
    "readings": 1_000,
    "alerts": 7,
    "rules": [{"rule": "depth", "title": "积水深度", "alerts": 7, "levels": {"red": 2, "blue": 5}, "subjects": 4}],
    "live": {"exact": False, "same": 6, "new": [{}], "gone": [], "changed": []},
    "truth": None,
}


def version(by: str, why: str, minutes: float = 0) -> RuleVersion:
    """A pack that somebody hands in, so many minutes ago; its files are other ones for another reason."""
    at_ms = int(wall_ms() - minutes * MINUTE_MS)
    head = {"pack": "baoan", "label": "2026.11.1", "title": "宝安区规则包", "meaning": f"{crc32(why.encode()):08x}"}
    return RuleVersion(number=0, **head, files={"baoan/pack.yaml": why}, by=by, why=why, at_ms=at_ms)


def published(store: RuleStore, by: str, approved_by: str, why: str = "改门槛", minutes: float = 0) -> Publication:
    """A version that is in force."""
    proposal = store.propose(version(by, why, minutes))
    return store.approve(proposal.id, approved_by, int(wall_ms() - minutes * MINUTE_MS))
