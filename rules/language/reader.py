"""The rules of one file: words to meaning. Each mistake is an error at its place."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from city.errors import ConfigError
from city.misfits import Place
from city.transitions import Nature
from city.yamlfile import YamlFile
from rules.language.level_rules import read_conditions, read_derivation, read_level_rule
from rules.language.pack import DEVICE, Derivation, ParentRule, Rule
from rules.language.schema import RuleNode, RulesFile
from rules.language.sheet import Sheet
from rules.language.silence_rules import read_absence_rule, read_parent_rule
from rules.language.vocabulary import Vocabulary

T = TypeVar("T")


class Reader:
    """Gives meaning to one file. What is wrong with it gathers in `errors`."""

    def __init__(self, file: YamlFile[RulesFile], vocabulary: Vocabulary) -> None:
        self._sheet = Sheet(file, vocabulary)
        self._written = file.value
        if not self._written.rules and not self._written.parents and not self._written.derive:
            self._sheet.error((), "the file has neither rules nor parents", "add some, or remove the file")

    @property
    def errors(self) -> list[ConfigError]:
        return self._sheet.errors

    def rules(self) -> list[Rule]:
        """The rules that are sound."""
        return self._sound(self._rule, enumerate(self._written.rules))

    def parents(self) -> list[ParentRule]:
        """The parent rules that are sound."""
        return self._sound(lambda i, node: read_parent_rule(self._sheet, i, node), enumerate(self._written.parents))

    def derivations(self) -> list[Derivation]:
        """The derived indicators that are sound, those of rules' conditions after the file's own."""
        own = self._sound(lambda i, _: read_derivation(self._sheet, i), enumerate(self._written.derive))
        of_rules = self._sound(lambda i, node: read_conditions(self._sheet, i, node), enumerate(self._written.rules))
        return own + of_rules

    def _sound(self, read: Callable[[int, Any], T | None], nodes: Iterable[tuple[int, Any]]) -> list[T]:
        found = []
        for i, node in nodes:
            before = len(self.errors)
            value = read(i, node)
            if value is not None and len(self.errors) == before:
                found.append(value)
        return found

    def _rule(self, i: int, node: RuleNode) -> Rule | None:
        sheet, at = self._sheet, ("rules", i)
        sheet.word((*at, "id"), node.id)
        sheet.word((*at, "cause"), node.cause or node.id)
        sheet.texts(at, node.title, node.source)
        shared = self._shared(at, node)
        if node.absence is not None:
            return read_absence_rule(sheet, at, node.absence, shared)
        return read_level_rule(sheet, at, node, shared)

    def _shared(self, at: Place, node: RuleNode) -> dict[str, Any]:
        nature = Nature(node.nature)
        usual = "area" if nature is Nature.HAZARD else "device"
        return {
            "id": node.id,
            "title": node.title,
            "source": node.source,
            "confidence": node.confidence,
            "nature": nature,
            "classes": self._sheet.classes,
            "device_types": self._sheet.types(at, node.device_types),
            "clear_ms": self._sheet.duration((*at, "clear", "for"), node.clear.duration),
            "group": node.group or (usual if node.per == DEVICE else node.per),
            "cause": node.cause or node.id,
        }
