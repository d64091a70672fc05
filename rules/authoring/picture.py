"""An explanation as a picture: readings over time, thresholds, levels, and when expressions were true. SVG."""

from collections.abc import Iterator
from html import escape

from city.levels import Level
from rules.authoring.explain import Explanation, Step

WIDTH, LEFT, TOP = 960, 70, 40
PLOT_W, PLOT_H, BAND_H, ROW_H = 830, 280, 14, 26
LABEL_W = 44
"""Room that the label of a time needs."""
COLOURS = {Level.NONE: "#d5dae1", Level.BLUE: "#2f6fde", Level.YELLOW: "#d9a400", Level.ORANGE: "#e8710a",
           Level.RED: "#d2222d"}  # fmt: skip
TEXT = 'font-family="Noto Sans CJK SC, sans-serif" font-size="12"'


def picture(explanation: Explanation, clock: "dict[int, str]") -> str:
    """The SVG. clock: local time of each step's ms, as it should be read."""
    axes = _Axes(explanation)
    parts = [*_grid(axes, explanation, clock), *_marks(axes, explanation), *_line(axes, explanation)]
    parts += [*_levels(axes, explanation), *_truths(axes, explanation)]
    title = f"{explanation.rule.title} · {explanation.subject} · {explanation.alert}"
    return sheet(title, parts, TOP + PLOT_H + 56 + ROW_H * len(_truths_of(explanation)))


def sheet(title: str, parts: list[str], height: int) -> str:
    """White paper, `height` high, with a title above its parts. SVG."""
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    head = f'<rect width="100%" height="100%" fill="#fff"/><text x="12" y="22" font-weight="bold" {TEXT}>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{head}{escape(title)}</text>{"".join(parts)}</svg>\n'


def shown(explanation: Explanation) -> list[Step]:
    """The readings that are drawn: of what the rule judges, or first names."""
    return [s for s in explanation.steps if s.indicator and s.indicator == explanation.indicator]


class _Axes:
    """Where a time and a value are drawn."""

    def __init__(self, explanation: Explanation) -> None:
        times = [step.at_ms for step in explanation.steps] or [0]
        values = [s.value for s in shown(explanation) if s.value is not None]
        values += explanation.marks.values()
        self.first_ms, self.last_ms = min(times), max(max(times), min(times) + 60_000)
        self.least, self.most = min(values, default=0.0), max(values, default=1.0)
        if self.least == self.most:
            self.most += 1.0

    def x(self, ms: int) -> float:
        return LEFT + PLOT_W * (ms - self.first_ms) / (self.last_ms - self.first_ms)

    def y(self, value: float) -> float:
        return TOP + PLOT_H * (1 - (value - self.least) / (self.most - self.least))


def _grid(axes: _Axes, explanation: Explanation, clock: "dict[int, str]") -> Iterator[str]:
    yield f'<rect x="{LEFT}" y="{TOP}" width="{PLOT_W}" height="{PLOT_H}" fill="none" stroke="#9aa4b2"/>'
    for value in (axes.least, axes.most):
        label = f"{value:g} {explanation.unit if explanation.unit != '1' else ''}"
        yield f'<text x="{LEFT - 6}" y="{axes.y(value) + 4:.1f}" text-anchor="end" {TEXT}>{escape(label)}</text>'
    last_x = float(-WIDTH)
    for ms in (axes.first_ms, *(s.at_ms for s in explanation.steps if s.kind == "transition")):
        if axes.x(ms) - last_x >= LABEL_W:
            last_x = axes.x(ms)
            label = escape(clock.get(ms, ""))
            yield f'<text x="{last_x:.1f}" y="{TOP + PLOT_H + 34}" text-anchor="middle" {TEXT}>{label}</text>'


def _marks(axes: _Axes, explanation: Explanation) -> Iterator[str]:
    for level, mark in explanation.marks.items():
        y = axes.y(mark)
        line = f'x1="{LEFT}" x2="{LEFT + PLOT_W}" y1="{y:.1f}" y2="{y:.1f}"'
        yield f'<line {line} stroke="{COLOURS[level]}" stroke-dasharray="5 4"/>'
        yield f'<text x="{LEFT + PLOT_W + 4}" y="{y + 4:.1f}" fill="{COLOURS[level]}" {TEXT}>{mark:g}</text>'


def _line(axes: _Axes, explanation: Explanation) -> Iterator[str]:
    points = " ".join(f"{axes.x(s.at_ms):.1f},{axes.y(s.value or 0.0):.1f}" for s in shown(explanation))
    yield f'<polyline points="{points}" fill="none" stroke="#1f2937" stroke-width="1.5"/>'


def _levels(axes: _Axes, explanation: Explanation) -> Iterator[str]:
    """A band of the alert's level below the plot."""
    changes = [s for s in explanation.steps if s.kind == "transition"]
    for step, until in zip(changes, [*(s.at_ms for s in changes[1:]), axes.last_ms], strict=True):
        x, width = axes.x(step.at_ms), max(1.0, axes.x(until) - axes.x(step.at_ms))
        band = f'x="{x:.1f}" y="{TOP + PLOT_H + 4}" width="{width:.1f}" height="{BAND_H}"'
        yield f'<rect {band} fill="{COLOURS[step.level]}"><title>{escape(step.text)}</title></rect>'


def _truths_of(explanation: Explanation) -> dict[str, list[Step]]:
    """When each expression became true, and ceased to be, by what it is."""
    found: dict[str, list[Step]] = {}
    for step in explanation.steps:
        if step.kind == "expression":
            found.setdefault(step.text.partition(": ")[2], []).append(step)
    return found


def _truths(axes: _Axes, explanation: Explanation) -> Iterator[str]:
    """A row for each expression, with a bar while it was true."""
    for row, (text, steps) in enumerate(_truths_of(explanation).items()):
        y = TOP + PLOT_H + 54 + ROW_H * row
        yield f'<text x="{LEFT}" y="{y}" fill="#475569" {TEXT}>{escape(text[:120])}</text>'
        began = axes.first_ms
        for step in [*steps, Step(axes.last_ms, "expression", "")]:
            if " no longer true: " in step.text or (not step.text and " no longer " not in steps[-1].text):
                width = max(1.0, axes.x(step.at_ms) - axes.x(began))
                bar = f'x="{axes.x(began):.1f}" y="{y + 4}" width="{width:.1f}" height="5"'
                yield f'<rect {bar} fill="#0f766e"/>'
            began = step.at_ms
