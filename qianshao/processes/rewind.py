"""The log from its beginning."""

import asyncio

import structlog

from qianshao.settings import Settings
from streams.rewind import rewind

log = structlog.get_logger()

GROUPS = ("detect", "incidents", "series")


def run(settings: Settings) -> None:
    """Put all workers, which are stopped, back to the beginning of the log. Raises Unavailable or SettingError."""
    for group in GROUPS:
        partitions = asyncio.run(rewind(settings.kafka.servers, group))
        log.info("rewound", group=group, partitions=partitions)
