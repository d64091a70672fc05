"""Curves over time, and bands of levels."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common, statetimeline, timeseries
from grafana_foundation_sdk.models.common import (
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig

from dashboards import palette
from dashboards.flux import Flux
from dashboards.panels.dress import dressed, override

GAP_MS = 15 * 60_000
"""No line is drawn over what nobody measured."""
LEAST_WINDOW = "1m"
"""Standings are told whole once a minute: what sums them up within less would miss those that have not changed."""
AT_ONCE = 12
"""Bands whose names can be read in a panel of usual height."""


def curves(
    title: str,
    questions: Sequence[Flux],
    unit: str,
    decimals: int | None = None,
    description: str = "",
    marks: Sequence[tuple[float, str]] = (),
    steps: bool = False,
) -> timeseries.Panel:
    """Curves, one a column. `marks`: lines of a value and colour. `steps`: what holds until it changes."""
    panel = dressed(timeseries.Panel(), title, questions, description)
    panel.interval(LEAST_WINDOW).unit(unit).line_width(2).show_points(VisibilityMode.NEVER).span_nulls(GAP_MS)
    panel.line_interpolation(LineInterpolation.STEP_AFTER if steps else LineInterpolation.LINEAR)
    panel.legend(_legend()).tooltip(_tooltip())
    if decimals is not None:
        panel.decimals(decimals)
    if marks:
        panel.thresholds(palette.steps((None, "transparent"), *marks))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE))
    return panel


def stacked(title: str, question: Flux, series: Mapping[str, tuple[str, str]], unit: str = "short") -> timeseries.Panel:
    """Counts on top of each other. `series`: column to word and colour, from the bottom up."""
    panel = curves(title, [question], unit, decimals=0, steps=True)
    order = {"_time": 0} | {name: index for index, name in enumerate(series, 1)}
    panel.with_transformation(DataTransformerConfig(id_val="organize", options={"indexByName": order}))
    panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(85).line_width(0)
    for name, (word, colour) in series.items():
        override(panel, name, displayName=word, color=palette.fixed(colour))
    return panel


def coloured(panel: timeseries.Panel, series: Mapping[str, tuple[str, str]]) -> timeseries.Panel:
    """The same curves with words and colours of their own: column to word and colour."""
    for name, (word, colour) in series.items():
        override(panel, name, displayName=word, color=palette.fixed(colour))
    return panel


def bars(panel: timeseries.Panel) -> timeseries.Panel:
    """The same, as bars: what fell or came within a time."""
    return panel.draw_style(GraphDrawStyle.BARS).fill_opacity(70).line_width(0)


def bands(title: str, question: Flux, description: str = "") -> statetimeline.Panel:
    """Levels over time, a band a column."""
    panel = dressed(statetimeline.Panel(), title, [question], description)
    panel.mappings(palette.level_mappings())
    panel.thresholds(palette.level_steps()).color_scheme(palette.by_steps())
    panel.interval(LEAST_WINDOW).per_page(AT_ONCE).merge_values(True).show_value(VisibilityMode.NEVER).row_height(
        0.85
    ).fill_opacity(95).line_width(0)
    return panel.legend(_legend(shown=False)).tooltip(_tooltip())


def _legend(shown: bool = True) -> common.VizLegendOptions:
    found = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    return found.show_legend(shown).calcs([])


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
