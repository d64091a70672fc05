"""Which step of its cycle a ticket waits for, and by when that must be done."""

from alerts.tickets import TicketState

_STEP_OF = {
    TicketState.SUSPECTED: "accept_ms",
    TicketState.REPORTED: "accept_ms",
    TicketState.ACCEPTED: "dispatch_ms",
    TicketState.FILED: "dispatch_ms",
    TicketState.RETURNED: "dispatch_ms",
    TicketState.DISPATCHED: "arrive_ms",
    TicketState.SIGNED: "arrive_ms",
    TicketState.DISPOSING: "dispose_ms",
    TicketState.REWORK: "dispose_ms",
    TicketState.EXTENSION_PENDING: "dispose_ms",
    TicketState.FEEDBACK: "verify_ms",
    TicketState.VERIFYING: "verify_ms",
}
"""The deadline that each state waits for. Suspended and ended tickets wait for none."""

STEPS = {
    "accept_ms": "受理",
    "dispatch_ms": "派遣",
    "arrive_ms": "到场",
    "feedback_ms": "首次反馈",
    "dispose_ms": "处置",
    "verify_ms": "核查",
}
"""Every deadline in the order of the cycle, by its word."""


def waits_for(state: TicketState) -> str | None:
    """Name of the deadline that a ticket in this state must keep next; None when no clock runs."""
    return _STEP_OF.get(state)


def states_waiting_for(step: str) -> list[str]:
    """States, as stored, whose next deadline is this one."""
    return [state.value for state, waited in _STEP_OF.items() if waited == step]
