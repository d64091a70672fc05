"""What the files of a pack name together: indicators with their units, rules, types of devices."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from city.catalogue import Catalogue, Indicator
from city.yamlfile import YamlFile
from rules.language.operators import Known, Names
from rules.language.pack import DEVICE
from rules.language.schema import DeriveNode, RulesFile


@dataclass(frozen=True)
class Vocabulary:
    """`derived`: by class and subject, the indicators that are derived there. `anywhere`: every indicator by its id."""

    catalogue: Catalogue
    derived: Mapping[tuple[str, str], Mapping[str, Known]]
    anywhere: Mapping[str, Known]
    rules: frozenset[str]
    types: frozenset[str]

    def names(self, classes: tuple[str, ...], per: str) -> Names:
        """What expressions about a kind of subject may name, in all of these classes alike."""
        owns = [self._own(risk_class, per) for risk_class in classes]
        shared = {id_: known for id_, known in owns[0].items() if all(own.get(id_) == known for own in owns)}
        return Names(shared if owns else {}, self.anywhere, self.rules, self.types, per)

    def known(self, risk_class: str, per: str, name: str) -> Known | None:
        return self._own(risk_class, per).get(name)

    def _own(self, risk_class: str, per: str) -> dict[str, Known]:
        derived = self.derived.get((risk_class, per), {})
        if per != DEVICE:
            return dict(derived)
        return {**{i.id: known_as(i) for i in self.catalogue.of_class(risk_class)}, **derived}


def known_as(indicator: Indicator) -> Known:
    """An indicator of the catalogue as expressions see it."""
    return Known(indicator.unit, is_truth(indicator), indicator.valid_min, indicator.valid_max)


def is_truth(indicator: Indicator) -> bool:
    return indicator.unit == "1" and (indicator.valid_min, indicator.valid_max) == (0, 1)


def vocabulary_of(files: Iterable[YamlFile[RulesFile]], catalogue: Catalogue) -> Vocabulary:
    """What the files name. What is wrong with a name is said where the file is read."""
    derived: dict[tuple[str, str], dict[str, Known]] = {}
    anywhere = {i.id: known_as(i) for i in catalogue.indicators}
    rules: list[str] = []
    for file in files:
        rules += [rule.id for rule in file.value.rules]
        for risk_class in classes_of(file):
            for node in file.value.derive:
                known = derived_as(node, risk_class, catalogue)
                derived.setdefault((risk_class, node.per), {})[node.indicator] = known
                anywhere.setdefault(node.indicator, known)
    types = frozenset(t.slug for t in catalogue.device_types)
    return Vocabulary(catalogue, derived, anywhere, frozenset(rules), types)


def derived_as(node: DeriveNode, risk_class: str, catalogue: Catalogue) -> Known:
    """A derived indicator: as the catalogue has it, or else in the unit that the file gives."""
    named: dict[str, Any] = {i.id: i for i in catalogue.of_class(risk_class)}
    return known_as(named[node.indicator]) if node.indicator in named else Known(node.unit or "1")


def classes_of(file: YamlFile[RulesFile]) -> list[str]:
    return file.value.classes or [file.value.risk_class or ""]
