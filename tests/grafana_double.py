"""As much of Grafana's HTTP API as boards need, kept in memory: for plan, apply and drift where there is no Grafana.
What it answers was taken down from a Grafana 12.2, and the same tests run against a real one where there is one."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import httpx

Json = dict[str, Any]
TOKEN = "of the double"


@dataclass
class Double:
    """`provisioned`: uids of boards that come from files; `away`: it does not answer."""

    boards: dict[str, Json] = field(default_factory=dict)
    folders: dict[str, Json] = field(default_factory=dict)
    sources: dict[str, Json] = field(default_factory=dict)
    rights: dict[str, list[Json]] = field(default_factory=dict)
    versions: dict[str, list[Json]] = field(default_factory=dict)
    provisioned: set[str] = field(default_factory=set)
    away: bool = False

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def by_hand(self, uid: str, change: Callable[[Json], object], who: str = "zhang") -> None:
        """Somebody changes a board in the browser."""
        content = deepcopy(self.boards[uid]["dashboard"])
        change(content)
        self._keep(content, self.boards[uid]["meta"]["folderUid"], "", who)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("refused")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return httpx.Response(401, json={"message": "Unauthorized"})
        body = json.loads(request.content) if request.content else {}
        for method, pattern, answer in self._routes():
            found = re.fullmatch(pattern, request.url.path)
            if found and request.method == method:
                return answer(*found.groups(), body=body, asked=request.url.params)
        return httpx.Response(404, json={"message": "Not found"})

    def _routes(self) -> list[tuple[str, str, Callable[..., httpx.Response]]]:
        uid = r"([\w-]+)"
        return [
            ("GET", "/api/health", lambda **_: _json({"version": "12.2.0"})),
            ("GET", f"/api/datasources/uid/{uid}", lambda u, **_: _found(self.sources.get(u))),
            ("POST", "/api/datasources", lambda body, **_: self._save_source(body)),
            ("PUT", f"/api/datasources/uid/{uid}", lambda _, body, **__: self._save_source(body)),
            ("GET", f"/api/folders/{uid}", lambda u, **_: _found(self.folders.get(u))),
            ("POST", "/api/folders", lambda body, **_: self._save_folder(body["uid"], body["title"])),
            ("PUT", f"/api/folders/{uid}", lambda u, body, **_: self._save_folder(u, body["title"])),
            ("GET", f"/api/folders/{uid}/permissions", lambda u, **_: _json(self.rights[u])),
            ("POST", f"/api/folders/{uid}/permissions", self._save_rights),
            ("GET", f"/api/dashboards/uid/{uid}", lambda u, **_: _found(self.boards.get(u))),
            ("GET", f"/api/dashboards/uid/{uid}/versions", lambda u, **_: _json({"versions": self.versions[u][-1:]})),
            ("DELETE", f"/api/dashboards/uid/{uid}", lambda u, **_: _json(self.boards.pop(u) and {})),
            ("POST", "/api/dashboards/db", self._save_board),
            ("GET", "/api/search", lambda asked, **_: self._search(asked["tag"])),
        ]

    def _save_source(self, body: Json) -> httpx.Response:
        secret = body.pop("secureJsonData", {})
        added = {"id": 1, "orgId": 1, "readOnly": False, "secureJsonFields": dict.fromkeys(secret, True)}
        self.sources[body["uid"]] = body | added
        return _json({})

    def _save_folder(self, uid: str, title: str) -> httpx.Response:
        self.folders[uid] = {"uid": uid, "title": title, "version": 1}
        everybody = [{"role": "Viewer", "permission": 1}, {"role": "Editor", "permission": 2}]
        self.rights.setdefault(uid, [{"role": "Admin", "permission": 4}, *everybody])
        return _json({})

    def _save_rights(self, uid: str, body: Json, **_: Any) -> httpx.Response:
        self.rights[uid] = [{"role": "Admin", "permission": 4}, *body["items"]]
        return _json({})

    def _save_board(self, body: Json, **_: Any) -> httpx.Response:
        self._keep(body["dashboard"], body["folderUid"], body["message"], "admin")
        return _json({"status": "success"})

    def _keep(self, content: Json, folder: str, message: str, who: str) -> None:
        """As Grafana does, with what it counts and fills in by itself."""
        uid = content["uid"]
        versions = self.versions.setdefault(uid, [])
        kept = deepcopy(content) | {"id": len(self.boards) + 1, "version": len(versions) + 1}
        for panel in kept.get("panels", []):
            panel["pluginVersion"] = "12.2.0"
        meta = {"folderUid": folder, "provisioned": uid in self.provisioned}
        self.boards[uid] = {"dashboard": kept, "meta": meta}
        words = message if versions else "Initial save"
        versions.append({"createdBy": who, "created": "2026-11-26T03:00:00Z", "message": words})

    def _search(self, tag: str) -> httpx.Response:
        found = [uid for uid, board in self.boards.items() if tag in board["dashboard"].get("tags", [])]
        return _json([{"uid": uid} for uid in found])


def _json(content: Any) -> httpx.Response:
    return httpx.Response(200, json=content)


def _found(content: Json | None) -> httpx.Response:
    return httpx.Response(404, json={"message": "Not found"}) if content is None else _json(content)
