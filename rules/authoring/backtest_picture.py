"""A backtest as a picture: how many alerts stood at each level, and below it each rule with its worst level. SVG."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from html import escape

from city.levels import LEVELS, Level
from city.transitions import Nature
from rules.authoring.backtest import Spell, count, standing
from rules.authoring.picture import COLOURS, LEFT, PLOT_H, PLOT_W, TEXT, TOP, sheet

ROW_H, BAR_H, NAMES_W = 20, 12, 210
MOST_RULES = 30
TIMES = 6
STEP_PX = 1.0
"""What changes within so little cannot be seen, and is drawn once."""
OVERLAP_PX = 0.6
"""By which a bar reaches under the next, so that no line of paper shows between them."""


def picture(title: str, found: list[Spell], first_ms: int, last_ms: int, clock: Callable[[int], str]) -> str:
    """The SVG of alerts about hazards, from one time to another. clock: a time, as it should be read."""
    hazards = [spell for spell in found if spell.nature is Nature.HAZARD]
    axis = _Axis(first_ms, max(last_ms, first_ms + 60_000))
    rows = _by_rule(hazards)
    parts = [
        '<g shape-rendering="crispEdges">',
        *_stack(axis, hazards),
        *_times(axis, clock),
        *_rules(axis, rows),
        "</g>",
    ]
    return sheet(title, parts, TOP + PLOT_H + 44 + ROW_H * max(1, len(rows)))


class _Axis:
    def __init__(self, first_ms: int, last_ms: int) -> None:
        self.first_ms, self.last_ms = first_ms, last_ms
        self.left, self.width = LEFT + NAMES_W, PLOT_W - NAMES_W

    def x(self, ms: int) -> float:
        within = min(max(ms, self.first_ms), self.last_ms)
        return self.left + self.width * (within - self.first_ms) / (self.last_ms - self.first_ms)


def _stack(axis: _Axis, hazards: list[Spell]) -> Iterator[str]:
    """Alerts by level, one level on the other, the worst at the bottom."""
    steps = _seen(axis, list(standing(hazards, axis.first_ms, axis.last_ms)))
    most = max((sum(levels.values()) for _, levels in steps), default=0) or 1
    yield f'<rect x="{axis.left}" y="{TOP}" width="{axis.width}" height="{PLOT_H}" fill="#f6f8fa" stroke="#9aa4b2"/>'
    for value in (0, most):
        y = TOP + PLOT_H * (1 - value / most)
        yield f'<text x="{axis.left - 6}" y="{y + 4:.1f}" text-anchor="end" {TEXT}>{value}</text>'
    yield f'<text x="12" y="{TOP + 16}" {TEXT}>同时存在的预警</text>'
    for place, level in enumerate(reversed(LEVELS)):
        y = TOP + 40 + 20 * place
        yield f'<rect x="12" y="{y - 10}" width="12" height="12" fill="{COLOURS[level]}"/>'
        yield f'<text x="30" y="{y}" {TEXT}>{level.zh} 最多 {max((of[level] for _, of in steps), default=0)}</text>'
    for (ms, levels), until in zip(steps, [*(ms for ms, _ in steps[1:]), axis.last_ms], strict=True):
        below = 0
        for level in reversed(LEVELS):
            if levels[level]:
                below += levels[level]
                yield _bar(axis, ms, until, TOP + PLOT_H * (1 - below / most), PLOT_H * levels[level] / most, level)


def _seen(axis: _Axis, steps: list[tuple[int, dict[Level, int]]]) -> list[tuple[int, dict[Level, int]]]:
    """Of steps that fall on one point of the picture, the one with the most alerts."""
    kept: list[tuple[int, dict[Level, int]]] = []
    for ms, levels in steps:
        if kept and axis.x(ms) - axis.x(kept[-1][0]) < STEP_PX:
            if sum(levels.values()) >= sum(kept[-1][1].values()):
                kept[-1] = (kept[-1][0], levels)
        else:
            kept.append((ms, levels))
    return kept


def _bar(axis: _Axis, ms: int, until: int, y: float, height: float, level: Level, title: str = "") -> str:
    x = axis.x(ms)
    width = axis.x(until) - x + OVERLAP_PX
    at = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {at} fill="{COLOURS[level]}">{f"<title>{escape(title)}</title>" if title else ""}</rect>'


def _times(axis: _Axis, clock: Callable[[int], str]) -> Iterator[str]:
    for place in range(TIMES):
        ms = axis.first_ms + (axis.last_ms - axis.first_ms) * place // (TIMES - 1)
        anchor = "start" if place == 0 else "end" if place == TIMES - 1 else "middle"
        at = f'x="{axis.x(ms):.1f}" y="{TOP + PLOT_H + 18}" text-anchor="{anchor}"'
        yield f"<text {at} {TEXT}>{escape(clock(ms))}</text>"


def _by_rule(hazards: list[Spell]) -> list[tuple[str, list[Spell]]]:
    """The rules that said most, each with its alerts."""
    of_rule: dict[str, list[Spell]] = defaultdict(list)
    for spell in hazards:
        of_rule[spell.rule].append(spell)
    shown = count(hazards)[:MOST_RULES]
    return [(f"{of.title} {of.alerts} 次 {len(of.subjects)} 处", of_rule[of.rule]) for of in shown]


def _rules(axis: _Axis, rows: list[tuple[str, list[Spell]]]) -> Iterator[str]:
    """A row a rule: the worst level that any of its alerts had."""
    if not rows:
        yield f'<text x="{axis.left}" y="{TOP + PLOT_H + 44}" {TEXT}>无风险预警</text>'
    for row, (name, found) in enumerate(rows):
        y = TOP + PLOT_H + 32 + ROW_H * row
        yield f'<text x="12" y="{y + 10}" {TEXT}>{escape(name)}</text>'
        yield f'<rect x="{axis.left}" y="{y}" width="{axis.width}" height="{BAR_H}" fill="#eef1f5"/>'
        steps = list(standing(found, axis.first_ms, axis.last_ms))
        for (ms, levels), until in zip(steps, [*(ms for ms, _ in steps[1:]), axis.last_ms], strict=True):
            worst = max((level for level in LEVELS if levels[level]), default=Level.NONE)
            if worst is not Level.NONE:
                yield _bar(axis, ms, until, y, BAR_H, worst, f"{worst.zh} {sum(levels.values())}")
