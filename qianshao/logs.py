"""Logs: one line an event, events as nouns with ids; for people on a terminal, JSON elsewhere."""

import logging
import sys

import structlog

NOISY = {
    "faust": logging.ERROR,
    "mode": logging.ERROR,
    "aiokafka": logging.CRITICAL,  # thousands of lines a second while Kafka is away: we say it once ourselves
    "opentelemetry": logging.CRITICAL,  # likewise
    "sqlalchemy.pool": logging.CRITICAL,  # a traceback for each connection that broke
}
"""Libraries, and from which level on they are heard."""


def set_up_logs(process: str, terminal: bool | None = None) -> None:
    """Send structlog and the libraries' logging to standard error."""
    for_people = sys.stderr.isatty() if terminal is None else terminal
    renderer = structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    for noisy, level in NOISY.items():
        logging.getLogger(noisy).setLevel(level)
