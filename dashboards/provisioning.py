"""Boards as files: every board as JSON, and what Grafana wants beside it to take them from there. Whoever has Grafana
read these does not `apply`: Grafana itself keeps people, and the API, from writing what comes from a file."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from city.city import City
from dashboards.boards.frame import Board, Folder
from dashboards.render import as_json
from dashboards.sync import InfluxSource

LOOK_EVERY_S = 30


def write_boards(boards: Iterable[Board], target: Path) -> list[Path]:
    """A file a board, `dashboards/FOLDER/UID.json` in `target`; boards of earlier exports that are no more are gone."""
    written = []
    for board in boards:
        path = target / "dashboards" / board.folder.slug / f"{board.uid}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(as_json(board), ensure_ascii=False, indent=1) + "\n")
        written.append(path)
    for stray in {*(target / "dashboards").glob("*/qs-*.json")} - {*written}:
        stray.unlink()
    return written


def write_provisioning(city: City, source: InfluxSource, target: Path, seen_at: str) -> list[Path]:
    """Grafana's `provisioning` folder. `seen_at`: where Grafana sees `target`; `source.token`: the token, or
    `$__file{PATH}` for a secret that Grafana reads itself."""
    files = {
        "dashboards/qianshao.yaml": {"apiVersion": 1, "providers": [_provider(city, f, seen_at) for f in Folder]},
        "datasources/qianshao.yaml": {"apiVersion": 1, "datasources": [_source(source)]},
    }
    for name, content in files.items():
        path = target / "provisioning" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    return [target / "provisioning" / name for name in files]


def _provider(city: City, folder: Folder, seen_at: str) -> dict[str, Any]:
    return {
        "name": folder.uid(city),
        "folder": folder.title,
        "folderUid": folder.uid(city),
        "type": "file",
        "allowUiUpdates": False,
        "updateIntervalSeconds": LOOK_EVERY_S,
        "options": {"path": f"{seen_at}/dashboards/{folder.slug}"},
    }


def _source(source: InfluxSource) -> dict[str, Any]:
    return source.as_json() | {"editable": False, "secureJsonData": {"token": source.token}}
