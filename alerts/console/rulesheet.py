"""A RuleSheet determines how the rules are laid out for people: by domain and class, what is wrong and what speaks now
before the rest, and only what was asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from alerts.console.queries import Disabled, ShardLine
from alerts.console.rulequeries import Deeds
from alerts.console.sight import RulesTold, rules_told
from alerts.rulebook import Judges, RuleBook, RuleCard
from city.catalogue import Catalogue
from city.transitions import Nature

SHARED, LINKS = "shared", "links"
"""Sections of rules that are of several classes, and of what devices hang on."""


@dataclass(frozen=True)
class RuleRow:
    """A rule with what it did. `stopped`: the incident that says it is disabled."""

    card: RuleCard
    deeds: Deeds
    stopped: Disabled | None

    @property
    def idle(self) -> bool:
        """Whether it has nothing that it could judge, though its class has devices."""
        return self.card.devices == 0 and self.card.wired

    @property
    def speaks(self) -> bool:
        """Whether it has something to say now, of the city or of itself."""
        return self.stopped is not None or (self.deeds.worst > 0 and self.card.nature is Nature.HAZARD)


@dataclass(frozen=True)
class Section:
    """Rules of one class. `slug`: the class's, SHARED or LINKS; `rows` may be cut to what was asked for, `count` is
    how many there are."""

    slug: str
    domain: str
    name: str
    rows: tuple[RuleRow, ...]
    count: int


STATES: dict[str, tuple[str, Callable[[RuleRow], bool]]] = {
    "open": ("正在预警", lambda row: sum(row.deeds.open) > 0),
    "suspected": ("有存疑", lambda row: row.deeds.suspected > 0),
    "stopped": ("已停用", lambda row: row.stopped is not None),
    "idle": ("无设备", lambda row: row.idle),
}
"""How rules can be picked: a word of the address, what people read, and the test."""


@dataclass(frozen=True)
class Asked:
    """What somebody wants to see: rules of a class, with some words in them, in a state. Empty: all."""

    section: str = ""
    words: str = ""
    state: str = ""

    def picks(self, row: RuleRow) -> bool:
        said = _everything(row.card)
        fits = self.state not in STATES or STATES[self.state][1](row)
        return fits and all(word in said for word in self.words.lower().split())


@dataclass(frozen=True)
class RuleSheet:
    """`states`: of all rules, how many are in each state, with its words. `speaking`: those with open risks or that
    were disabled, worst first."""

    sections: tuple[Section, ...]
    states: tuple[tuple[str, str, int], ...]
    speaking: tuple[RuleRow, ...]
    count: int

    @property
    def shown(self) -> int:
        return sum(len(section.rows) for section in self.sections)


def rule_rows(book: RuleBook, deeds: Mapping[str, Deeds], disabled: Iterable[Disabled]) -> list[RuleRow]:
    """Every rule of a book with what it did."""
    stopped = {one.rule: one for one in disabled}
    return [
        RuleRow(card, deeds.get(card.id, Deeds()), next((stopped[n] for n in _fails_as(card) if n in stopped), None))
        for card in book.rules
    ]


def rule_sheet(rows: list[RuleRow], catalogue: Catalogue, asked: Asked) -> RuleSheet:
    """The rules that were asked for, in sections by domain and class; the shared ones come last."""
    by_section: dict[str, list[RuleRow]] = {}
    for row in rows:
        by_section.setdefault(section_of(row.card), []).append(row)
    sections = [
        Section(slug, domain, name, tuple(row for row in own if asked.picks(row)), len(own))
        for slug, domain, name in _places(catalogue)
        if (own := by_section.get(slug, []))
    ]
    states = tuple((slug, words, sum(test(row) for row in rows)) for slug, (words, test) in STATES.items())
    wanted = [one if asked.section in ("", one.slug) else _without_rows(one) for one in sections]
    speaking = sorted((row for row in rows if row.speaks), key=lambda row: (row.stopped is None, -row.deeds.worst))
    return RuleSheet(tuple(wanted), states, tuple(speaking), len(rows))


def section_of(card: RuleCard) -> str:
    """The section that a rule stands in."""
    if card.judges is Judges.PARENT:
        return LINKS
    return card.classes[0] if len(card.classes) == 1 else SHARED


@dataclass(frozen=True)
class Judging:
    """What the workers that judge say of their rules. `packs`: name with version, and since when (by the wall), of each
    that some of them have; `differs`: they are not the ones shown."""

    packs: tuple[tuple[str, int], ...]
    differs: bool


def judging(shards: Iterable[ShardLine], book: RuleBook) -> Judging:
    """Which rules are in force, as the shards' checkpoints tell."""
    newest: dict[RulesTold, int] = {}
    for line in shards:
        if (rules := rules_told(line.status)) is not None:
            newest[rules] = max(newest.get(rules, 0), int(line.status["rules"]["loaded_wall_ms"]))
    packs = sorted((rules.zh, loaded) for rules, loaded in newest.items())
    return Judging(tuple(packs), any(rules.meaning != book.meaning for rules in newest))


def _without_rows(section: Section) -> Section:
    return Section(section.slug, section.domain, section.name, (), section.count)


def _places(catalogue: Catalogue) -> Iterator[tuple[str, str, str]]:
    """Slug, domain and name of every section."""
    for domain in catalogue.domains:
        for of_class in catalogue.classes:
            if of_class.domain == domain.slug:
                yield of_class.slug, domain.name, of_class.name
    yield SHARED, "通用", "多类通用"
    yield LINKS, "通用", "上级与链路"


def _fails_as(card: RuleCard) -> Iterator[str]:
    """The names under which the engine disables what a rule needs: its own, and `class/indicator`."""
    yield card.id
    for risk_class in card.classes:
        for formula in card.formulas:
            yield f"{risk_class}/{formula.name}"


def _everything(card: RuleCard) -> str:
    """All words of a rule, in small letters."""
    parts = [card.id, card.title, card.indicator, card.indicator_name, card.source, card.cause, card.when]
    parts += [word for step in card.steps for word in (step.mark, *step.actions)]
    parts += [word for formula in card.formulas for word in (formula.name, formula.text)]
    parts += [adjustment.text for adjustment in card.adjustments]
    parts += card.witnesses.texts if card.witnesses else ()
    return " ".join(parts).lower()
