"""Beijing time, which both protocols mean and neither says."""

from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))


def in_beijing(ms: int) -> datetime:
    """A time in ms UTC, as clocks in Beijing show it."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(BEIJING)
