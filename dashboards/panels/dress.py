"""What every panel has, whatever it draws."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DynamicConfigValue, GridPos, Panel

from dashboards.flux import Flux
from dashboards.source import REF, Query

NO_DATA = "无数据"
"""Where there is no figure that is not out of date."""


class PanelBuilder(Protocol):
    """What all builders of panels can do."""

    def build(self) -> Panel: ...
    def id(self, id_val: int) -> Self: ...
    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: DataSourceRef) -> Self: ...
    def grid_pos(self, grid_pos: GridPos) -> Self: ...
    def with_target(self, target: Builder[Dataquery]) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def override_by_name(self, name: str, properties: list[DynamicConfigValue]) -> Self: ...


P = TypeVar("P", bound=PanelBuilder)


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
