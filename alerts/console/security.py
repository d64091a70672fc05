"""Headers that every answer carries: nothing from elsewhere runs or loads, nobody frames us, nothing is kept."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
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
