"""Numbers with units, as rule authors write them: `15 cm`, `5m`, `80%`, `3 intervals`."""

import re
from decimal import Decimal
from fractions import Fraction

from rules.language.units import factor_between, unit_of

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_DURATION = re.compile(rf"({_NUMBER})\s*(ms|s|min|m|h|d)")
_QUANTITY = re.compile(rf"({_NUMBER})\s*(\S.*)?")
_DURATION_MS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_duration_ms(text: str | int | float) -> int:
    """Milliseconds of `90s`, `5m`, `2h`, `1d`. ValueError says what is wrong with anything else."""
    match = _DURATION.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration")
    value_ms = float(match[1]) * _DURATION_MS[match[2]]
    if value_ms < 0:
        raise ValueError(f"{text!r} is negative")
    return round(value_ms)


def duration_text(ms: float) -> str:
    """A duration as authors write it: in minutes, below one in seconds."""
    return f"{ms / 60_000:g}m" if ms >= 60_000 else f"{ms / 1000:g}s"


def parse_quantity(text: str | int | float, unit: str) -> float:
    """The number, in `unit`, of a quantity such as `15 cm`. ValueError when its unit does not convert to `unit`.

    A bare number is a count or a truth value: it is taken only where `unit` is one.
    """
    match = _QUANTITY.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is not a number with a unit; this indicator is in {unit}")
    given = (match[2] or "").strip()
    if not given:
        if unit_of(unit).is_count:
            return float(match[1])
        raise ValueError(f"{text!r} has no unit; this indicator is in {unit}")
    try:
        return float(Fraction(Decimal(match[1])) * factor_between(unit_of(given), unit_of(unit)))
    except ValueError:
        raise ValueError(f"{text!r} is in {given}, and this indicator is in {unit}") from None


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
