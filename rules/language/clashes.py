"""What the rules of a pack must not do to each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from city.errors import ConfigError
from city.misfits import Place
from city.yamlfile import YamlFile
from rules.language.schema import RuleNode, RulesFile


@dataclass(frozen=True)
class _Written:
    """A name where a file gives it."""

    name: str
    file: YamlFile[RulesFile]
    place: Place

    @property
    def where(self) -> str:
        return f"{self.file.path.name}:{self.file.mark(self.place)[0]}"

    def error(self, message: str, remedy: str) -> ConfigError:
        return self.file.error(self.place, message, remedy)


@dataclass(frozen=True)
class _Watcher(_Written):
    """An absence rule `of: any`. `types`: None for all of its classes."""

    classes: frozenset[str]
    types: frozenset[str] | None

    def shares(self, other: "_Watcher") -> list[str]:
        """The classes in which both watch the same devices."""
        apart = self.types is not None and other.types is not None and not self.types & other.types
        return [] if apart else sorted(self.classes & other.classes)


def clashes(files: list[YamlFile[RulesFile]]) -> Iterator[ConfigError]:
    """Ids that are used twice, and silences that two rules watch."""
    first: dict[str, _Written] = {}
    for rule in _names(files):
        if rule.name in first:
            message = f"rule id {rule.name!r} is used twice, first at {first[rule.name].where}"
            yield rule.error(message, "ids are unique in a pack; a kind of parent has one rule")
        first.setdefault(rule.name, rule)
    for one, other in combinations(_watchers(files), 2):
        for risk_class in one.shares(other):
            message = f"{other.name} and {one.name} ({one.where}) both watch all signs of life in {risk_class}"
            yield other.error(message, "give each its own device_types")


def _names(files: list[YamlFile[RulesFile]]) -> Iterator[_Written]:
    for file in files:
        for i, rule in enumerate(file.value.rules):
            yield _Written(rule.id, file, ("rules", i, "id"))
        for i, parent in enumerate(file.value.parents):
            yield _Written(f"{parent.kind}-dark", file, ("parents", i, "kind"))


def _watchers(files: list[YamlFile[RulesFile]]) -> Iterator[_Watcher]:
    for file in files:
        classes = frozenset((*(file.value.classes or ()), *filter(None, [file.value.risk_class])))
        for i, rule in enumerate(file.value.rules):
            if rule.absence is not None and rule.absence.of == "any":
                yield _Watcher(rule.id, file, ("rules", i, "absence"), classes, _types(rule))


def _types(rule: RuleNode) -> frozenset[str] | None:
    return None if rule.device_types is None else frozenset(rule.device_types)
