"""One palette for all boards: the four official colours of a level, and what stands beside them."""

from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from city.levels import LEVELS, Level

LEVEL_COLOURS = {
    Level.NONE: "#5b6f80",
    Level.BLUE: "#1e63e9",
    Level.YELLOW: "#ffdd00",
    Level.ORANGE: "#ff7f00",
    Level.RED: "#e60012",
}
"""As on the page of the duty room (alerts/console/static/page.css); none is there, and says nothing."""
GOOD, POOR, WARM, BAD, QUIET, GROUND = "#3f9e6b", "#ffdd00", "#ff7f00", "#e60012", "#8fa3b5", "#2b3440"
"""Of figures that are no levels. GROUND is behind those that need nobody's attention."""
BLIND = "#b05cff"
"""Like no level: where nobody sees, nobody knows the colour."""
LINES = ("#5aa9e6", "#f2a65a", "#7bd389", "#d17bd3", "#e6e05a", "#5ad3c8", "#e6735a", "#9a8cff", "#b0c4a0", "#d9a0b8")
"""Of curves that are told apart and mean nothing by it: none of the four."""


def level_mappings() -> list[model.ValueMapping]:
    """A level's number as its word in its colour."""
    return [_words({str(int(level)): (level.zh, LEVEL_COLOURS[level]) for level in Level})]


def words(named: dict[str, str]) -> list[model.ValueMapping]:
    """Values as the words for them, in no colour."""
    return [_words({value: (word, None) for value, word in named.items()})]


def coloured_words(named: dict[str, tuple[str, str]]) -> list[model.ValueMapping]:
    """Values as words in a colour: value to word and colour."""
    return [_words(dict(named))]


def level_steps() -> build.ThresholdsConfig:
    """Colours of a level's number."""
    return steps((None, LEVEL_COLOURS[Level.NONE]), *((float(level), LEVEL_COLOURS[level]) for level in LEVELS))


def level_steps_at(*values: float) -> build.ThresholdsConfig:
    """Colours of a quantity that reaches the four levels at these values."""
    reached = zip(values, LEVELS, strict=True)
    return steps((None, GROUND), *((value, LEVEL_COLOURS[level]) for value, level in reached))


def steps(*found: tuple[float | None, str]) -> build.ThresholdsConfig:
    """Colours from a value on; the first has None."""
    thresholds = [model.Threshold(value=value, color=colour) for value, colour in found]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(thresholds)


def by_steps() -> build.FieldColor:
    return build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def fixed(colour: str) -> dict[str, Any]:
    """A field's colour, as an override says it."""
    return {"mode": "fixed", "fixedColor": colour}


def _words(named: dict[str, Any]) -> model.ValueMap:
    return model.ValueMap(
        options={
            value: model.ValueMappingResult(text=word, color=colour, index=index)
            for index, (value, (word, colour)) in enumerate(named.items())
        }
    )
