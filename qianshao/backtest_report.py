"""What a backtest found, as plain data: for --json, for pages, and to be told as text."""

from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from alerts.book import Incident
from city.levels import LEVELS
from qianshao.backtest import Backtest
from qianshao.observed import details, observed_in_book, summary
from qianshao.truth import Truth
from rules.authoring.backtest import Comparison, RuleCount, Spell
from simulators.score import Score, score

KIND = "backtest"


def report(found: Backtest, time_zone: str, truth: Truth | None = None) -> dict[str, Any]:
    """Everything but the transitions themselves. Times are in the city's time zone; in `losses` and `gaps` is what
    could not be judged, since it is not in the archive any more, or never was."""
    zone, (first_ms, last_ms) = ZoneInfo(time_zone), found.span_ms
    return {
        "kind": KIND,
        "pack": {"name": found.pack.name, "version": found.pack.version, "meaning": found.pack.meaning},
        "from": _text(first_ms, zone),
        "to": _text(last_ms, zone),
        "readings": found.readings,
        "ticks": sum(each.ticks for each in found.judged),
        "shards": len(found.judged),
        "seconds": round(found.seconds, 2),
        "outcomes": dict(found.outcomes),
        "transitions": len(found.transitions),
        "alerts": len(found.alerts),
        "rules": [_rule(each) for each in found.counts],
        "incidents": [_incident(each, zone) for each in found.incidents],
        "live": _live(found.comparison, len(found.live), zone),
        "truth": None if truth is None else _truth(found, truth),
        "losses": [asdict(loss) for loss in found.losses],
        "gaps": [msgspec.to_builtins(gap) for gap in found.gaps],
    }


def lost_rows(data: dict[str, Any]) -> int:
    """Rows of the archive that could not be read."""
    return sum(loss["rows"] for loss in data["losses"])


def _text(ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(ms / 1000, zone).isoformat(timespec="seconds")


def _rule(of: RuleCount) -> dict[str, Any]:
    levels = {level.slug: of.peaks[level] for level in LEVELS if of.peaks[level]}
    nature, subjects = of.nature.value, len(of.subjects)
    return {
        "rule": of.rule,
        "title": of.title,
        "nature": nature,
        "alerts": of.alerts,
        "levels": levels,
        "subjects": subjects,
    }


def _incident(incident: Incident, zone: ZoneInfo) -> dict[str, Any]:
    recovered = None if incident.recovered_ms is None else _text(incident.recovered_ms, zone)
    names = ("id", "title", "cause", "subject", "risk_class", "area", "alerts")
    return {name: getattr(incident, name) for name in names} | {
        "nature": incident.nature.value,
        "peak_level": incident.peak_level.slug,
        "opened": _text(incident.opened_ms, zone),
        "recovered": recovered,
    }


def _live(compared: Comparison, told: int, zone: ZoneInfo) -> dict[str, Any]:
    """How the alerts differ from those that were told when the readings came."""
    return {
        "alerts": told,
        "exact": compared.exact,
        "same": compared.same,
        "changed": [{"live": _spell(live, zone), "now": _spell(now, zone)} for live, now in compared.changed],
        "new": [_spell(spell, zone) for spell in compared.new],
        "gone": [_spell(spell, zone) for spell in compared.gone],
    }


def _spell(spell: Spell, zone: ZoneInfo) -> dict[str, Any]:
    end = None if spell.end_ms is None else _text(spell.end_ms, zone)
    names = ("alert", "rule", "subject")
    from_to = {"from": _text(spell.begin_ms, zone), "to": end}
    return {name: getattr(spell, name) for name in names} | {"peak_level": spell.peak.slug, **from_to}


def _truth(found: Backtest, truth: Truth) -> dict[str, Any]:
    """The score of the incidents; how many of them were right, how many of what happened were told, and how long before
    it did."""
    counted = {incident.id for incident in found.incidents}
    said = [each for each in observed_in_book(found.book) if each.id in counted]
    if truth.classes is not None:
        said = [each for each in said if each.nature == "hazard" and each.risk_class in truth.classes]
    scored = score(truth.expected, said)
    right = len(scored.caught) + len(scored.allowed)
    return {
        "precision": _share(right, right + len(scored.false)),
        "recall": _share(len(scored.caught), scored.expected),
        **_lead(scored),
        **summary(scored),
        **details(scored),
    }


def _share(part: int, whole: int) -> float | None:
    """None of nothing."""
    return round(part / whole, 4) if whole else None


def _lead(scored: Score) -> dict[str, Any]:
    """From an incident's opening until what it is about was there, s; negative where it came after."""
    leads = [(catch.expected.onset_ms - catch.observed.opened_ms) / 1000 for catch in scored.caught]
    if not leads:
        return {"lead_p10_s": None, "lead_p50_s": None}
    return {"lead_p10_s": float(np.percentile(leads, 10)), "lead_p50_s": float(np.percentile(leads, 50))}
