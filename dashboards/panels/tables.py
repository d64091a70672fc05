"""Rows, with columns that know what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models.common import TableCellHeight
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue, ValueMapping

from dashboards import palette
from dashboards.flux import Flux
from dashboards.panels.dress import dressed

NO_ROWS = "无"
"""Where a question has no rows, there is nothing to tell of."""


class Kind(Enum):
    """What a column holds, and so how it looks."""

    TEXT = "text"
    LEVEL = "level"  # a level's number, on its colour
    COUNT = "count"
    TROUBLE = "trouble"  # a count of what should be none: red from one on
    VALUE = "value"  # a measured quantity
    TIME = "time"  # ms UTC, or Flux's own time
    LEFT = "left"  # minutes until something is due
    SHARE = "share"  # a percentage that should be high
    HIDDEN = "hidden"  # only for links


@dataclass(frozen=True)
class Column:
    """A column of the answer by its `name`, as `title`. `link`: title and address of what a row leads to; `words`:
    what values are called; `limits`: below these a share is poor, and bad."""

    name: str
    title: str
    kind: Kind = Kind.TEXT
    width: int | None = None
    unit: str = ""
    link: tuple[str, str] | None = None
    words: list[ValueMapping] = field(default_factory=list)
    limits: tuple[float, float] = (98.0, 95.0)


def rows(title: str, question: Flux, columns: Sequence[Column], description: str = "") -> table.Panel:
    """A table with these columns in this order; its rows in the order of the answer."""
    panel = dressed(table.Panel(), title, [question], description)
    panel.no_value(NO_ROWS).cell_height(TableCellHeight.SM).with_transformation(_arranged(columns)).filterable(False)
    for column in columns:
        panel.override_by_name(column.title, _properties(column))
    return panel


def _arranged(columns: Sequence[Column]) -> DataTransformerConfig:
    """The answer's columns in our order, under their titles; others are left out."""
    return DataTransformerConfig(
        id_val="organize",
        options={
            "includeByName": {column.name: True for column in columns},
            "indexByName": {column.name: index for index, column in enumerate(columns)},
            "renameByName": {column.name: column.title for column in columns},
        },
    )


def _properties(column: Column) -> list[DynamicConfigValue]:
    found: dict[str, Any] = dict(_LOOKS[column.kind])
    if column.kind is Kind.LEVEL:
        found["mappings"] = palette.level_mappings()
    if column.kind is Kind.SHARE:
        poor, bad = column.limits
        found["thresholds"] = palette.steps((None, palette.BAD), (bad, palette.POOR), (poor, palette.GOOD)).build()
    if column.words:
        found["mappings"] = column.words
    if column.unit:
        found["unit"] = column.unit
    if column.width is not None:
        found["custom.width"] = column.width
    if column.link is not None:
        name, address = column.link
        found["links"] = [{"title": name, "url": address, "targetBlank": False}]
    return [DynamicConfigValue(id_val=name, value=value) for name, value in found.items()]


_GROUND = {"custom.cellOptions": {"type": "color-background", "mode": "basic"}}
_INK = {"custom.cellOptions": {"type": "color-text"}}
_LOOKS: dict[Kind, dict[str, Any]] = {
    Kind.TEXT: {},
    Kind.LEVEL: {
        **_GROUND,
        "custom.align": "center",
        "color": {"mode": "thresholds"},
        "thresholds": palette.level_steps().build(),
    },
    Kind.COUNT: {"decimals": 0, "custom.align": "right"},
    Kind.TROUBLE: {
        **_INK,
        "decimals": 0,
        "custom.align": "right",
        "color": {"mode": "thresholds"},
        "thresholds": palette.steps((None, palette.QUIET), (1, "#ff5566")).build(),
    },
    Kind.VALUE: {"decimals": 1, "custom.align": "right"},
    Kind.TIME: {"unit": "time:MM-DD HH:mm:ss", "custom.width": 130},
    Kind.LEFT: {
        **_INK,
        "unit": "suffix: 分钟",
        "decimals": 0,
        "custom.align": "right",
        "color": {"mode": "thresholds"},
        "thresholds": palette.steps((None, "#ff5566"), (0, palette.POOR), (30, palette.QUIET)).build(),
    },
    Kind.SHARE: {**_INK, "unit": "percent", "decimals": 2, "custom.align": "right", "color": {"mode": "thresholds"}},
    Kind.HIDDEN: {"custom.hidden": True},
}
