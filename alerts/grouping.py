"""Grouping determines which alerts are one incident: those of one area, class and cause; of one street or zone and
cause, whatever their classes; and one failed parent collects the alerts of what hangs on it."""

from city.city import City
from city.registry import PARENT_KINDS
from city.transitions import Nature, SubjectKind, Transition

PARENT_CAUSE = "parent"
JOINT = ("street", "zone")
"""Places wider than an area, which has one class: a cause there is one cause, whichever classes it shows in."""


def key(nature: Nature, risk_class: str | None, place: str, cause: str) -> str:
    """Name of what is one incident while its ticket is open."""
    return "|".join((nature.value, risk_class or "", place, cause))


def own_key(transition: Transition) -> str:
    """The incident an alert is of when nothing else explains it."""
    if transition.nature is Nature.PARENT:
        return parent_key(transition.subject)
    risk_class = None if gathers_classes(transition) else transition.risk_class
    return key(transition.nature, risk_class, place_key(transition), transition.cause)


def gathers_classes(transition: Transition) -> bool:
    """Whether alerts of other classes with the same cause are of the same incident."""
    return transition.nature is Nature.HAZARD and transition.group in JOINT


def place_key(transition: Transition) -> str:
    """What the alert's incident is about: a place, device, parent, ingest process or rule. A street that lies in
    several zones is judged in each, as `code/zone`, and is one street to people."""
    place = transition.group_key or transition.subject
    return place.partition("/")[0] if transition.group == "street" else place


def parent_key(parent: str) -> str:
    """The incident of a failed parent, whatever class its devices are of."""
    return key(Nature.PARENT, None, parent, PARENT_CAUSE)


def candidate_keys(transition: Transition, city: City) -> list[tuple[str, bool]]:
    """Keys of the incidents an alert may join, best first; and whether it may open one of that key.

    What a parent explains is of that parent's incident, whichever of the two is heard of first: they come on different
    partitions of the log. Else an open incident of the same class about something it hangs on (every lane of a street's
    verify platform has queues when the platform is down); then its own.
    """
    if transition.explained_by is not None:
        return [(parent_key(transition.explained_by), True)]
    own = own_key(transition)
    if transition.nature is not Nature.HAZARD:
        return [(own, True)]
    return [(f"{transition.risk_class}@{parent}", False) for parent in parents_of(transition, city)] + [(own, True)]


def collecting_key(transition: Transition) -> str | None:
    """Under which key an incident collects the hazards of devices below its parent, if it is about one."""
    if transition.nature is Nature.HAZARD and transition.group in {kind.value for kind in PARENT_KINDS}:
        return f"{transition.risk_class}@{transition.group_key}"
    return None


def parents_of(transition: Transition, city: City) -> list[str]:
    """What the alert's device hangs on, most specific first."""
    device = city.devices.get(transition.subject)
    if device is None or transition.subject_kind is not SubjectKind.DEVICE:
        return []
    return [parent for kind in PARENT_KINDS if (parent := device.parent(kind)) is not None]
