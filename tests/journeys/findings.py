"""What the doctor says of real servers."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from qianshao.doctor import certificates, clock, mqtt, wall
from qianshao.doctor.findings import Check, Outcome
from qianshao.doctor.run import carefully
from qianshao.settings import Settings
from streams import lag
from tests.waiting import PATIENCE_S


@dataclass(frozen=True)
class Said:
    """A finding. `remedy`: empty where it went well."""

    outcome: Outcome
    detail: str
    remedy: str


def said(check: Check, settings: Settings) -> dict[str, Said]:
    """What a check says, by what it says it of. Every answer may take long: on a machine with many tests servers are
    slow, and one that is away refuses at once."""
    with ExitStack() as stack:
        for module in (certificates, clock, lag, mqtt, wall):
            stack.enter_context(patch.object(module, "ANSWER_WITHIN_S", PATIENCE_S))
        return {f.what: Said(f.outcome, f.detail, f.remedy) for f in carefully(check, settings)}


def only(found: dict[str, Said]) -> Said:
    """The one finding that there is."""
    (finding,) = found.values()
    return finding


def settings_in(folder: Path, **more: Any) -> Settings:
    return Settings(data=folder, **more)
