"""The page, served."""

import asyncio
from socket import socket

import uvicorn

from alerts.console.app import create_app
from alerts.store.database import Database
from qianshao.city_files import load_city
from qianshao.clockfile import timekeeper
from qianshao.processes.lifecycle import answer
from qianshao.settings import Settings


def run(settings: Settings) -> None:
    """Serve the page until stopped."""
    database = Database(settings.database)
    asyncio.run(answer(lambda: asyncio.to_thread(database.migrate)))
    app = create_app(database, load_city(settings), timekeeper(settings.clock.file), settings.profile)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            if settings.ready is not None:
                settings.ready.touch()

    config = uvicorn.Config(app, settings.web.host, settings.web.port, log_level="warning", timeout_graceful_shutdown=3)
    Server(config).run()
