"""What the page's process counts of itself."""

import time

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.console.app import Console
from city.reports import SECONDS


class WebMetrics:
    """Made once a registry. `console`: asked whenever somebody wants to know."""

    def __init__(self, registry: CollectorRegistry, console: Console) -> None:
        self.requests = Counter(
            "qianshao_web_requests_total", "Requests, by class of status", ["code"], registry=registry
        )
        self.seconds = Histogram(
            "qianshao_web_request_seconds",
            "From a request until its answer begins",
            buckets=SECONDS,
            registry=registry,
        )
        readable = Gauge("qianshao_web_database_up", "1 while the database can be read, else 0", registry=registry)
        readable.set_function(lambda: console.live.readable)
        listeners = Gauge("qianshao_web_listeners", "Pages that wait for news", registry=registry)
        listeners.set_function(lambda: console.streams)


class Counting:
    """Middleware that counts the answers of an app."""

    def __init__(self, app: ASGIApp, metrics: WebMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began_s = time.perf_counter()

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(f"{message['status'] // 100}xx").inc()
                self._metrics.seconds.observe(time.perf_counter() - began_s)
            await send(message)

        await self._app(scope, receive, count)


def count_requests(app: FastAPI, registry: CollectorRegistry) -> None:
    """Have what a page answers counted."""
    app.add_middleware(Counting, metrics=WebMetrics(registry, app.state.console))
