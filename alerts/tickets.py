"""A Ticket determines what one person must do about an incident, and in which state of GB/T 30428's cycle that is."""

from dataclasses import dataclass
from enum import Enum

from city.levels import Level


class TicketState(Enum):
    """States of the cycle. `closed`, `merged` and `void` are the ends."""

    SUSPECTED = "suspected"
    REPORTED = "reported"
    ACCEPTED = "accepted"
    FILED = "filed"
    DISPATCHED = "dispatched"
    SIGNED = "signed"
    DISPOSING = "disposing"
    FEEDBACK = "feedback"
    VERIFYING = "verifying"
    CLOSED = "closed"
    REWORK = "rework"
    RETURNED = "returned"
    EXTENSION_PENDING = "extension_pending"
    SUSPENDED = "suspended"
    MERGED = "merged"
    VOID = "void"

    @property
    def zh(self) -> str:
        return _ZH[self]

    @property
    def terminal(self) -> bool:
        return self in (TicketState.CLOSED, TicketState.MERGED, TicketState.VOID)


_ZH = {
    TicketState.SUSPECTED: "存疑待核",
    TicketState.REPORTED: "上报",
    TicketState.ACCEPTED: "受理",
    TicketState.FILED: "立案",
    TicketState.DISPATCHED: "派遣",
    TicketState.SIGNED: "签收",
    TicketState.DISPOSING: "处置中",
    TicketState.FEEDBACK: "处置反馈",
    TicketState.VERIFYING: "核查",
    TicketState.CLOSED: "结案",
    TicketState.REWORK: "返工",
    TicketState.RETURNED: "退单",
    TicketState.EXTENSION_PENDING: "延期申请",
    TicketState.SUSPENDED: "挂账",
    TicketState.MERGED: "并案",
    TicketState.VOID: "作废",
}


@dataclass
class Deadlines:
    """By when each step must be done, ms UTC."""

    accept_ms: int
    dispatch_ms: int
    arrive_ms: int
    feedback_ms: int
    dispose_ms: int
    verify_ms: int


@dataclass(frozen=True)
class Route:
    """Whose task it is: grid, the administrative units above it (codes from the lowest up), the unit that handles."""

    grid: str | None
    admin: tuple[str, ...]
    unit: str


@dataclass
class Ticket:
    """One task. `id` follows from its incident's; `level` is the highest that the incident has reached; `opening` the
    transition that opened it. `suspected`: no witness has come since it reached that level, so it asks to verify.
    `actions`: all that its alerts have ever asked for, in that order."""

    id: str
    incident: str
    state: TicketState
    level: Level
    category: str
    title: str
    reason: str
    route: Route
    reported_ms: int
    opening: str
    deadlines: Deadlines
    merged_into: str | None = None
    closed_ms: int | None = None
    suspected: bool = False
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class TicketStep:
    """One thing that was done about a ticket, for its trail: "report", "raise", "confirm" or "merge". `level`: the
    ticket's after it. `state_from`: None when it made the ticket."""

    ticket: str
    action: str
    at_ms: int
    level: Level
    state_from: TicketState | None
    state_to: TicketState
    reason: str

    @property
    def id(self) -> str:
        """The same after a replay: a ticket is raised to a level once, and confirmed at it once."""
        return f"{self.ticket}:{self.action}:{self.level:d}"
