"""Grafana at the edge: the few calls of its HTTP API that boards need. Everything raises Unavailable where it does not
answer, and SettingError where it does not let us."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from city.errors import SettingError, Unavailable

Json = dict[str, Any]
TIMEOUT_S = 30.0
REFUSED = {
    httpx.codes.UNAUTHORIZED: "it does not know these credentials: check grafana.token, or username and password",
    httpx.codes.FORBIDDEN: "these credentials may not do that: boards need the role Admin of the organisation",
}


@dataclass(frozen=True)
class Kept:
    """A board as Grafana has it. `provisioned`: it comes from a file, and cannot be written."""

    content: Json
    folder_uid: str
    provisioned: bool


@dataclass(frozen=True)
class Change:
    """The newest change of a board: by whom, when, and with which words."""

    by: str
    at: str
    message: str


class Grafana:
    """One Grafana and one of its organisations, as an administrator of it."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        login: tuple[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=self._url, headers=headers, auth=login, timeout=TIMEOUT_S, transport=transport
        )

    def close(self) -> None:
        self._http.close()

    def version(self) -> str:
        return str(self._ask("GET", "/api/health")["version"])

    def source(self, uid: str) -> Json | None:
        return self._find(f"/api/datasources/uid/{quote(uid)}")

    def save_source(self, source: Json, there: bool) -> None:
        if there:
            self._ask("PUT", f"/api/datasources/uid/{quote(source['uid'])}", source)
        else:
            self._ask("POST", "/api/datasources", source)

    def folder(self, uid: str) -> Json | None:
        return self._find(f"/api/folders/{quote(uid)}")

    def save_folder(self, uid: str, title: str, there: bool) -> None:
        if there:
            self._ask("PUT", f"/api/folders/{quote(uid)}", {"title": title, "overwrite": True})
        else:
            self._ask("POST", "/api/folders", {"uid": uid, "title": title})

    def rights(self, folder: str) -> list[Json]:
        """Who may do what in a folder."""
        found: list[Json] = self._ask("GET", f"/api/folders/{quote(folder)}/permissions")
        return found

    def save_rights(self, folder: str, rights: list[Json]) -> None:
        self._ask("POST", f"/api/folders/{quote(folder)}/permissions", {"items": rights})

    def board(self, uid: str) -> Kept | None:
        found = self._find(f"/api/dashboards/uid/{quote(uid)}")
        if found is None:
            return None
        meta = found["meta"]
        return Kept(found["dashboard"], meta.get("folderUid", ""), bool(meta.get("provisioned")))

    def last_change(self, uid: str) -> Change | None:
        """The newest change that Grafana has recorded; None where it has none."""
        found = self._ask("GET", f"/api/dashboards/uid/{quote(uid)}/versions?limit=1")
        versions = found["versions"] if isinstance(found, dict) else found
        if not versions:
            return None
        newest = versions[0]
        return Change(newest.get("createdBy", ""), newest.get("created", ""), newest.get("message", ""))

    def save_board(self, content: Json, folder: str, message: str) -> None:
        self._ask(
            "POST",
            "/api/dashboards/db",
            {"dashboard": content, "folderUid": folder, "overwrite": True, "message": message},
        )

    def delete_board(self, uid: str) -> None:
        self._ask("DELETE", f"/api/dashboards/uid/{quote(uid)}")

    def uids(self, tag: str) -> list[str]:
        """Boards that have a tag."""
        found = self._ask("GET", f"/api/search?type=dash-db&limit=5000&tag={quote(tag)}")
        return [board["uid"] for board in found]

    def _find(self, path: str) -> Json | None:
        """What is there; None where nothing is."""
        answer = self._send("GET", path, None)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        found: Json = self._read(answer)
        return found

    def _ask(self, method: str, path: str, body: Json | None = None) -> Any:
        return self._read(self._send(method, path, body))

    def _send(self, method: str, path: str, body: Json | None) -> httpx.Response:
        try:
            return self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise Unavailable(f"Grafana at {self._url}", repr(error)) from error

    def _read(self, answer: httpx.Response) -> Any:
        if answer.status_code in REFUSED:
            raise SettingError("grafana", f"{self._url} refuses", REFUSED[httpx.codes(answer.status_code)])
        if answer.is_error:
            raise Unavailable(f"Grafana at {self._url}", f"{answer.status_code} {answer.text[:500]}")
        return answer.json()
