"""The page, served."""

import asyncio
from socket import socket

import structlog
import uvicorn

from alerts.console.app import create_app
from alerts.rulebook import NO_RULES, RuleBook
from alerts.store.database import Database
from city.city import City
from city.clock import wall_ms
from city.errors import ConfigErrors
from qianshao.city_files import load_city, load_rules
from qianshao.clockfile import timekeeper
from qianshao.offering import offered, own_registry
from qianshao.processes.lifecycle import answer
from qianshao.processes.web_metrics import count_requests
from qianshao.rulebook import rule_book
from qianshao.settings import Settings

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Serve the page until stopped."""
    database = Database(settings.database)
    asyncio.run(answer(lambda: asyncio.to_thread(database.migrate)))
    city = load_city(settings)
    app = create_app(database, city, timekeeper(settings.clock.file), settings.profile, _rules(settings, city))
    registry = own_registry()
    count_requests(app, registry)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            if settings.ready is not None:
                settings.ready.touch()

    config = uvicorn.Config(app, settings.web.host, settings.web.port, log_level="warning", timeout_graceful_shutdown=3)
    with offered(settings.metrics, registry):
        Server(config).run()


def _rules(settings: Settings, city: City) -> RuleBook:
    """What the rules say. The page of the duty room comes up without them too: who judges may have sound ones still."""
    try:
        return rule_book(load_rules(settings, city), city, int(wall_ms()))
    except ConfigErrors as wrong:
        log.error("rules unreadable: the page shows none", rules=str(settings.rules), errors=len(wrong.errors))
        return NO_RULES
