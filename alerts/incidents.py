"""An Incident determines what people talk about: the alerts of one area, class and cause, from the first that leaves
none until its ticket is closed. The Desk takes transitions in and keeps incidents and tickets up to date.

Pure: a Desk works on a Book of what is known already; the store fills the book before and writes it back after.
"""

import hashlib

from alerts.book import Alert, Book, Event, Incident
from alerts.deadlines import TicketPolicy, deadlines, sooner
from alerts.grouping import PARENT_CAUSE, candidate_keys, collecting_key, gathers_classes, parent_key, place_key
from alerts.routing import route
from alerts.tickets import Route, Ticket, TicketState, TicketStep
from alerts.wording import CONFIRMED, VERIFY, category_of, reason_of, title_of
from city.city import City
from city.levels import Level
from city.transitions import Nature, SubjectKind, Transition


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
        same = alert.level == transition.level_to and alert.suspected == transition.suspected
        same = same and alert.last.explained_by == transition.explained_by
        return same and (alert.level == Level.NONE or self._book.incidents[alert.incident].open)

    def _incident_for(self, transition: Transition, alert: Alert | None) -> Incident:
        """Where the alert belongs now: where it was, unless what explains it has changed, or it gets worse or surer
        though its incident was closed. An end never opens anything."""
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
        worse = transition.level_to > transition.level_from or _confirms(alert, transition)
        return not alert.explained and (present.open or not worse)

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
            subject=place_key(transition),
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
        book = self._book
        if alert is None:
            explained = transition.explained_by is not None
            alert = Alert(transition.alert, incident.id, Level.NONE, Level.NONE, explained, transition)
            book.alerts[alert.id] = alert
            incident.alerts += 1
        elif alert.incident != incident.id:
            before = book.incidents[alert.incident]
            before.count(alert, -1)
            self._merge_if_empty(before, incident, transition)
            incident.alerts += 1
            alert.incident = incident.id
        else:
            incident.count(alert, -1)
        if _confirms(alert, transition):
            book.confirming.add(transition.id)
        alert.becomes(transition)
        incident.count(alert, +1)
        book.changed_alerts.add(alert.id)

    def _merge_if_empty(self, before: Incident, into: Incident, transition: Transition) -> None:
        """An incident whose last alert another one explains becomes part of that one (并案)."""
        before.weigh()
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
        """Level, doubt, recovery and ticket of an incident after one of its alerts has moved."""
        before, doubted, peak = incident.level, incident.suspected, incident.peak_level
        incident.weigh()
        incident.peak_level = max(peak, incident.level)
        incident.updated_ms = max(incident.updated_ms, transition.log_ms)
        self._book.changed_incidents.add(incident.id)
        if incident.level == Level.NONE and before != Level.NONE:
            incident.recovered_ms = transition.log_ms
            self._tell("incident.recovered", incident, transition)
        elif incident.level != Level.NONE:
            incident.recovered_ms = None
            if peak == Level.NONE:
                incident.begin(transition)
                self._tell("incident.opened", incident, transition)
            elif incident.level > before:
                self._tell("incident.raised", incident, transition)
            if doubted and not incident.suspected:
                self._tell("incident.confirmed", incident, transition)
        if Level.NONE < peak < incident.level and gathers_classes(transition):
            self._speak_for(incident, transition)
        if incident.level > Level.NONE and incident.level >= incident.peak_level:
            self._write_ticket(incident, transition)
        self._keep_ticket_true(incident, transition)
        self._close_if_void(incident)

    def _speak_for(self, incident: Incident, transition: Transition) -> None:
        """The class that is worst off now speaks for the whole. A ticket that nobody has taken up yet goes to whoever
        answers for that class; one that is being worked on stays where it is."""
        incident.speak_for(transition)
        ticket = self._book.tickets.get(incident.id)
        if ticket is not None and ticket.state is TicketState.REPORTED:
            ticket.category, ticket.route = category_of(incident, self._city), self._route(incident)

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
                doubted, ticket.suspected = ticket.suspected, incident.suspected
                self._word(ticket, incident, transition, VERIFY if ticket.suspected else "")
                self._step(ticket, "raise", ticket.state, transition)
                if doubted and not ticket.suspected:
                    self._step(ticket, "confirm", ticket.state, transition)
            return
        ticket = self._book.tickets[incident.id] = Ticket(
            id=ticket_id(incident.id),
            incident=incident.id,
            state=TicketState.REPORTED,
            level=incident.level,
            category=category_of(incident, self._city),
            title="",
            reason="",
            route=self._route(incident),
            reported_ms=transition.log_ms,
            opening=transition.id,
            deadlines=due,
            suspected=incident.suspected,
        )
        self._word(ticket, incident, transition, VERIFY if ticket.suspected else "")
        self._step(ticket, "report", None, transition)

    def _keep_ticket_true(self, incident: Incident, transition: Transition) -> None:
        """What is to be done, and whether a witness has come. An action once asked for stays on the ticket: that the
        alert has gone opens no road again, a person does."""
        ticket = self._book.tickets.get(incident.id)
        if ticket is None or ticket.state.terminal:
            return
        ticket.actions += tuple(action for action in incident.advised if action not in ticket.actions)
        if ticket.suspected and incident.level and not incident.suspected:
            ticket.suspected = False
            self._word(ticket, incident, transition, CONFIRMED)
            self._step(ticket, "confirm", ticket.state, transition)

    def _word(self, ticket: Ticket, incident: Incident, transition: Transition, note: str) -> None:
        reason = reason_of(transition, self._city)
        ticket.title = title_of(incident, self._city, ticket.suspected)
        ticket.reason = f"{note}: {reason}" if note else reason

    def _route(self, incident: Incident) -> Route:
        return route(self._city, incident.risk_class, incident.site, incident.admin, incident.area)

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


def _confirms(alert: Alert, transition: Transition) -> bool:
    """Whether a witness has come for an alert that had none."""
    return alert.suspected and not transition.suspected and transition.level_to != Level.NONE


def _id(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()
