"""What the doctor finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from qianshao.settings import Settings

ANSWER_WITHIN_S = 5.0
"""What takes longer to answer one question counts as away."""


class Outcome(Enum):
    """WARN: it works, and will not for long, or not well. FAIL: it does not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """The outcome of one check; `remedy` where it did not go well."""

    what: str
    outcome: Outcome
    detail: str
    remedy: str = ""


Check = Callable[[Settings], Iterable[Finding]]


def well(what: str, detail: str, remedy: str = "") -> Finding:
    return Finding(what, Outcome.OK, detail, remedy)


def warning(what: str, detail: str, remedy: str) -> Finding:
    return Finding(what, Outcome.WARN, detail, remedy)


def failure(what: str, detail: str, remedy: str) -> Finding:
    return Finding(what, Outcome.FAIL, detail, remedy)


def graded(what: str, detail: str, remedy: str, warn: bool, fail: bool) -> Finding:
    """A finding whose outcome depends on how bad it is; well, it has no remedy."""
    if fail:
        return failure(what, detail, remedy)
    return warning(what, detail, remedy) if warn else well(what, detail)
