"""Times and durations as they are typed."""

from datetime import datetime
from typing import Annotated

import typer

TIMES = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]
Start = Annotated[
    datetime | None, typer.Option("--from", formats=TIMES, help="From when; without a zone in the city's time.")
]
End = Annotated[datetime | None, typer.Option("--to", formats=TIMES, help="And before when.")]


def duration_ms(typed: str, option: str) -> int:
    """Milliseconds of `30s`, `12h`, `1d`. Raises BadParameter, which names the option."""
    from rules.language.quantities import parse_duration_ms

    try:
        return parse_duration_ms(typed)
    except ValueError as error:
        raise typer.BadParameter(f"{error}, as 30m or 12h", param_hint=option) from None
