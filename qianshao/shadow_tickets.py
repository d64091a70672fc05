"""The tickets that two judgements of one log would have opened."""

from collections.abc import Iterable
from typing import Any

from alerts.book import Book
from alerts.deadlines import TicketPolicy
from alerts.incidents import Desk
from alerts.tickets import Ticket
from city.city import City
from city.levels import Level
from city.transitions import Transition

MOST_LISTED = 200


class PaperDesk:
    """A desk that nobody hears of: it opens the tickets of a judgement on paper."""

    def __init__(self, city: City, policy: TicketPolicy) -> None:
        self._book = Book()
        self._desk = Desk(city, policy, self._book)

    def take(self, transitions: Iterable[Transition]) -> None:
        for transition in transitions:
            self._desk.take(transition)
        self._forget()

    @property
    def tickets(self) -> dict[str, Ticket]:
        """By the key of their incident; of several, one after the other, the last."""
        return {self._book.incidents[incident].key: ticket for incident, ticket in self._book.tickets.items()}

    def _forget(self) -> None:
        """Of what has ended, and what others would have been told, nothing is asked again."""
        book = self._book
        for alert in [id_ for id_ in book.changed_alerts if book.alerts[id_].level == Level.NONE]:
            del book.alerts[alert]
        for done in (book.known_transitions, book.new_transitions, book.confirming, book.events, book.steps):
            done.clear()
        book.changed_alerts.clear()
        book.changed_incidents.clear()


def apart(live: PaperDesk, candidate: PaperDesk) -> dict[str, Any]:
    """How many tickets each would have opened, and which the candidate would open more, less, or at another level."""
    ours, theirs = live.tickets, candidate.tickets
    both = ours.keys() & theirs.keys()
    return {
        "live": len(ours),
        "candidate": len(theirs),
        "more": _listed(theirs[key] for key in theirs.keys() - both),
        "less": _listed(ours[key] for key in ours.keys() - both),
        "other_level": [
            {**_row(ours[key]), "candidate_level": theirs[key].level.slug}
            for key in sorted(both)
            if ours[key].level != theirs[key].level
        ][:MOST_LISTED],
    }


def _listed(tickets: Iterable[Ticket]) -> list[dict[str, Any]]:
    worst_first = sorted(tickets, key=lambda ticket: (-ticket.level, ticket.reported_ms, ticket.id))
    return [_row(ticket) for ticket in worst_first[:MOST_LISTED]]


def _row(ticket: Ticket) -> dict[str, Any]:
    return {"title": ticket.title, "level": ticket.level.slug, "reported_ms": ticket.reported_ms}
