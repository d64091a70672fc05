"""Units of measure: how they are written (after UCUM), and which convert into each other.

A unit is a factor and powers of base units. Factors are exact fractions, so that 33 mm is 3.3 cm to the last bit, and a
reading of 3.3 cm reaches it. Temperatures, levels in decibels and pH convert to nothing else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

Powers = tuple[tuple[str, int], ...]
"""Base units and their powers, by name: metre and second to the power of -1 are (("m", 1), ("s", -1))."""


@dataclass(frozen=True)
class Unit:
    """`text`: as it was written. One of it is `factor` times the product of the base units' `powers`."""

    text: str
    factor: Fraction
    powers: Powers

    @property
    def is_count(self) -> bool:
        """Whether a bare number is enough to say so many of it."""
        return self.factor == 1 and all(base == "person" for base, _ in self.powers)

    def converts_to(self, other: "Unit") -> bool:
        return self.powers == other.powers

    def times(self, other: "Unit", power: int = 1) -> "Unit":
        """Product with another unit, or with its inverse."""
        powers = dict(self.powers)
        for base, exponent in other.powers:
            powers[base] = powers.get(base, 0) + power * exponent
        sign = "." if power > 0 else "/"
        return Unit(f"{self.text}{sign}{other.text}", self.factor * other.factor**power, _sorted(powers))


ATOMS: Mapping[str, tuple[Fraction, str | None]] = {
    "1": (Fraction(1), None),
    "%": (Fraction(1, 100), None),
    "m": (Fraction(1), "m"),
    "km": (Fraction(1000), "m"),
    "cm": (Fraction(1, 100), "m"),
    "mm": (Fraction(1, 1000), "m"),
    "s": (Fraction(1), "s"),
    "ms": (Fraction(1, 1000), "s"),
    "min": (Fraction(60), "s"),
    "h": (Fraction(3600), "s"),
    "d": (Fraction(86400), "s"),
    "t": (Fraction(1000), "kg"),
    "kg": (Fraction(1), "kg"),
    "g": (Fraction(1, 1000), "kg"),
    "mg": (Fraction(1, 10**6), "kg"),
    "ug": (Fraction(1, 10**9), "kg"),
    "Pa": (Fraction(1), "Pa"),
    "hPa": (Fraction(100), "Pa"),
    "kPa": (Fraction(1000), "Pa"),
    "MPa": (Fraction(10**6), "Pa"),
    "V": (Fraction(1), "V"),
    "mV": (Fraction(1, 1000), "V"),
    "A": (Fraction(1), "A"),
    "mA": (Fraction(1, 1000), "A"),
    "N": (Fraction(1), "N"),
    "kN": (Fraction(1000), "N"),
    "bit": (Fraction(1), "bit"),
    "kbit": (Fraction(1000), "bit"),
    "Cel": (Fraction(1), "Cel"),
    "dB": (Fraction(1), "dB"),
    "dBm": (Fraction(1), "dBm"),
    "deg": (Fraction(1), "deg"),
    "[pH]": (Fraction(1), "pH"),
    "[g]": (Fraction(1), "g0"),
    "%{LEL}": (Fraction(1), "LEL"),
    "{person}": (Fraction(1), "person"),
}
"""Factor and base unit of everything that a unit may be made of."""
LITRE = "L"
ALIASES = {"person": "{person}", "人": "{person}", "℃": "Cel", "°C": "Cel", "%LEL": "%{LEL}", "µg": "ug", "pH": "[pH]"}
_PART = re.compile(r"(?P<number>\d+)|(?P<atom>%\{LEL\}|%LEL|\[\w+\]|\{\w+\}|[^\W\d]+|°C|℃|%)(?P<power>-?\d)?")
_TOKEN = re.compile(r"[./()]|[^./()]+")


@cache
def unit_of(text: str) -> Unit:
    """The unit of a text such as `cm`, `mm/d`, `cm/(10.min)`, `m3/h`, `{person}/min`. ValueError when it is none."""
    tokens = _TOKEN.findall(text.strip())
    if text.strip().startswith("/"):
        tokens.insert(0, "1")
    unit, rest = _product(tokens)
    if rest or unit is None:
        raise ValueError(f"{text!r} is no unit")
    return Unit(text.strip(), unit.factor, unit.powers)


def factor_between(given: Unit, wanted: Unit) -> Fraction:
    """How many of `wanted` one of `given` is. ValueError when they measure different things."""
    if not given.converts_to(wanted):
        raise ValueError(f"{given.text} does not convert to {wanted.text}")
    return given.factor / wanted.factor


def _product(tokens: list[str]) -> tuple[Unit | None, list[str]]:
    """The unit that tokens begin with, up to the end or a closing bracket, and what is left."""
    unit, rest = _single(tokens)
    while unit is not None and rest and rest[0] in "./":
        other, after = _single(rest[1:])
        if other is None:
            return None, rest
        unit, rest = unit.times(other, 1 if rest[0] == "." else -1), after
    return unit, rest


def _single(tokens: list[str]) -> tuple[Unit | None, list[str]]:
    if not tokens:
        return None, tokens
    if tokens[0] == "(":
        unit, rest = _product(tokens[1:])
        return (unit, rest[1:]) if rest[:1] == [")"] else (None, rest)
    return _atom(tokens[0]), tokens[1:]


def _atom(text: str) -> Unit | None:
    match = _PART.fullmatch(text)
    if match is None:
        return None
    if match["number"]:
        return Unit(text, Fraction(int(match["number"])), ()) if int(match["number"]) else None
    name, power = ALIASES.get(match["atom"], match["atom"]), int(match["power"] or 1)
    if name == LITRE:
        return Unit(text, Fraction(1, 1000) ** power, (("m", 3 * power),))
    if name not in ATOMS:
        return None
    factor, base = ATOMS[name]
    return Unit(text, factor**power, ((base, power),) if base else ())


def _sorted(powers: dict[str, int]) -> Powers:
    return tuple(sorted((base, power) for base, power in powers.items() if power))
