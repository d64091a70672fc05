"""What must happen in a Grafana so that it has the boards of the code; and what somebody has changed there by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from city.city import City
from city.errors import SettingError
from dashboards.boards.frame import TAG, Board, Folder
from dashboards.diff import differences, normal
from dashboards.grafana import Change, Grafana, Json, Kept
from dashboards.render import as_json
from dashboards.source import NAME, TYPE, UID

MESSAGE = "qianshao dashboards apply"
OURS = (MESSAGE, "Initial save")
"""In the history of a board, where the newest change was ours; of the first, Grafana 12 keeps words of its own. Any
other is somebody's hand."""
VIEW = 1
ROLES = ("Viewer", "Editor")


class Action(Enum):
    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


@dataclass(frozen=True)
class Step:
    """One thing to do. `what`: source, folder, rights or board, and its uid. `details`: lines that say what differs,
    Grafana's on the left. `drift`: who changed it there by hand, and when."""

    action: Action
    what: str
    uid: str
    details: tuple[str, ...] = ()
    drift: Change | None = None


@dataclass(frozen=True)
class InfluxSource:
    """InfluxDB as Grafana reaches it."""

    url: str
    token: str
    org: str
    bucket: str

    def as_json(self) -> Json:
        """Without the token, which nobody can read back."""
        return {
            "uid": UID,
            "name": NAME,
            "type": TYPE,
            "access": "proxy",
            "url": self.url,
            "isDefault": True,
            "jsonData": {
                "version": "Flux",
                "organization": self.org,
                "defaultBucket": self.bucket,
                "tlsSkipVerify": False,
                "timeout": 30,
            },
        }


class Sync:
    """Compares a Grafana with boards, and makes it have them."""

    def __init__(self, grafana: Grafana, city: City, boards: list[Board], source: InfluxSource) -> None:
        self._grafana, self._city, self._source = grafana, city, source
        self._boards = {board.uid: board for board in boards}

    def plan(self) -> list[Step]:
        """Everything that differs. Raises SettingError where boards come from files: two hands on one board."""
        kept = {uid: self._grafana.board(uid) for uid in self._boards}
        self._refuse_provisioned(kept)
        steps = [*self._source_step(), *self._folder_steps()]
        for uid, found in kept.items():
            steps += self._board_step(self._boards[uid], found)
        return [*steps, *self._strays()]

    def apply(self, steps: list[Step]) -> None:
        """Do what a plan says."""
        folders = {folder.uid(self._city): folder for folder in Folder}
        for step in steps:
            there = step.action is not Action.CREATE
            if step.what == "source":
                secret = {"secureJsonData": {"token": self._source.token}}
                self._grafana.save_source(self._source.as_json() | secret, there)
            elif step.what == "folder":
                self._grafana.save_folder(step.uid, folders[step.uid].title, there)
            elif step.what == "rights":
                self._grafana.save_rights(step.uid, rights(folders[step.uid]))
            elif step.action is Action.DELETE:
                self._grafana.delete_board(step.uid)
            else:
                board = self._boards[step.uid]
                self._grafana.save_board(as_json(board), board.folder.uid(self._city), MESSAGE)

    def _refuse_provisioned(self, kept: dict[str, Kept | None]) -> None:
        from_files = [uid for uid, found in kept.items() if found is not None and found.provisioned]
        if from_files:
            raise SettingError(
                "grafana.url",
                f"{len(from_files)} boards come from files there, e.g. {from_files[0]}",
                "change them by `qianshao dashboards export`, or take the provider out of Grafana's provisioning",
            )

    def _source_step(self) -> Iterator[Step]:
        found = self._grafana.source(UID)
        wanted = self._source.as_json()
        if found is None:
            yield Step(Action.CREATE, "source", UID)
            return
        same = {name: found.get(name) for name in wanted}
        details = [*differences(normal(same), normal(wanted))]
        if not found.get("secureJsonFields", {}).get("token"):
            details.append("token: nothing -> set")
        if details:
            yield Step(Action.CHANGE, "source", UID, tuple(details))

    def _folder_steps(self) -> Iterator[Step]:
        for folder in Folder:
            uid = folder.uid(self._city)
            found = self._grafana.folder(uid)
            if found is None:
                yield Step(Action.CREATE, "folder", uid, (folder.title,))
                yield Step(Action.CHANGE, "rights", uid)
                continue
            if found["title"] != folder.title:
                yield Step(Action.CHANGE, "folder", uid, (f"title: {found['title']!r} -> {folder.title!r}",))
            have = _granted(self._grafana.rights(uid))
            want = _granted(rights(folder))
            if have != want:
                yield Step(Action.CHANGE, "rights", uid, (*differences(have, want),))

    def _board_step(self, board: Board, found: Kept | None) -> Iterator[Step]:
        if found is None:
            yield Step(Action.CREATE, "board", board.uid, (board.title,))
            return
        details = [*differences(normal(found.content), normal(as_json(board)))]
        folder = board.folder.uid(self._city)
        if found.folder_uid != folder:
            details.append(f"folder: {found.folder_uid!r} -> {folder!r}")
        if details:
            yield Step(Action.CHANGE, "board", board.uid, tuple(details), self._by_hand(board.uid))

    def _by_hand(self, uid: str) -> Change | None:
        """The newest change of a board, unless it was ours."""
        newest = self._grafana.last_change(uid)
        return newest if newest is not None and newest.message not in OURS else None

    def _strays(self) -> Iterator[Step]:
        """Boards of ours that the code has no more. Those that people made have other uids, and are left."""
        prefix = f"qs-{self._city.id}-"
        for uid in sorted(set(self._grafana.uids(TAG)) - set(self._boards)):
            if uid.startswith(prefix):
                yield Step(Action.DELETE, "board", uid)


def rights(folder: Folder) -> list[dict[str, Any]]:
    """Who may look into a folder; to change anything is for administrators, and for the code."""
    roles = ROLES if folder.for_viewers else ("Editor",)
    return [{"role": role, "permission": VIEW} for role in roles]


def _granted(found: list[Json]) -> dict[str, int]:
    """Rights of roles that are below administrator."""
    return {right["role"]: right["permission"] for right in found if right.get("role") in ROLES}
