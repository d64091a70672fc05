"""What the doctor says of real servers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qianshao.doctor.findings import Check, Outcome
from qianshao.doctor.run import carefully
from qianshao.settings import Settings


@dataclass(frozen=True)
class Said:
    """A finding. `remedy`: empty where it went well."""

    outcome: Outcome
    detail: str
    remedy: str


def said(check: Check, settings: Settings) -> dict[str, Said]:
    """What a check says, by what it says it of."""
    return {f.what: Said(f.outcome, f.detail, f.remedy) for f in carefully(check, settings)}


def only(found: dict[str, Said]) -> Said:
    """The one finding that there is."""
    (finding,) = found.values()
    return finding


def settings_in(folder: Path, **more: Any) -> Settings:
    return Settings(data=folder, **more)
