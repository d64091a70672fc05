"""Incidents that a scenario file says outright."""

from city.city import City
from city.levels import Level
from city.transitions import Nature
from simulators.truth.expected import Demand, Expected
from simulators.truth.plan import Clause
from simulators.words import Span, ms_of


def of_clause(clause: Clause, city: City, play: Span, never: bool) -> Expected:
    """What a clause of `expect` or `never` means. KeyError: a street that the city does not have."""
    code_of = {name: unit.code for unit in city.admin.values() for name in (unit.code, unit.slug) if name}
    onset_ms = play.start_ms + ms_of(clause.at)
    demand = Demand.NEVER if never else Demand.MAY if clause.optional else Demand.MUST
    return Expected(
        demand=demand,
        nature=Nature(clause.nature),
        risk_class=clause.risk_class,
        admin=code_of[clause.street] if clause.street else None,
        area=clause.area,
        subjects=(clause.subject,) if clause.subject else (),
        causes=(clause.cause,) if clause.cause else (),
        lowest=Level.of(clause.levels[0]),
        highest=Level.of(clause.levels[1]),
        onset_ms=onset_ms,
        earliest_ms=onset_ms,
        latest_ms=onset_ms + ms_of(clause.within) if clause.within else play.end_ms,
        why=clause.why,
    )
