"""A question in Flux, put together step by step. Text only: it is Grafana, or a test, that asks it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace


class Like(str):
    """What a text must match, whole."""


Where = Mapping[str, str | int | tuple[str, ...]]
"""What tags and fields must be: a value, one of several, or like something. Grafana's variables stand in it as
`${name}`."""

WINDOW = "v.windowPeriod"
"""The time that a point of a curve stands for, as Grafana chooses it by the width of the panel."""


@dataclass(frozen=True)
class Flux:
    """`source`: what it begins with; `steps`: what is done to it, one after the other; `before`: definitions that both
    may name, each once; `imports`: packages that any of these need."""

    source: str
    steps: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    imports: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """The script."""
        imports = [f'import "{name}"' for name in sorted(self.imports)]
        return "\n".join([*imports, *self.before, self.body])

    @property
    def body(self) -> str:
        """Source and steps alone."""
        return "\n  |> ".join([self.source, *self.steps])

    def then(self, *steps: str) -> "Flux":
        return replace(self, steps=(*self.steps, *steps))

    def using(self, *imports: str, before: Iterable[str] = ()) -> "Flux":
        """With packages imported and definitions made."""
        return replace(self, imports=self.imports | {*imports}, before=(*self.before, *before))

    def where(self, conditions: Where) -> "Flux":
        return self.then(f"filter(fn: (r) => {condition(conditions)})") if conditions else self

    def group(self, *columns: str) -> "Flux":
        """By columns; without any, all in one table."""
        return self.then(f"group(columns: {texts(columns)})" if columns else "group()")

    def keep(self, *columns: str) -> "Flux":
        return self.then(f"keep(columns: {texts(columns)})")

    def windows(self, how: str, every: str = WINDOW) -> "Flux":
        """One of each window of a series, at its beginning; no window without points."""
        return self.then(f'aggregateWindow(every: {every}, fn: {how}, createEmpty: false, timeSrc: "_start")')

    def map(self, **columns: str) -> "Flux":
        """Columns added or changed, each by an expression of the row `r`."""
        return self.then("map(fn: (r) => ({r with " + ", ".join(f"{k}: {v}" for k, v in columns.items()) + "}))")

    def fields_as_columns(self) -> "Flux":
        """One row a point, a column a field."""
        return self.using("influxdata/influxdb/schema").then("schema.fieldsAsCols()")

    def pivoted(self, *by: str) -> "Flux":
        """Within each table, one row for all that have the same `by`, a column a field. Of several the last counts."""
        return self.then(f'pivot(rowKey: {texts(by)}, columnKey: ["_field"], valueColumn: "_value")')

    def wide(self) -> "Flux":
        """One row a window, a column a field; a table for each value of the tags that are left."""
        return self.pivoted("_time").then('drop(columns: ["_start", "_stop", "_measurement"])')

    def totals(self, by: tuple[str, ...], sums: tuple[str, ...] = (), most: tuple[str, ...] = ()) -> "Flux":
        """Rows put together by columns: of some columns the sum, of some the largest. All are whole numbers."""
        start = ", ".join(f"{name}: 0" for name in (*sums, *most))
        added = [f"{name}: accumulator.{name} + r.{name}" for name in sums]
        larger = [f"{name}: if r.{name} > accumulator.{name} then r.{name} else accumulator.{name}" for name in most]
        step = f"reduce(identity: {{{start}}}, fn: (r, accumulator) => ({{{', '.join([*added, *larger])}}}))"
        return self.group(*by).then(step).group()

    def over(self, columns: tuple[str, ...], how: str = "sum") -> "Flux":
        """Series of windows put together by tags, window by window."""
        return self.group(*columns, "_field").windows(how)

    def spread(self, tag: str, names: Mapping[str, str]) -> "Flux":
        """One row a window, a column for each value of a tag, called by its name; what has none is called as it is."""
        found = self.keep("_time", "_value", tag).group()
        wide = found.then(f'pivot(rowKey: ["_time"], columnKey: ["{tag}"], valueColumn: "_value")')
        return wide.then('sort(columns: ["_time"])').renamed(names)

    def renamed(self, names: Mapping[str, str]) -> "Flux":
        """With the names of columns. A name for each row instead would cost a tenth of a millisecond a row."""
        pairs = ", ".join(f"{{key: {text(key)}, value: {text(value)}}}" for key, value in names.items())
        if not pairs:
            return self
        spoken = self.using("dict", before=[f"names = dict.fromList(pairs: [{pairs}])"])
        return spoken.then("rename(fn: (column) => dict.get(dict: names, key: column, default: column))")


def joined(left: Flux, right: Flux, on: str) -> Flux:
    """Rows of both that have a column in common, side by side."""
    return _of_two(left, right, f'join(tables: {{left: left, right: right}}, on: ["{on}"])')


def compared(one: Flux, other: Flux, names: tuple[str, str], by: tuple[str, ...]) -> Flux:
    """The values of two answers as columns of one row for each thing they have in common."""
    first, second = (
        flux.then(f'set(key: "which", value: "{name}")') for flux, name in zip((one, other), names, strict=True)
    )
    both = _of_two(first, second, "union(tables: [left, right])").group()
    return both.then(f'pivot(rowKey: {texts(by)}, columnKey: ["which"], valueColumn: "_value")')


def _of_two(left: Flux, right: Flux, source: str) -> Flux:
    before = tuple(dict.fromkeys((*left.before, *right.before)))
    named = [f"{name} = {flux.body}" for name, flux in (("left", left), ("right", right))]
    return Flux(source, (), (*before, *named), left.imports | right.imports)


def condition(conditions: Where) -> str:
    """That all of these hold of a row `r`."""
    return " and ".join(_is(column, value) for column, value in conditions.items())


def text(value: str) -> str:
    """A string as Flux writes it."""
    return json.dumps(value, ensure_ascii=False)


def texts(values: Iterable[str]) -> str:
    return "[" + ", ".join(text(value) for value in values) + "]"


def _is(column: str, value: str | int | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return "(" + " or ".join(_is(column, each) for each in value) + ")"
    if isinstance(value, Like):
        return f"r.{column} =~ /^{value}$/"
    return f"r.{column} == {text(value) if isinstance(value, str) else value}"
