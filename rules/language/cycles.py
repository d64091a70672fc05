"""What depends on what in a pack: no circles; and a rule changes its meaning with what it judges."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from city.errors import ConfigError
from city.yamlfile import YamlFile
from rules.language.expressions import Gathered, Node, Reading, own_indicators, rules_named
from rules.language.level_rules import condition_name
from rules.language.pack import Derivation, LevelRule, Rule, meaning_of
from rules.language.schema import RulesFile

Name = tuple[str, ...]
"""("rule", id), or ("indicator", risk class, per, id)."""
Graph = dict[Name, set[Name]]


def cycles(files: list[YamlFile[RulesFile]], derivations: list[Derivation], rules: list[Rule]) -> Iterator[ConfigError]:
    """A circle of rules and derived indicators that need each other, if there is one."""
    try:
        tuple(TopologicalSorter(_graph(derivations, rules)).static_order())
    except CycleError as error:
        circle = [name[-1].lstrip(":") for name in error.args[1]]
        yield _at(files, circle, f"{' needs '.join(dict.fromkeys(circle))}, which needs {circle[0]} again")


def with_basis(rules: list[LevelRule], derivations: list[Derivation]) -> tuple[LevelRule, ...]:
    """The rules, each with the hash of what its indicators are derived from."""
    by_name = {(c, d.per, d.indicator): d for d in derivations for c in d.classes}
    return tuple(replace(rule, basis=_basis(rule, by_name)) for rule in rules)


def order(derivations: list[Derivation], measured: Iterable[str]) -> list[Derivation]:
    """Of the derivations of one kind of subject, those that it has all own indicators for: time and again the first in
    the pack's order that has all that it needs."""
    available, waiting, found = set(measured), list(derivations), []
    while ready := next((d for d in waiting if available.issuperset(own_indicators(d.value))), None):
        waiting.remove(ready)
        available.add(ready.indicator)
        found.append(ready)
    return found


def _basis(rule: LevelRule, by_name: Mapping[tuple[str, str, str], Derivation]) -> str:
    waiting = [(c, rule.per, name) for c in rule.classes for name in (rule.indicator, *_owned(rule.conditions))]
    found: dict[tuple[str, str, str], Derivation] = {}
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in found:
            found[name] = by_name[name]
            waiting += [(name[0], name[1], own) for own in own_indicators(by_name[name].value)]
    return meaning_of([(name, found[name].value, found[name].unit) for name in sorted(found)]) if found else ""


def _owned(nodes: tuple[Node, ...]) -> list[str]:
    return [name for node in nodes for name in own_indicators(node)]


def _graph(derivations: list[Derivation], rules: list[Rule]) -> Graph:
    graph: Graph = {}
    everywhere: dict[str, set[Name]] = {}
    for d in derivations:
        for risk_class in d.classes:
            everywhere.setdefault(d.indicator, set()).add(("indicator", risk_class, d.per, d.indicator))
    for d in derivations:
        for risk_class in d.classes:
            name = ("indicator", risk_class, d.per, d.indicator)
            graph.setdefault(name, set()).update(_needs((d.value,), risk_class, d.per, everywhere))
    for rule in rules:
        if isinstance(rule, LevelRule):
            needs = graph.setdefault(("rule", rule.id), set())
            for risk_class in rule.classes:
                needs.add(("indicator", risk_class, rule.per, rule.indicator))
                needs.update(_needs(rule.conditions, risk_class, rule.per, everywhere))
    return graph


def _needs(nodes: tuple[Node, ...], risk_class: str, per: str, everywhere: dict[str, set[Name]]) -> Iterator[Name]:
    for node in nodes:
        yield from (("indicator", risk_class, per, own) for own in own_indicators(node))
        yield from (("rule", rule) for rule in rules_named(node))
        for part in node.walk():
            if isinstance(part, Gathered) and isinstance(part.member, Reading):
                yield from everywhere.get(part.member.indicator, ())


def _at(files: list[YamlFile[RulesFile]], circle: list[str], message: str) -> ConfigError:
    """The error at the first rule or derived indicator of the circle that a file has."""
    for file in files:
        for i, rule in enumerate(file.value.rules):
            if rule.id in circle or condition_name(rule.id) in circle:
                return file.error(("rules", i, "id"), message, "break the circle: one of them must not name the next")
        for i, node in enumerate(file.value.derive):
            if node.indicator in circle:
                remedy = "break the circle: one of them must not name the next"
                return file.error(("derive", i, "indicator"), message, remedy)
    raise AssertionError("a circle goes through something that a file has")
