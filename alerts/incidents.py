"""An Incident determines what people talk about: the alerts of one area, class and cause, from the first that leaves
none until its ticket is closed. The Desk takes transitions in and keeps incidents and tickets up to date.

Pure: a Desk works on a Book of what is known already; the store fills the book before and writes it back after.
"""

import hashlib
from dataclasses import dataclass, field

from alerts.deadlines import TicketPolicy, deadlines, sooner
from alerts.grouping import PARENT_CAUSE, candidate_keys, collecting_key, parent_key
from alerts.routing import route
from alerts.tickets import Ticket, TicketState, TicketStep
from city.city import City
from city.levels import Level
from city.transitions import Nature, SubjectKind, Transition


@dataclass
class Alert:
    """One rule's level on one subject, while it is not none. `explained`: its level does not count for its incident."""

    id: str
    incident: str
    level: Level
    peak_level: Level
    explained: bool
    last: Transition


@dataclass
class Incident:
    """`key` names it while it is open, `collects` what it draws in beside its own. `active`: how many of its own alerts
    are at each level, `explained`: how many of others it explains. `level` is that of the worst of its own alerts."""

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
    explained: int = 0
    alerts: int = 0
    recovered_ms: int | None = None
    merged_into: str | None = None
    open: bool = True

    def begin(self, transition: Transition) -> None:
        """Take the words of the first alert that counts; one that is only explained may have come before it."""
        self.title, self.cause, self.risk_class = transition.title, transition.cause, transition.risk_class
        self.admin, self.opened_ms = transition.admin, transition.event_ms


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

    `versions`: how many incidents of a key there have been. Tickets are by incident. The last six say what a Desk did.
    """

    alerts: dict[str, Alert] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=dict)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    by_collects: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    known_transitions: set[str] = field(default_factory=set)
    new_transitions: list[Transition] = field(default_factory=list)
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


class Desk:
    def __init__(self, city: City, policy: TicketPolicy, book: Book) -> None:
        self._city, self._policy, self._book = city, policy, book

    def take(self, transition: Transition) -> None:
        """Take in one transition. One that is known already, or leads to where its alert is, changes nothing."""
        book = self._book
        alert = book.alerts.get(transition.alert)
        if transition.id in book.known_transitions or self._is_there(alert, transition):
            return
        book.known_transitions.add(transition.id)
        book.new_transitions.append(transition)
        incident = self._incident_for(transition, alert)
        self._move(alert, incident, transition)
        self._settle(incident, transition)

    def _is_there(self, alert: Alert | None, transition: Transition) -> bool:
        if alert is None:
            return transition.level_to == Level.NONE  # the end of an alert that never reached us
        same = alert.level == transition.level_to and alert.last.explained_by == transition.explained_by
        return same and (alert.level == Level.NONE or self._book.incidents[alert.incident].open)

    def _incident_for(self, transition: Transition, alert: Alert | None) -> Incident:
        """Where the alert belongs now: where it was, unless what explains it has changed, or it rises though its
        incident was closed. An end never opens anything."""
        book = self._book
        if alert is not None:
            present = book.incidents[alert.incident]
            if transition.level_to == Level.NONE or self._stays(alert, present, transition):
                return present
        for name, may_open in candidate_keys(transition, self._city):
            found = book.by_key.get(name) or book.by_collects.get(name)
            if found is not None:
                return book.incidents[found]
            if may_open:
                return self._open(name, transition)
        raise AssertionError("the last candidate may always be opened")

    def _stays(self, alert: Alert, present: Incident, transition: Transition) -> bool:
        if transition.explained_by is not None:
            return present.key == parent_key(transition.explained_by)
        rises = transition.level_to > transition.level_from
        return not alert.explained and (present.open or not rises)

    def _open(self, name: str, transition: Transition) -> Incident:
        book = self._book
        version = book.versions.get(name, 0) + 1
        book.versions[name] = version
        incident = Incident(
            id=_id(name, str(version)),
            key=name,
            collects=collecting_key(transition),
            version=version,
            nature=transition.nature,
            title=transition.title,
            cause=transition.cause,
            subject=transition.group_key or transition.subject,
            risk_class=transition.risk_class,
            admin=transition.admin,
            area=transition.area,
            site=transition.site if transition.nature is not Nature.PARENT else None,
            opened_ms=transition.event_ms,
            updated_ms=transition.log_ms,
        )
        if transition.explained_by is not None:
            _speak_of_parent(incident, transition.explained_by, self._city)
        book.add(incident)
        return incident

    def _move(self, alert: Alert | None, incident: Incident, transition: Transition) -> None:
        """Count the alert where it belongs now, and no longer where it was."""
        book, explained = self._book, transition.explained_by is not None
        if alert is None:
            alert = Alert(transition.alert, incident.id, Level.NONE, Level.NONE, explained, transition)
            book.alerts[alert.id] = alert
            incident.alerts += 1
        elif alert.incident != incident.id:
            before = book.incidents[alert.incident]
            _count(before, alert.level, alert.explained, -1)
            self._merge_if_empty(before, incident, transition)
            incident.alerts += 1
            alert.incident = incident.id
        else:
            _count(incident, alert.level, alert.explained, -1)
        alert.level, alert.explained, alert.last = transition.level_to, explained, transition
        alert.peak_level = max(alert.peak_level, alert.level)
        _count(incident, alert.level, explained, +1)
        book.changed_alerts.add(alert.id)

    def _merge_if_empty(self, before: Incident, into: Incident, transition: Transition) -> None:
        """An incident whose last alert another one explains becomes part of that one (并案)."""
        before.level = _worst(before)
        before.updated_ms = max(before.updated_ms, transition.log_ms)
        self._book.changed_incidents.add(before.id)
        self._close_if_void(before)
        if before.level or before.explained or not before.open or not transition.explained_by:
            return
        if before.nature is Nature.PARENT:
            return  # what failed has a story of its own
        ticket = self._book.tickets.get(before.id)
        if ticket is not None and ticket.state is not TicketState.REPORTED:
            return  # somebody works on it: let them close it
        before.merged_into = into.id
        self._book.close(before)
        if ticket is not None:
            ticket.state, ticket.merged_into = TicketState.MERGED, ticket_id(into.id)
            ticket.closed_ms = transition.log_ms
            self._step(ticket, "merge", TicketState.REPORTED, transition)
        self._tell("incident.merged", before, transition)

    def _settle(self, incident: Incident, transition: Transition) -> None:
        """Level, recovery and ticket of an incident after one of its alerts has moved."""
        before, incident.level = incident.level, _worst(incident)
        first = incident.peak_level == Level.NONE
        incident.peak_level = max(incident.peak_level, incident.level)
        incident.updated_ms = max(incident.updated_ms, transition.log_ms)
        self._book.changed_incidents.add(incident.id)
        if incident.level == Level.NONE and before != Level.NONE:
            incident.recovered_ms = transition.log_ms
            self._tell("incident.recovered", incident, transition)
        elif incident.level != Level.NONE:
            incident.recovered_ms = None
            if first:
                incident.begin(transition)
                self._tell("incident.opened", incident, transition)
            elif incident.level > before:
                self._tell("incident.raised", incident, transition)
        if incident.level > Level.NONE and incident.level >= incident.peak_level:
            self._write_ticket(incident, transition)
        self._close_if_void(incident)

    def _close_if_void(self, incident: Incident) -> None:
        """An incident that never had a ticket and that nothing is left of: nobody could close it."""
        if incident.open and incident.id not in self._book.tickets and not (incident.level or incident.explained):
            self._book.close(incident)

    def _write_ticket(self, incident: Incident, transition: Transition) -> None:
        """Open the incident's ticket, or sharpen it."""
        device_type = None
        if transition.subject_kind is SubjectKind.DEVICE and transition.subject in self._city.devices:
            device_type = self._city.devices[transition.subject].type
        limits = self._policy.limits(incident.nature, incident.level, device_type)
        due = deadlines(limits, transition.log_ms)
        ticket = self._book.tickets.get(incident.id)
        if ticket is not None:
            if incident.level > ticket.level:
                ticket.level, ticket.deadlines = incident.level, sooner(ticket.deadlines, due)
                ticket.title, ticket.reason = _title(incident, self._city), _reason(transition)
                self._step(ticket, "raise", ticket.state, transition)
            return
        ticket = self._book.tickets[incident.id] = Ticket(
            id=ticket_id(incident.id),
            incident=incident.id,
            state=TicketState.REPORTED,
            level=incident.level,
            category=_category(incident, self._city),
            title=_title(incident, self._city),
            reason=_reason(transition),
            route=route(self._city, incident.risk_class, incident.site, incident.admin),
            reported_ms=transition.log_ms,
            opening=transition.id,
            deadlines=due,
        )
        self._step(ticket, "report", None, transition)

    def _step(self, ticket: Ticket, action: str, before: TicketState | None, transition: Transition) -> None:
        step = TicketStep(ticket.id, action, transition.log_ms, ticket.level, before, ticket.state, ticket.reason)
        self._book.steps.append(step)

    def _tell(self, kind: str, incident: Incident, transition: Transition) -> None:
        event_id = _id(incident.id, kind, transition.id)
        self._book.events.append(Event(event_id, kind, incident.id, transition.log_ms, incident.level))


