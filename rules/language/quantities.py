"""Numbers with units, as rule authors write them: `15 cm`, `5m`, `80%`, `3 intervals`."""

import re
from decimal import Decimal
from fractions import Fraction

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_DURATION = re.compile(rf"({_NUMBER})\s*(ms|s|min|m|h|d)")
_QUANTITY = re.compile(rf"({_NUMBER})\s*(\S.*)?")
_DURATION_MS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}

# Units that convert into each other: factor to the first of the family. Exact, so that 33 mm is 3.3 cm to the last
# bit, and a reading of 3.3 cm reaches it.
_FAMILIES: tuple[dict[str, Fraction], ...] = (
    {"m": Fraction(1), "cm": Fraction(1, 100), "mm": Fraction(1, 1000), "km": Fraction(1000)},
    {"s": Fraction(1), "ms": Fraction(1, 1000), "min": Fraction(60), "h": Fraction(3600), "d": Fraction(86400)},
    {"MPa": Fraction(1), "kPa": Fraction(1, 1000), "Pa": Fraction(1, 1_000_000)},
    {"V": Fraction(1), "mV": Fraction(1, 1000)},
    {"A": Fraction(1), "mA": Fraction(1, 1000)},
)
_BARE = {"1", "", "{person}"}  # units that are counts: a bare number is enough


def parse_duration_ms(text: str | int | float) -> int:
    """Milliseconds of `90s`, `5m`, `2h`, `1d`. ValueError says what is wrong with anything else."""
    match = _DURATION.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration")
    value_ms = float(match[1]) * _DURATION_MS[match[2]]
    if value_ms < 0:
        raise ValueError(f"{text!r} is negative")
    return round(value_ms)


def parse_quantity(text: str | int | float, unit: str) -> float:
    """The number, in `unit`, of a quantity such as `15 cm`. ValueError when its unit does not convert to `unit`.

    A bare number is a count or a truth value: it is taken only where `unit` is one.
    """
    match = _QUANTITY.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is not a number with a unit; this indicator is in {unit}")
    given = (match[2] or "").strip()
    if given == unit or (not given and unit in _BARE):
        return float(match[1])
    for family in _FAMILIES:
        if given in family and unit in family:
            return float(Fraction(Decimal(match[1])) * family[given] / family[unit])
    if not given:
        raise ValueError(f"{text!r} has no unit; this indicator is in {unit}")
    raise ValueError(f"{text!r} is in {given}, and this indicator is in {unit}")


def parse_share(text: str | int | float) -> float:
    """0..1 of `80%`. ValueError when it is no percentage between 0 and 100."""
    match = re.fullmatch(rf"({_NUMBER})\s*%", str(text).strip())
    if match is None or not 0 < float(match[1]) <= 100:
        raise ValueError(f"{text!r} is not a percentage above 0 and up to 100")
    return float(match[1]) / 100


def parse_intervals(text: str | int | float) -> float:
    """3.0 of `3 intervals`. ValueError when it is not of that form, or no silence."""
    match = re.fullmatch(rf"({_NUMBER})\s*intervals?", str(text).strip())
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"{text!r} is not a number of intervals above 0")
    return float(match[1])
