"""The log from its beginning."""

import asyncio

import structlog

from qianshao.settings import Settings
from streams.rewind import rewind

log = structlog.get_logger()

GROUPS = ("detect", "incidents", "series", "archive")
SESSIONS = 3
"""So many times as long as a worker that was killed counts as one that runs."""


def run(settings: Settings) -> None:
    """Put all workers, which are stopped, back to the beginning of the log. Raises Unavailable or SettingError."""
    patience_s = SESSIONS * settings.kafka.session_s
    for group in GROUPS:
        partitions = asyncio.run(rewind(settings.kafka.servers, group, patience_s))
        log.info("rewound", group=group, partitions=partitions)
