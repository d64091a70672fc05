"""What Grafana does not tell, and people find at night: two boards of one uid, panels over each other, a question that
names a variable which nobody sets."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from dashboards.boards.frame import WIDTH, Board, Folder
from dashboards.render import as_json
from dashboards.source import UID

UID_FORM = re.compile(r"[a-zA-Z0-9_-]{1,40}")
"""What Grafana takes as a uid."""
VARIABLE = re.compile(r"\$\{(\w+)\}")
OWN_BOARD = re.compile(r"/d/([\w-]+)(?![\w$-])")
"""In links; where a variable goes on with the uid, it is not known."""


def lint(boards: list[Board]) -> list[str]:
    """Everything that is wrong, a line each."""
    contents = {board.uid: as_json(board) for board in boards}
    problems = [f"uid {uid}: two boards have it" for uid in _twice(board.uid for board in boards)]
    problems += [f"title {title}: two boards have it" for title in _twice(board.title for board in boards)]
    for board in boards:
        problems += [f"{board.uid}: {what}" for what in _of_board(board, contents[board.uid], contents)]
    return problems


def _of_board(board: Board, content: dict[str, Any], all_of_them: Mapping[str, object]) -> Iterator[str]:
    if not UID_FORM.fullmatch(board.uid):
        yield "a uid has at most 40 letters, digits, - and _"
    if "-folder-" in board.uid:
        yield "this uid is a folder's, and Grafana counts folders and boards together"
    if board.title in {folder.title for folder in Folder}:
        yield f"Grafana skips a board that is called like a folder: {board.title}"
    panels = content.get("panels", [])
    yield from (f"two panels have the id {number}" for number in _twice(panel["id"] for panel in panels))
    yield from _places(panels)
    yield from _sources(panels)
    yield from _variables(content)
    for uid in set(OWN_BOARD.findall(str(content))) - set(all_of_them):
        yield f"a link leads to {uid}, which is no board"


def _places(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] < 0 or place["x"] + place["w"] > WIDTH:
            yield f"panel {panel['title']} is wider than the board"
    for one, other in combinations(panels, 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"panels {one['title']} and {other['title']} lie over each other"


def _overlap(a: Mapping[str, int], b: Mapping[str, int]) -> bool:
    beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
    below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
    return not (beside or below)


def _sources(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        asked = [panel, *panel.get("targets", [])] if panel["type"] != "row" else []
        if any(each["datasource"]["uid"] != UID for each in asked):
            yield f"panel {panel['title']} asks a source that is not ours"


def _variables(content: dict[str, Any]) -> Iterator[str]:
    known = {variable["name"] for variable in content["templating"]["list"]}
    for unknown in set(VARIABLE.findall(str(content))) - known:
        if not unknown.startswith("__"):
            yield f"nobody sets the variable {unknown}"


def _twice(values: Iterator[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]
