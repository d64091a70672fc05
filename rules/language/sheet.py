"""One file of rules while it is read: what it may name, and the mistakes that are found in it."""

import re
from collections.abc import Callable, Collection
from itertools import pairwise
from typing import TypeVar

from city.catalogue import Catalogue
from city.errors import ConfigError
from city.misfits import Place, nearest
from city.yamlfile import YamlFile
from rules.language.expressions import Node
from rules.language.meaning import number_of, truth_of
from rules.language.parser import ExpressionError
from rules.language.quantities import parse_duration_ms, parse_quantity
from rules.language.schema import RulesFile, Scalar
from rules.language.vocabulary import Vocabulary, classes_of

LONGEST_TITLE = 100
_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DURATION_REMEDY = "write a number and s, m, h or d, as in 5m"

T = TypeVar("T")


class Sheet:
    """A file with its classes. What is wrong with it gathers in `errors`."""

    def __init__(self, file: YamlFile[RulesFile], vocabulary: Vocabulary) -> None:
        self.errors: list[ConfigError] = []
        self.file, self.vocabulary = file, vocabulary
        self.classes = self._known_classes()

    @property
    def catalogue(self) -> Catalogue:
        return self.vocabulary.catalogue

    def _known_classes(self) -> tuple[str, ...]:
        node = self.file.value
        if (node.rules or node.derive) and bool(node.classes) == bool(node.risk_class):
            self.error(("rules",), "the file must say either class or classes", "e.g. class: waterlogging")
        known = [c.slug for c in self.catalogue.classes]
        if node.risk_class is not None:
            self.known(("class",), "class", node.risk_class, known)
        for i, name in enumerate(node.classes or []):
            self.known(("classes", i), "class", name, known)
        return tuple(name for name in classes_of(self.file) if name in known)

    def error(self, at: Place, message: str, remedy: str) -> None:
        self.errors.append(self.file.error(at, message, remedy))

    def known(self, at: Place, what: str, name: str, known: Collection[str]) -> None:
        if name not in known:
            self.error(at, f"{what} {name!r} is not in the catalogue", nearest(name, known))

    def types(self, at: Place, slugs: list[str] | None) -> tuple[str, ...] | None:
        """Types of devices, None for all of a class."""
        for k, slug in enumerate(slugs or []):
            self.known((*at, "device_types", k), "device type", slug, [t.slug for t in self.catalogue.device_types])
        if slugs == []:
            self.error((*at, "device_types"), "device_types is empty", "remove it for all types of the class")
        return None if slugs is None else tuple(slugs)

    def word(self, at: Place, word: str) -> None:
        if not _WORD.fullmatch(word):
            remedy = "small letters, digits and hyphens, at most 64 of them"
            self.error(at, f"{word!r:.80} is no word for machines", remedy)

    def texts(self, at: Place, title: str, source: str) -> None:
        if not 1 <= len(title.strip()) <= LONGEST_TITLE:
            message = f"a title has 1 to {LONGEST_TITLE} letters"
            self.error((*at, "title"), message, "say it shorter; more goes to source")
        self.source((*at, "source"), source)

    def source(self, at: Place, source: str) -> None:
        if not source.strip():
            self.error(at, "source is empty", "where the numbers come from, e.g. operator default")

    def rising(self, at: Place, marks: list[tuple[float, float]], word: str) -> None:
        if not marks:
            self.error(at, "no level has a mark", "e.g. levels: {yellow: 15 cm}")
        if any(later <= earlier for earlier, later in pairwise(marks)):
            self.error(at, f"each further colour must be {word}", "blue, yellow, orange, red in that order")

    def duration(self, at: Place, text: Scalar) -> int:
        return self.attempt(at, parse_duration_ms, text, _DURATION_REMEDY) or 0

    def quantity(self, at: Place, text: Scalar | None, unit: str, bare_zero: bool = False) -> float | None:
        if text is None or (bare_zero and text == 0):
            return None
        return self.attempt(
            at, lambda t: parse_quantity(t, unit), text, f"e.g. 15 {unit}" if unit != "1" else "e.g. 15"
        )

    def attempt(self, at: Place, parse: Callable[[Scalar], T], text: Scalar, remedy: str) -> T | None:
        try:
            return parse(text)
        except ValueError as error:
            self.error(at, str(error), remedy)
            return None

    def truth(self, at: Place, text: str, per: str) -> Node | None:
        """The meaning of an expression that is true or false."""
        return self._expression(at, lambda: truth_of(text, self.vocabulary.names(self.classes, per)))

    def number(self, at: Place, text: str, per: str, unit: str) -> Node | None:
        """The meaning of an expression that is a number, in a unit."""
        return self._expression(at, lambda: number_of(text, self.vocabulary.names(self.classes, per), unit))

    def _expression(self, at: Place, read: Callable[[], Node]) -> Node | None:
        if not self.classes:
            return None
        try:
            return read()
        except ExpressionError as error:
            self.errors.append(self.file.error_within(at, error.offset, error.message, error.remedy))
            return None
