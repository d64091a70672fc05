"""What `qianshao rules shadow` prints."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

LISTED = 20
WORDS = {
    "only-candidate": "{candidate} only with the candidate",
    "only-live": "{live} only as it is",
    "other-level": "{candidate} with the candidate, {live} as it is",
    "earlier": "{candidate} {by} earlier with the candidate",
    "later": "{candidate} {by} later with the candidate",
    "other-words": "{candidate} to both, but suspected, explained or advised otherwise",
}


def shadowed(report: dict[str, Any]) -> str:
    """The differences first, one by one; then what only began anew, tickets, and how much of the log it was."""
    at = _clock(report["time_zone"])
    parts = [
        *_group("differences", report["differences"], at),
        *_group("only since timers begin anew at a publication", report["reset"], at),
        *_group("while windows were filling", report["filling"], at),
        _tickets(report["tickets"]),
        _log(report, at),
    ]
    return "\n".join(parts)


def _group(what: str, group: dict[str, Any], at: Callable[[int], str]) -> Iterator[str]:
    yield f"{what}: {group['count']}"
    for row in group["counts"]:
        yield f"    {row['rule']}: {row['kind']} {row['level']} x {row['count']}"
    for row in group["list"][:LISTED]:
        until = at(row["until_ms"]) if row["until_ms"] is not None else "now"
        words = WORDS[row["kind"]].format(by=_span(row["by_ms"]), **row)
        yield f"  {at(row['from_ms'])} to {until}  {row['rule']} on {row['subject']}: {words}"
    if group["count"] > LISTED:
        yield f"  and {group['count'] - LISTED} more, see --json or --report"


def _tickets(tickets: dict[str, Any]) -> str:
    more, less, other = (len(tickets[name]) for name in ("more", "less", "other_level"))
    lines = [f"tickets: {tickets['live']} as it is, {tickets['candidate']} with the candidate"]
    lines[0] += f" ({more} more, {less} less, {other} at another level)"
    for sign, name in (("+", "more"), ("-", "less")):
        lines += [f"  {sign} {ticket['level']} {ticket['title']}" for ticket in tickets[name][:LISTED]]
    return "\n".join(lines)


def _log(report: dict[str, Any], at: Callable[[int], str]) -> str:
    read, told = report["read"], ", ".join(f"{c['rule']} {c['change']}" for c in report["changes"]) or "no rule"
    log = "nothing" if report["from_ms"] is None else f"{at(report['from_ms'])} to {at(report['until_ms'])}"
    lines = [
        f"changed in meaning: {told}",
        f"judged: {log}, {report['readings']} readings in {report['shards']} shards, {read['behind']} records behind",
    ]
    lines += [f"the log had forgotten {read['missed']} records since the checkpoints"] if read["missed"] else []
    lines += [f"unreadable records: {read['unreadable']}"] if read["unreadable"] else []
    lines += ["other rules came into force meanwhile: compare anew"] if report["replaced_meanwhile"] else []
    lines += ["the database does not answer: this is kept nowhere else"] if report["id"] is None else []
    return "\n".join([*lines, f"report {report['id']}"])


def _span(ms: int | None) -> str:
    return "" if ms is None else f"{ms / 60_000:g} min" if ms >= 60_000 else f"{ms / 1000:g} s"


def _clock(time_zone: str) -> Callable[[int], str]:
    zone = ZoneInfo(time_zone)
    return lambda ms: f"{datetime.fromtimestamp(ms / 1000, zone):%Y-%m-%d %H:%M:%S}"
