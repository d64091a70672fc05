"""What every panel has, whatever it draws."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from dashboards.flux import Flux
from dashboards.source import REF, Query

NO_DATA = "无数据"
"""Where there is no figure that is not out of date."""


PanelBuilder = stat.Panel | timeseries.Panel | statetimeline.Panel | table.Panel | build.Panel
"""The builders of what is on our boards."""
P = TypeVar("P", stat.Panel, timeseries.Panel, statetimeline.Panel, table.Panel, build.Panel)


def dressed(panel: P, title: str, questions: Sequence[Flux], description: str = "") -> P:
    """A panel with its title, source and questions."""
    panel.title(title).datasource(REF).no_value(NO_DATA)
    if description:
        panel.description(description)
    for ref, question in zip(ascii_uppercase, questions, strict=False):
        panel.with_target(Query(question, ref))
    return panel


def override(panel: P, name: str, **properties: object) -> P:
    """Properties of the field of one name. A dot in a property is written `__`."""
    found = [DynamicConfigValue(id_val=key.replace("__", "."), value=value) for key, value in properties.items()]
    return panel.override_by_name(name, found)
