"""Times and durations as they are typed."""

import re
from datetime import datetime
from typing import Annotated

import typer

TIMES = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]
Start = Annotated[
    datetime | None, typer.Option("--from", formats=TIMES, help="From when; without a zone in the city's time.")
]
End = Annotated[datetime | None, typer.Option("--to", formats=TIMES, help="And before when.")]
PART = re.compile(r"[^a-z]+[a-z]+")
"""Of a duration: a number and its unit."""


def duration_ms(typed: str, option: str) -> int:
    """Milliseconds of `30s`, `12h`, `1h30m`. Raises BadParameter, which names the option."""
    from rules.language.quantities import parse_duration_ms

    parts = PART.findall(typed) or [typed]
    try:
        return sum(map(parse_duration_ms, parts if "".join(parts) == typed else [typed]))
    except ValueError as error:
        raise typer.BadParameter(f"{error}, as 30m or 12h", param_hint=option) from None
