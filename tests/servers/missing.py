"""What could not be had."""

from dataclasses import dataclass

REMEDY = "run `make servers`"


@dataclass
class MissingError(Exception):
    """A server that is not to be had on this machine, why, and what to do about it."""

    what: str
    why: str
    remedy: str = REMEDY

    def __str__(self) -> str:
        return f"{self.what}: {self.why}; {self.remedy}"
