"""The score of a play: incidents that were told, against those that should have been. Pure."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from city.levels import Level
from city.transitions import Nature
from simulators.truth.expected import Demand, Expected


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as the system tells it. subject: its group key (area, device or parent id). opened_ms: event time at
    which it began. tickets: how many it has."""

    id: str
    nature: Literal["hazard", "device", "parent", "blind"]
    risk_class: str | None
    admin: str | None
    area: str | None
    subject: str
    cause: str
    peak_level: Level
    opened_ms: int
    tickets: int


class Catch(msgspec.Struct, frozen=True):
    """An expected incident with the one that told it. delay_s: played seconds from onset to opening, never negative."""

    expected: Expected
    observed: Observed
    delay_s: float


class Miss(msgspec.Struct, frozen=True):
    """An expected incident that nobody told of in time, and why not."""

    expected: Expected
    why: str


class FalseAlarm(msgspec.Struct, frozen=True):
    """An incident for which there was no cause, and what tells so."""

    observed: Observed
    why: str


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """caught: demanded incidents that came in time. allowed: others that were right. off_level: caught or allowed ones
    whose peak level is outside the right range. delay_p50_s, delay_p99_s: over caught ones, None without any.
    tickets_per_cause: over all real causes that were told, None without any; parts told separately count."""

    expected: int
    caught: list[Catch]
    missed: list[Miss]
    false: list[FalseAlarm]
    allowed: list[Catch]
    off_level: list[Catch]
    delay_p50_s: float | None
    delay_p99_s: float | None
    tickets_per_cause: float | None

    @property
    def perfect(self) -> bool:
        return not (self.missed or self.false or self.off_level)


def score(expected: Sequence[Expected], observed: Sequence[Observed]) -> Score:
    """Compares incidents with the truth, each observed one with the expected one of its identity.

    A second incident of a cause that has been told is neither caught nor false, but its tickets count. An incident that
    opened before its cause began is false, one that opened too late leaves its cause missed.
    """
    sheet = _Sheet(expected)
    for incident in sorted(observed, key=lambda incident: (incident.opened_ms, incident.id)):
        sheet.enter(incident)
    return sheet.score()


def matches(expected: Expected, observed: Observed) -> bool:
    """Whether an incident is of the kind that is expected, whenever it came."""
    return (
        expected.nature is Nature(observed.nature)
        and expected.risk_class in (None, observed.risk_class)
        and expected.admin in (None, observed.admin)
        and expected.area in (None, observed.area)
        and (not expected.subjects or observed.subject in expected.subjects)
        and (not expected.causes or observed.cause in expected.causes)
    )


class _Sheet:
    """Marks expected incidents off, one observed incident after the other."""

    def __init__(self, expected: Sequence[Expected]) -> None:
        self._never = [one for one in expected if one.demand is Demand.NEVER]
        self._wanted = sorted(
            (one for one in expected if one.demand is not Demand.NEVER), key=lambda one: one.demand is Demand.MAY
        )
        self._told: dict[int, Catch] = {}
        self._late: dict[int, Observed] = {}
        self._tickets: dict[int, int] = {}
        self._false: list[FalseAlarm] = []

    def enter(self, incident: Observed) -> None:
        """Find what an incident is about."""
        kind = [i for i, one in enumerate(self._wanted) if matches(one, incident)]
        begun = [i for i in kind if self._wanted[i].earliest_ms <= incident.opened_ms]
        for i in begun:
            if i not in self._told and incident.opened_ms <= self._wanted[i].latest_ms:
                delay_s = max(0, incident.opened_ms - self._wanted[i].onset_ms) / 1000
                self._told[i] = Catch(self._wanted[i], incident, delay_s)
                self._tickets[i] = self._tickets.get(i, 0) + incident.tickets
                return
        if begun:
            i = begun[0]
            self._tickets[i] = self._tickets.get(i, 0) + incident.tickets
            self._late.setdefault(i, incident)
            return
        self._false.append(FalseAlarm(incident, self._why_false(incident, early=bool(kind))))

    def _why_false(self, incident: Observed, early: bool) -> str:
        never = next((one for one in self._never if matches(one, incident)), None)
        if never is not None:
            return never.why
        if early:
            return "opened before its cause began"
        whole = self._part_of(incident)
        if whole is not None:
            self._tickets[whole] = self._tickets.get(whole, 0) + incident.tickets
            return f"is part of: {self._wanted[whole].why}"
        return "nothing of the kind happened"

    def _part_of(self, incident: Observed) -> int | None:
        """The cause that explains an incident of one of its devices."""
        for i, one in enumerate(self._wanted):
            if incident.subject in one.covers and one.earliest_ms <= incident.opened_ms:
                return i
        return None

    def score(self) -> Score:
        demanded = [i for i, one in enumerate(self._wanted) if one.demand is Demand.MUST]
        caught = [self._told[i] for i in demanded if i in self._told]
        delays = [catch.delay_s for catch in caught]
        told = [self._told[i] for i in sorted(self._told)]
        real = {i: tickets for i, tickets in self._tickets.items() if i in self._told or i in self._late}
        return Score(
            expected=len(demanded),
            caught=caught,
            missed=[Miss(self._wanted[i], self._why_missed(i)) for i in demanded if i not in self._told],
            false=self._false,
            allowed=[self._told[i] for i in sorted(self._told) if i not in demanded],
            off_level=[c for c in told if not c.expected.lowest <= c.observed.peak_level <= c.expected.highest],
            delay_p50_s=float(np.percentile(delays, 50)) if delays else None,
            delay_p99_s=float(np.percentile(delays, 99)) if delays else None,
            tickets_per_cause=sum(real.values()) / len(real) if real else None,
        )

    def _why_missed(self, i: int) -> str:
        late = self._late.get(i)
        if late is None:
            return "nobody told of it"
        return f"told {(late.opened_ms - self._wanted[i].latest_ms) / 1000:.0f} s too late"
