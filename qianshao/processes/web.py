"""The page, served."""

import asyncio
from socket import socket
from typing import Any

import structlog
import uvicorn

from alerts.console.app import create_app
from alerts.rulebook import NO_RULES, RuleBook
from alerts.store.database import Database
from alerts.store.rules import RuleStore
from city.city import City
from city.clock import wall_ms
from city.errors import ConfigErrors
from qianshao.city_files import load_city
from qianshao.clockfile import timekeeper
from qianshao.offering import offered, own_registry
from qianshao.processes.lifecycle import answer, until_stopped
from qianshao.processes.web_metrics import count_requests
from qianshao.rulebook import rule_book
from qianshao.settings import Settings
from rules.language.pack import Pack
from streams.rules import RulesInForce, RuleSource

log = structlog.get_logger()

NOTHING = Pack("", "", "", (), (), ())


def run(settings: Settings) -> None:
    """Serve the page until stopped."""
    database = Database(settings.database)
    asyncio.run(answer(lambda: asyncio.to_thread(database.migrate)))
    city = load_city(settings)
    source = RuleSource(RuleStore(database), city, settings.rules, "web")
    rules = _begin(source, settings)
    clock, may_change = timekeeper(settings.clock.file), settings.web.rules_may_change
    app = create_app(database, city, clock, settings.profile, _book(rules, city), may_change)
    registry = own_registry()
    count_requests(app, registry)

    async def show(rules: RulesInForce) -> dict[str, Any]:
        app.state.show_rules(await asyncio.to_thread(_book, rules, city))
        return {}

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            if settings.ready is not None:
                settings.ready.touch()

    config = uvicorn.Config(app, settings.web.host, settings.web.port, log_level="warning", timeout_graceful_shutdown=3)
    with offered(settings.metrics, registry):
        asyncio.run(until_stopped(asyncio.Event(), Server(config).serve(), source.follow(rules, show)))


def _begin(source: RuleSource, settings: Settings) -> RulesInForce:
    """The page of the duty room comes up without rules too: who judges may have sound ones still."""
    try:
        return source.begin()
    except ConfigErrors as wrong:
        log.error("rules unreadable: the page shows none", rules=str(settings.rules), errors=len(wrong.errors))
        return RulesInForce(NOTHING, wall_ms())


def _book(rules: RulesInForce, city: City) -> RuleBook:
    """What the rules say."""
    if rules.pack is NOTHING:
        return NO_RULES
    return rule_book(rules.pack, city, int(rules.loaded_wall_ms), rules.version)
