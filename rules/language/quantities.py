"""Numbers with units, as rule authors write them: `15 cm`, `5m`, `80%`, `3 intervals`."""

import re

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_DURATION = re.compile(rf"({_NUMBER})\s*(ms|s|min|m|h|d)")
_QUANTITY = re.compile(rf"({_NUMBER})\s*(\S.*)?")
_DURATION_MS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}

# Units that convert into each other: factor to the first of the family.
_FAMILIES: tuple[dict[str, float], ...] = (
    {"m": 1.0, "cm": 0.01, "mm": 0.001, "km": 1000.0},
    {"s": 1.0, "ms": 0.001, "min": 60.0, "h": 3600.0, "d": 86400.0},
    {"MPa": 1.0, "kPa": 0.001, "Pa": 0.000001},
    {"V": 1.0, "mV": 0.001},
    {"A": 1.0, "mA": 0.001},
)
_BARE = {"1", "", "{person}"}  # units that are counts: a bare number is enough


def parse_duration_ms(text: str | int | float) -> int:
    """Milliseconds of `90s`, `5m`, `2h`, `1d`. ValueError says what is wrong with anything else."""
    match = _DURATION.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and s, m, h or d, as in 5m")
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
    value, given = float(match[1]), (match[2] or "").strip()
    if given == unit or (not given and unit in _BARE):
        return value
    for family in _FAMILIES:
        if given in family and unit in family:
            return value * family[given] / family[unit]
    if not given:
        raise ValueError(f"{text!r} has no unit; this indicator is in {unit}")
    raise ValueError(f"{text!r} is in {given}, and this indicator is in {unit}")


def parse_share(text: str | int | float) -> float:
    """0..1 of `80%`. ValueError when it is no percentage between 0 and 100."""
    match = re.fullmatch(rf"({_NUMBER})\s*%", str(text).strip())
    if match is None or not 0 < float(match[1]) <= 100:
        raise ValueError(f"{text!r} is not a percentage above 0 and up to 100, as in 80%")
    return float(match[1]) / 100


def parse_intervals(text: str | int | float) -> float | None:
    """3.0 of `3 intervals`, None when it is not of that form (a duration, perhaps)."""
    match = re.fullmatch(rf"({_NUMBER})\s*intervals?", str(text).strip())
    return float(match[1]) if match else None
