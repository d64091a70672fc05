"""What came of a group of transitions, for whoever counts it, traces it, and says it."""

from dataclasses import dataclass

from alerts.book import Book
from city.transitions import Transition


@dataclass(frozen=True)
class Effect:
    """Where a new transition belongs: its incident, and that one's ticket, where there is one. `opened`: by it."""

    incident: str
    ticket: str | None = None
    opened: bool = False


@dataclass(frozen=True)
class Recorded:
    """What a group of transitions brought that was not known before. `effects`: of each of them, by its id."""

    transitions: int
    incidents: int
    tickets: int
    effects: dict[str, Effect]


def recorded(book: Book, known: Book) -> Recorded:
    """What a book holds beyond what was known."""
    return Recorded(
        len(book.new_transitions),
        len(book.incidents) - len(known.incidents),
        len(book.tickets) - len(known.tickets),
        {transition.id: _effect(transition, book) for transition in book.new_transitions},
    )


def _effect(transition: Transition, book: Book) -> Effect:
    incident = book.alerts[transition.alert].incident
    ticket = book.tickets.get(incident)
    return Effect(incident) if ticket is None else Effect(incident, ticket.id, ticket.opening == transition.id)


def together(parts: list[Recorded]) -> Recorded:
    """What several groups brought, one after the other."""
    return Recorded(
        sum(part.transitions for part in parts),
        sum(part.incidents for part in parts),
        sum(part.tickets for part in parts),
        {transition: effect for part in parts for transition, effect in part.effects.items()},
    )
