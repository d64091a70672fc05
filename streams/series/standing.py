"""A Standing determines how a city stands at one moment of log time: what is above none, and what cannot be seen. A
pure function of the transitions up to then."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from city.levels import Level
from city.transitions import Nature, Transition
from streams.series.census import Census

OFFLINE = frozenset({"offline", "no-beat"})
"""Causes of a device's alert that mean that it does not live. Of any other it lives, and is not well."""


@dataclass
class Standing:
    """Alerts above none, by id; in the order they were taken."""

    open: dict[str, Transition] = field(default_factory=dict)

    def take(self, transition: Transition) -> None:
        if transition.level_to is Level.NONE:
            self.open.pop(transition.alert, None)
        else:
            self.open[transition.alert] = transition

    def of(self, nature: Nature) -> Iterator[Transition]:
        return (t for t in self.open.values() if t.nature is nature)

    @property
    def blind(self) -> bool:
        """Whether an ingest process is away: then nobody can say anything about any area."""
        return any(True for _ in self.of(Nature.BLIND))

    def offline(self, census: Census) -> set[str]:
        """Devices that do not live: silent themselves, or below a failed parent."""
        alone = {t.subject for t in self.of(Nature.DEVICE) if t.cause in OFFLINE}
        failed = (t.subject for t in self.of(Nature.PARENT))
        return (alone | {device for parent in failed for device in census.below.get(parent, ())}) & set(census.area_of)

    def faulty(self, census: Census) -> set[str]:
        """Devices that live and are not well."""
        return {t.subject for t in self.of(Nature.DEVICE)} & set(census.area_of)
