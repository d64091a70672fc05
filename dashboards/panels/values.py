"""One figure, to be read from across a room."""

from grafana_foundation_sdk.builders import common, stat
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueJustifyMode,
    BigValueTextMode,
)

from dashboards import palette
from dashboards.flux import Flux
from dashboards.panels.dress import dressed


def figure(
    title: str,
    question: Flux,
    steps: build.ThresholdsConfig,
    unit: str = "short",
    decimals: int = 0,
    description: str = "",
) -> stat.Panel:
    """The one value that a question gives, on a ground of its colour."""
    panel = dressed(stat.Panel(), title, [question], description)
    panel.unit(unit).decimals(decimals).thresholds(steps).color_scheme(palette.by_steps())
    panel.color_mode(BigValueColorMode.BACKGROUND_SOLID).graph_mode(BigValueGraphMode.NONE)
    panel.justify_mode(BigValueJustifyMode.CENTER).text_mode(BigValueTextMode.VALUE)
    return panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))


def level_count(title: str, question: Flux, colour: str) -> stat.Panel:
    """How many there are of a level: in its colour from one on, and quiet at none."""
    return figure(title, question, palette.steps((None, palette.GROUND), (1, colour)))


def trouble(title: str, question: Flux, colour: str = palette.BAD, description: str = "") -> stat.Panel:
    """A count of what should be none."""
    return figure(title, question, palette.steps((None, palette.GROUND), (1, colour)), description=description)


def share(title: str, question: Flux, poor: float, bad: float, description: str = "") -> stat.Panel:
    """A percentage that should be high. `poor`, `bad`: below these."""
    steps = palette.steps((None, palette.BAD), (bad, palette.POOR), (poor, palette.GOOD))
    return figure(title, question, steps, "percent", 2, description)
