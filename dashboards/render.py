"""Boards as the JSON that Grafana keeps."""

import json
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.boards.frame import Board


def as_json(board: Board) -> dict[str, Any]:
    """A board as plain data."""
    found: dict[str, Any] = json.loads(json.dumps(board.content, cls=JSONEncoder))
    return found
