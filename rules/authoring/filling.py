"""How long a candidate's windows take to fill that nobody has filled yet."""

from collections.abc import Iterator

from rules.language.expressions import Usual, Window
from rules.language.pack import Derivation, LevelRule, Pack

DAY_MS = 86_400_000
Memory = tuple[Window | Usual, Derivation | None]
"""What is looked back on, and how its indicator is computed, where it is not measured."""


def filling_ms(live: Pack, candidate: Pack) -> dict[str, int]:
    """By rule of the candidate that looks back on what no rule in force remembers: the longest time that it does."""
    remembered = {memory for rule in live.levels for memory in _memories(rule, live)}
    found: dict[str, int] = {}
    for rule in candidate.levels:
        new = set(_memories(rule, candidate)) - remembered
        if new:
            found[rule.id] = max(_length_ms(node) for node, _ in new)
    return found


def _memories(rule: LevelRule, pack: Pack) -> Iterator[Memory]:
    derived = {d.indicator: d for d in pack.derivations if set(d.classes) & set(rule.classes)}
    waiting, seen = [rule.indicator], set[str]()
    nodes = [node for condition in rule.conditions for node in condition.walk()]
    while waiting or nodes:
        for node in nodes:
            if isinstance(node, (Window, Usual)):
                yield node, derived.get(node.indicator)
            waiting += [node.indicator] if hasattr(node, "indicator") else []
        found = set(waiting) - seen
        seen |= found
        nodes = [node for name in found if name in derived for node in derived[name].value.walk()]
        waiting = []


def _length_ms(node: Window | Usual) -> int:
    return node.length_ms if isinstance(node, Window) else node.days * DAY_MS
