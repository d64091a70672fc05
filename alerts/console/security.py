"""Headers that every answer carries: nothing from elsewhere runs or loads, nobody frames us, nothing is kept. And
what a form that changes something must carry: that it is one of ours."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with none at all, browsers hide from ourselves where a form comes from
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
LARGEST_FORM = 8_192  # bytes
STATIC_FOR = "public, max-age=31536000, immutable"  # their address changes with their contents


class SecureHeaders:
    """Adds HEADERS, and says what may be kept: files under `/static/`, and nothing else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                fresh = scope["path"].startswith("/static/") and message["status"] in (200, 304)
                headers["cache-control"] = STATIC_FOR if fresh else "no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def own_form(request: Request) -> dict[str, str]:
    """The fields of a form that a page of ours sent. Raises HTTPException: 403 for any other, 413 for one too large."""
    if not is_own(request.headers):
        raise HTTPException(403)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            raise HTTPException(413)
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def is_own(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of this very address sent it. Who says nothing is nobody of ours."""
    origin = urlsplit(headers.get("origin", ""))
    told = headers.get("sec-fetch-site", "same-origin")
    return bool(origin.netloc) and origin.netloc == headers.get("host") and told == "same-origin"
