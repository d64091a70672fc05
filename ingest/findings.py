"""What ingest itself finds wrong with a device, told as readings of that device, so that rules can judge it.

A finding is written when it is made. That a device is sound is written once: when its first good message follows a
finding, or the start of this process, which cannot know what an earlier one had found.
"""

from ingest.dead_letters import Reason

CLOCK_ERROR = "clock_error"
_INDICATOR = {
    Reason.TOPIC: "refused_format",
    Reason.OVERSIZE: "refused_format",
    Reason.NOT_JSON: "refused_format",
    Reason.NOT_XML: "refused_format",
    Reason.SCHEMA: "refused_format",
    Reason.PERSONAL_DATA: "refused_format",
    Reason.WRONG_DEVICE: "refused_format",
    Reason.RANGE: "refused_range",
    Reason.UNIT: "refused_unit",
    Reason.INDICATOR: "refused_format",
    Reason.SIGNAL: "refused_format",
    Reason.CLOCK: "refused_clock",
    Reason.FRAME: "refused_format",
}
REFUSALS = tuple(sorted(set(_INDICATOR.values())))


class Findings:
    """Which findings are outstanding on each device row. `None` for a device: this process does not know yet."""

    def __init__(self, devices: int) -> None:
        self._outstanding: list[frozenset[str] | None] = [None] * devices

    def refused(self, row: int, reason: Reason) -> str | None:
        """Note a refusal. The indicator that tells it, None when the reason is not the device's."""
        indicator = _INDICATOR.get(reason)
        if indicator is not None:
            self._outstanding[row] = self._of(row) | {indicator}
        return indicator

    def clock_wrong(self, row: int) -> None:
        self._outstanding[row] = self._of(row) | {CLOCK_ERROR}

    def sound(self, row: int, clock_told: bool) -> frozenset[str]:
        """Note a good message. `clock_told`: it says that the clock is right, too. Returns what it clears."""
        outstanding = self._outstanding[row]
        if not outstanding and outstanding is not None:
            return outstanding
        left = frozenset() if clock_told else self._of(row) & {CLOCK_ERROR}
        self._outstanding[row] = left
        return self._of_unknown(outstanding) - left

    def _of(self, row: int) -> frozenset[str]:
        return self._of_unknown(self._outstanding[row])

    @staticmethod
    def _of_unknown(outstanding: frozenset[str] | None) -> frozenset[str]:
        return frozenset((*REFUSALS, CLOCK_ERROR)) if outstanding is None else outstanding
