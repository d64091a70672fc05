"""Scales of the domain that scenario files name instead of writing them out again: simulators/truth/scales.yaml."""

from functools import cache
from pathlib import Path

from city.yamlfile import load_yaml
from simulators.truth.plan import Values

FILE = Path(__file__).parent / "scales.yaml"


@cache
def scales() -> dict[str, list[Values]]:
    """All of them by name. Raises ConfigErrors when the file is wrong."""
    return load_yaml(FILE, dict[str, list[Values]]).value


def all_values(own: list[Values], names: list[str]) -> list[Values]:
    """A scenario's own and those of the scales that it names."""
    return [*own, *(values for name in names for values in scales()[name])]
