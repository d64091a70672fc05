"""A SignalTable determines what the words of an upstream source mean here: which warning, at which of our levels, for
how long; and of what a report of a place is a witness. Data of the city's folder (signals.yaml), never a guess by
position: Guangdong's rain has three colours, its typhoon five."""

from typing import Annotated, Literal

import msgspec

from city.levels import Level

Grade = Literal["notice", "blue", "yellow", "orange", "red"]
"""Our four levels, and what stands below them: known, and no reason for anything."""
NOTICE = 0.5
LONGEST_H = 72
"""As long as a reading of a warning is current: `sample_s` of the catalogue's *_told and *_valid, threefold."""
WITNESS_SLOT_MS = 600_000
"""Reports of one place in one such span are one witness, however many they are."""


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of warning of a source. `words`: its codes and names for it; `levels`: its words for how bad, and what
    they are here. `kind`: the catalogue's indicators are {kind}_told and {kind}_valid; rules derive {kind} of them.
    `lasts_h`: how long a warning stands that names no end."""

    kind: str
    words: Annotated[list[str], msgspec.Meta(min_length=1)]
    levels: dict[str, Grade]
    lasts_h: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_H)]
    source: str


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a type of upstream source says. `senders`: whose warnings it may pass on; empty: it is asked no name."""

    type: str
    senders: list[str] = []
    events: Annotated[list[Event], msgspec.Meta(min_length=1)]


class Witness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A category of reports: the indicator it becomes at the devices of some classes within a distance."""

    words: Annotated[list[str], msgspec.Meta(min_length=1)]
    indicator: str
    classes: Annotated[list[str], msgspec.Meta(min_length=1)]
    within_m: Annotated[float, msgspec.Meta(gt=0, le=5000)]
    source: str


class SignalTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Contents of a city's signals.yaml."""

    sources: list[Source] = []
    reports: list[Witness] = []


NO_SIGNALS = SignalTable()


def value_of(grade: Grade) -> float:
    """A grade as a reading: 0 to 4 as levels are, a notice between none and blue."""
    return NOTICE if grade == "notice" else float(Level.of(grade))


def plain_word(word: str) -> str:
    """A word as it is compared: without blanks around it, in any case."""
    return word.strip().casefold()
