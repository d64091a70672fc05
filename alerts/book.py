"""A Book holds what is known while transitions are taken in: alerts, the incidents they are of, and their tickets."""

from dataclasses import dataclass, field

from alerts.tickets import Ticket, TicketStep
from city.levels import Level
from city.transitions import Nature, Transition


@dataclass
class Alert:
    """One rule's level on one subject, while it is not none. `explained`: its level does not count for its incident.
    `suspected`: no witness has come yet. `actions`: what is to be done at its level."""

    id: str
    incident: str
    level: Level
    peak_level: Level
    explained: bool
    last: Transition
    suspected: bool = False
    actions: tuple[str, ...] = ()

    def becomes(self, transition: Transition) -> None:
        """Go where a transition leads."""
        self.level, self.explained, self.last = transition.level_to, transition.explained_by is not None, transition
        self.peak_level = max(self.peak_level, self.level)
        self.suspected, self.actions = transition.suspected, transition.actions


@dataclass
class Incident:
    """`key` names it while it is open, `collects` what it draws in beside its own. `active`: how many of its own alerts
    are at each level, `doubted`: how many of those are suspected, `explained`: how many of others it explains.
    `advised`: by action, how many of its own alerts ask for it at their level now.

    `level` is that of the worst of its own alerts; it is `suspected` while all of those are.
    """

    id: str
    key: str
    collects: str | None
    version: int
    nature: Nature
    title: str
    cause: str
    subject: str
    risk_class: str | None
    admin: str | None
    area: str | None
    site: str | None
    opened_ms: int
    updated_ms: int
    level: Level = Level.NONE
    peak_level: Level = Level.NONE
    active: list[int] = field(default_factory=lambda: [0] * 5)
    doubted: list[int] = field(default_factory=lambda: [0] * 5)
    suspected: bool = False
    advised: dict[str, int] = field(default_factory=dict)
    explained: int = 0
    alerts: int = 0
    recovered_ms: int | None = None
    merged_into: str | None = None
    open: bool = True

    def begin(self, transition: Transition) -> None:
        """Take the words of the first alert that counts; one that is only explained may have come before it."""
        self.title, self.cause, self.risk_class = transition.title, transition.cause, transition.risk_class
        self.admin, self.opened_ms = transition.admin, transition.event_ms

    def speak_for(self, transition: Transition) -> None:
        """Take class, words and place of an alert that is worse than all before it, whatever class it is of."""
        self.title, self.risk_class = transition.title, transition.risk_class
        self.admin, self.area, self.site = transition.admin, transition.area, transition.site

    def count(self, alert: Alert, by: int) -> None:
        """Count an alert as it is (`by` 1), or no longer (-1)."""
        if alert.level == Level.NONE:
            return
        if alert.explained:
            self.explained += by
            return
        self.active[alert.level] += by
        self.doubted[alert.level] += by if alert.suspected else 0
        for action in alert.actions:
            self.advised[action] = self.advised.get(action, 0) + by
            if self.advised[action] <= 0:
                del self.advised[action]

    def weigh(self) -> None:
        """Level and doubt, of what is counted."""
        self.level = max((level for level in Level if self.active[level] > 0), default=Level.NONE)
        self.suspected = self.level != Level.NONE and self.doubted[self.level] == self.active[self.level]


@dataclass(frozen=True)
class Event:
    """Something that others must hear of, once: an outbox row. `id` is the same after a replay."""

    id: str
    kind: str
    incident: str
    at_ms: int
    level: Level


@dataclass
class Book:
    """What is known of the transitions at hand: by id, and open incidents by key and by what they collect.

    `versions`: how many incidents of a key there have been. Tickets are by incident. The last seven say what a Desk
    did; `confirming`: ids of the transitions with which a witness came.
    """

    alerts: dict[str, Alert] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    by_collects: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    known_transitions: set[str] = field(default_factory=set)
    new_transitions: list[Transition] = field(default_factory=list)
    confirming: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    steps: list[TicketStep] = field(default_factory=list)
    changed_alerts: set[str] = field(default_factory=set)
    changed_incidents: set[str] = field(default_factory=set)

    def add(self, incident: Incident) -> None:
        """Note an incident, and where it is found while open. Of several that collect the same, the oldest does."""
        self.incidents[incident.id] = incident
        if not incident.open:
            return
        self.by_key[incident.key] = incident.id
        if incident.collects is not None:
            rival = self.incidents[self.by_collects.get(incident.collects, incident.id)]
            oldest = min(rival, incident, key=lambda i: (i.opened_ms, i.id))
            self.by_collects[incident.collects] = oldest.id

    def close(self, incident: Incident) -> None:
        """Let an incident be found no more."""
        incident.open = False
        self.by_key.pop(incident.key, None)
        if self.by_collects.get(incident.collects or "") == incident.id:
            del self.by_collects[incident.collects or ""]