def ticket_id(incident_id: str) -> str:
    """A ticket's id follows from its incident's, so that a replay finds it."""
    return f"T{incident_id}"


def _speak_of_parent(incident: Incident, parent_id: str, city: City) -> None:
    """One of its devices is heard of before the failed parent itself: the incident is the parent's all the same."""
    parent = city.parents.get(parent_id)
    incident.nature, incident.cause, incident.subject = Nature.PARENT, PARENT_CAUSE, parent_id
    incident.title = f"{parent.kind.zh}失联" if parent else "上级失联"
    incident.admin = parent.admin if parent else incident.admin
    incident.area = incident.site = None


def _count(incident: Incident, level: Level, explained: bool, by: int) -> None:
    if level == Level.NONE:
        return
    if explained:
        incident.explained += by
    else:
        incident.active[level] += by


def _worst(incident: Incident) -> Level:
    return max((level for level in Level if incident.active[level] > 0), default=Level.NONE)


def _title(incident: Incident, city: City) -> str:
    """What and where, in the words of the city."""
    area = city.areas.get(incident.area or "")
    parent, unit = city.parents.get(incident.subject), city.admin.get(incident.admin or "")
    if incident.nature is Nature.HAZARD and area is not None:
        return f"{area.name}: {incident.title}"
    if parent is not None:
        return f"{unit.name if unit else ''} {parent.name}: {incident.title}"
    return f"{area.name if area else ''} {incident.subject}: {incident.title}".strip()


def _category(incident: Incident, city: City) -> str:
    if incident.nature is not Nature.HAZARD:
        return "设施运维"
    classes = {c.slug: c.ticket_category for c in city.catalogue.classes}
    return classes.get(incident.risk_class or "", "其他")


def _reason(transition: Transition) -> str:
    """Why, in one line: the reading and what held for how long."""
    if transition.subject_kind is SubjectKind.DEVICE and transition.unit:
        held = f", 持续 {transition.held_ms // 1000} 秒" if transition.held_ms else ""
        value = "" if transition.unit == "1" else f" {transition.value:g} {transition.unit}"
        return f"{transition.subject} {transition.title}{value}{held}"
    if transition.subject_kind is SubjectKind.PARENT:
        return f"{transition.subject} 下 {transition.value:.0f} 台设备同时失联"
    return f"{transition.subject} {transition.title}"


def _id(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()
