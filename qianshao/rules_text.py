"""What `qianshao rules` prints: the answers of rules/authoring as text, and as plain data for --json."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from city.errors import ConfigError

if TYPE_CHECKING:
    from rules.authoring.diff import RuleChange
    from rules.authoring.explain import Explanation
    from rules.authoring.lint import Remark
    from rules.authoring.testing import Coverage, Outcome


def listed(found: dict[str, Any]) -> str:
    """What `listing` gives, by domain and class."""
    lines = [f"{found['title']} {found['version']} ({found['pack']})"]
    for domain in found["domains"]:
        lines.append(f"\n{domain['name']} {domain['slug']}")
        for of_class in domain["classes"]:
            lines.append(f"  {of_class['code']} {of_class['name']} {of_class['slug']}")
            lines += [f"    指标 {_indicator_line(indicator)}" for indicator in of_class["indicators"]]
            lines += [f"    规则 {_rule_line(rule)}" for rule in of_class["rules"]]
    lines += ["\n上级", *(f"    规则 {_rule_line(rule)}" for rule in found["parents"])]
    return "\n".join(lines)


def _indicator_line(indicator: dict[str, Any]) -> str:
    least, most = indicator["range"]
    judged = f" <- {', '.join(indicator['rules'])}" if indicator["rules"] else ""
    return f"{indicator['id']} {indicator['name']} [{indicator['unit']}] {least:g}..{most:g}{judged}"


def _rule_line(rule: dict[str, Any]) -> str:
    levels = ", ".join(f"{level} {text}" for level, text in rule["levels"].items())
    return f"{rule['id']} {rule['title']}: {levels} ({rule['source']}) {rule['file']}:{rule['line']}"


def lint_data(errors: list[ConfigError], remarks: "list[Remark]") -> dict[str, Any]:
    """Errors and remarks, each with its place."""
    names = ("file", "line", "column", "message", "remedy")
    return {
        "errors": [{name: _plain(getattr(error, name)) for name in names} for error in errors],
        "remarks": [{name: _plain(value) for name, value in asdict(remark).items()} for remark in remarks],
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def linted(errors: list[ConfigError], remarks: "list[Remark]") -> str:
    """The same, a line each."""
    odd = [f"{r.file}:{r.line}:{r.column}: {r.code}: {r.rule}: {r.message} ({r.remedy})" for r in remarks]
    return "\n".join([*map(str, errors), *odd, f"{len(errors)} errors, {len(remarks)} remarks"])


def test_data(outcomes: "list[Outcome]", covered: "Coverage") -> dict[str, Any]:
    """Each test with its failures, and what none of them reaches."""
    tests = [
        {
            "name": o.test.node.name,
            "file": str(o.test.file),
            "line": o.test.line,
            "passed": not o.failures,
            "failures": [asdict(failure) for failure in o.failures],
        }
        for o in outcomes
    ]
    unreached = [f"{rule} {level.slug}" for rule, level in covered.unreached_levels]
    counts = {"rules": covered.rules, "unreached_rules": covered.unreached_rules, "levels": covered.levels}
    return {"tests": tests, "coverage": {**counts, "unreached_levels": unreached}}


def tested(outcomes: "list[Outcome]", covered: "Coverage") -> str:
    """The tests that failed, how many there were, and what none of them reaches."""
    return "\n".join([*failures(outcomes), *_covered(covered)])


def failures(outcomes: "list[Outcome]") -> Iterator[str]:
    """Tests that failed, each with what was expected and what came, and how many there were."""
    failed = [outcome for outcome in outcomes if outcome.failures]
    for outcome in failed:
        yield f"{outcome.test.file}:{outcome.test.line}: {outcome.test.node.name}"
        for failure in outcome.failures:
            yield f"    expected {failure.expected}"
            yield f"    came     {failure.came}"
    yield f"{len(outcomes)} tests, {len(failed)} failed"


def _covered(covered: "Coverage") -> Iterator[str]:
    rules, levels = covered.rules - len(covered.unreached_rules), covered.levels - len(covered.unreached_levels)
    yield f"reached: {rules} of {covered.rules} rules, {levels} of {covered.levels} levels"
    if covered.unreached_rules:
        yield "never reached: " + ", ".join(covered.unreached_rules)


def diff_data(changes: "list[RuleChange]") -> dict[str, Any]:
    """Every rule that differs."""
    return {"changes": [_change_data(change) for change in changes]}


def _change_data(change: "RuleChange") -> dict[str, Any]:
    details = [{"field": name, "before": old, "after": new} for name, old, new in change.details]
    return {"rule": change.rule, "change": change.change.value, "timers": _timers(change), "details": details}


def compared(changes: "list[RuleChange]") -> str:
    """Every rule that differs, and below it in what."""
    return "\n".join(map(_changed, changes)) or "nothing changes"


def _changed(change: "RuleChange") -> str:
    details = [f"    {name}: {old or '-'} -> {new or '-'}" for name, old, new in change.details]
    return "\n".join([f"{change.rule}: {change.change.value}, timers {_timers(change)}", *details])


def _timers(change: "RuleChange") -> str:
    return {"added": "begin", "removed": "end"}.get(change.change.value, "kept" if change.timers_kept else "begin anew")


def clock(found: "Explanation", time_zone: str) -> dict[int, str]:
    """Local time of each step, by its ms."""
    zone = ZoneInfo(time_zone)
    return {s.at_ms: f"{datetime.fromtimestamp(s.at_ms / 1000, zone):%Y-%m-%d %H:%M:%S}" for s in found.steps}


def explained(found: "Explanation", times: dict[int, str]) -> str:
    """An alert, the thresholds where it came, and each step. A `-` is of a device that hangs on its subject, a `?` of
    an expression, a `>` of the alert's level."""
    marks = ", ".join(f"{level.slug} {mark:g} {found.unit}" for level, mark in found.marks.items())
    lines = [f"{found.alert} {found.rule.id} {found.rule.title} on {found.subject}", f"source: {found.rule.source}"]
    lines += [f"thresholds there: {marks}"] if marks else []
    for step in found.steps:
        sign = {"reading": " ", "device": "-", "expression": "?", "transition": ">"}[step.kind]
        level = f"  [{step.level.slug}]" if step.kind == "reading" and step.level else ""
        lines.append(f"{times[step.at_ms]} {sign} {step.text}{level}")
    return "\n".join(lines)


