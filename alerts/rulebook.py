"""A RuleBook tells what the rules in force say, in their authors' words: data that the program makes of a rule pack and
the page shows. Rules and alerts do not know each other; they meet here."""

from enum import Enum

import msgspec

from city.levels import Level
from city.transitions import Nature


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Judges(Enum):
    """What a rule judges: the value of an indicator, conditions, silence, or the silence of all below a parent."""

    VALUE = "value"
    CONDITIONS = "conditions"
    SILENCE = "silence"
    PARENT = "parent"


class Step(_Data, frozen=True):
    """A level of a rule. `mark`: its threshold or condition, as written; `actions`: what is then to be done, what lower
    levels ask for first."""

    level: Level
    mark: str
    hold_ms: int = 0
    actions: tuple[str, ...] = ()


class Deviation(_Data, frozen=True):
    """Other thresholds at one place. `name`: the site's or area's; `marks`: of the rule's levels in their order, those
    that differ not empty; `by_rule`: the rule says so, else the site's own mark in the registry does."""

    id: str
    name: str
    marks: tuple[str, ...]
    by_rule: bool
    source: str = ""


class Formula(_Data, frozen=True):
    """An indicator that is computed: its name, unit, what of (`per`: device or a kind of place), and how."""

    name: str
    unit: str
    per: str
    text: str


class Adjustment(_Data, frozen=True):
    """While an expression is true, levels go up by so many (`by`), up to one (`to`), or no higher than one (`cap`)."""

    text: str
    by: int = 0
    to: Level | None = None
    cap: Level | None = None


class Witnesses(_Data, frozen=True):
    """What confirms an alert. Until then it is suspected, and no higher than `cap`; after `for_ms` no higher than
    `then`. `for_ms` None: for as long as it takes."""

    texts: tuple[str, ...]
    all_: bool
    cap: Level
    for_ms: int | None
    then: Level


class RuleCard(_Data, frozen=True):
    """One rule. `per`: device or a kind of place. `indicator`: its id, and `indicator_name` what people call it; both
    empty where it judges none. `device_types`: names, empty for all. `devices`: in service, that it judges or, by
    place, whose places it judges; None where that says nothing; `wired`: its classes have any. `gap_ms`: longest time
    between two readings that still holds, `clear_ms`: for how long the value must have been back by `margin`.
    `formulas`: of its indicator and of all that these need."""

    id: str
    version: str
    title: str
    judges: Judges
    nature: Nature
    classes: tuple[str, ...]
    source: str
    confidence: str
    steps: tuple[Step, ...]
    clear_ms: int
    group: str
    cause: str
    per: str = "device"
    device_types: tuple[str, ...] = ()
    devices: int | None = None
    wired: bool = True
    indicator: str = ""
    indicator_name: str = ""
    unit: str = ""
    low: bool = False
    min_samples: int = 0
    gap_ms: int = 0
    margin: float = 0.0
    when: str = ""
    formulas: tuple[Formula, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    witnesses: Witnesses | None = None
    deviations: tuple[Deviation, ...] = ()


class RuleBook(_Data, frozen=True):
    """The rules of a pack in its order. `meaning`: hash of what they mean, to compare with what judges; `loaded_ms`:
    when this was made, by the wall. `number` of the version that was published, None where it is the folder of the
    settings."""

    pack: str
    version: str
    title: str
    meaning: str
    loaded_ms: int
    rules: tuple[RuleCard, ...]
    number: int | None = None


NO_RULES = RuleBook(pack="", version="", title="", meaning="", loaded_ms=0, rules=())
"""What a page shows that was given no rules."""