def backtested(found: dict[str, Any]) -> str:
    """A report of qianshao/backtest_report.py: what was judged, what came of it, and in what that differs from what was
    told live and from the truth."""
    pack, rate = found["pack"], found["readings"] / max(found["seconds"], 0.01)
    lines = [f"{pack['name']} {pack['version']} ({pack['meaning']}), {found['from']} .. {found['to']}"]
    lines.append(
        f"{found['readings']} readings and {found['ticks']} ticks of {found['shards']} shards, {rate:.0f} readings/s"
    )
    lines += [f"  lost: {loss['path']}: {loss['rows']} rows: {loss['why']}" for loss in found["losses"]]
    lines += [f"  never archived: offsets {gap['first']}..{gap['last']} of {_partition(gap)}" for gap in found["gaps"]]
    lines.append(f"\n{found['alerts']} alerts, {len(found['incidents'])} incidents")
    for rule in found["rules"]:
        levels = ", ".join(f"{level} {n}" for level, n in rule["levels"].items())
        lines.append(f"  {rule['rule']} {rule['title']}: {rule['alerts']} on {rule['subjects']} ({levels})")
    lines += ["", *_compared_with_live(found["live"])]
    if found["truth"] is not None:
        lines += ["", *_compared_with_truth(found["truth"])]
    return "\n".join(lines)


def _partition(gap: dict[str, Any]) -> str:
    return f"{gap['place']['topic']}/{gap['place']['partition']}"


def _compared_with_live(live: dict[str, Any]) -> Iterator[str]:
    counts = ", ".join(f"{len(live[name])} {name}" for name in ("changed", "new", "gone"))
    yield f"against the {live['alerts']} alerts that were told: {live['same']} the same, {counts}"
    for each in live["changed"]:
        yield f"  changed: {_told(each['live'])} -> {_told(each['now'])}"
    yield from (f"  {name}: {_told(each)}" for name in ("new", "gone") for each in live[name])


def _told(spell: dict[str, Any]) -> str:
    return f"{spell['rule']}@{spell['subject']} {spell['peak_level']} {spell['from']} .. {spell['to'] or ''}".rstrip()


def _compared_with_truth(truth: dict[str, Any]) -> Iterator[str]:
    names = ("expected", "caught", "missed", "false", "off_level", "precision", "recall", "lead_p10_s", "lead_p50_s")
    yield "truth: " + ", ".join(f"{name} {truth[name]}" for name in names)
    for name in ("missed", "false", "off_level"):
        yield from (f"  {name}: {each}" for each in truth[f"{name}_details"])
