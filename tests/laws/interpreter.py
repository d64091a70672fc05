"""The walk over a log, one reading or tick at a time: clauses 3, 5, 7, 10 and 13 of docs/rules.md."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from zoneinfo import ZoneInfo

from city.catalogue import Catalogue, Indicator
from city.city import City
from city.fleet import NOWHERE, Fleet
from city.levels import Level
from city.readings import Batch, Flag, Tick
from city.transitions import Nature
from rules.language.expressions import (
    Age,
    Gathered,
    Hours,
    LevelOf,
    Node,
    Online,
    Place,
    Season,
    Weekdays,
    own_indicators,
)
from rules.language.expressions import Reading as ReadingOf
from rules.language.pack import DEVICE, AbsenceRule, Derivation, LevelRule, Marks, Pack, Rule
from tests.laws.expressions import ALLOWED, Around, Judgement, Owner, Quantity, Subject, Value
from tests.laws.reference import (
    FUTURE_MS,
    Hanging,
    Reading,
    Said,
    Series,
    Sight,
    State,
    Track,
    Watch,
    likeliest,
    next_lower,
    rows_of,
)

BEAT_MS = 10_000
PLACES = ("site", "area", "street", "zone")
_BEYOND = Gathered | LevelOf | Online | Hours | Season | Weekdays | Age


@dataclass
class Derived:
    """A derived indicator of a subject. `beyond`: it, or one that it needs, looks beyond the subject."""

    derivation: Derivation
    owner: Owner
    needs: set[str]
    beyond: bool


@dataclass
class Thing:
    """A subject: a device in service on this shard, or a place. where: ids of its site, area, street and zone,
    None where it is in none. tracks: by indicator, in the pack's order."""

    subject: Subject
    per: str
    risk_class: str
    device_type: str
    where: dict[str, str | None]
    series: dict[int, Series] = field(default_factory=dict)
    derived: list[Derived] = field(default_factory=list)
    tracks: dict[str, list[Track]] = field(default_factory=dict)
    watches: list[Watch] = field(default_factory=list)
    parents: list[Hanging] = field(default_factory=list)

    @property
    def any_watch(self) -> Watch | None:
        return next((watch for watch in self.watches if watch.rule.of is None), None)

    def online(self) -> float | None:
        return None if self.any_watch is None else float(not self.any_watch.silent)

    def level(self, rule: str) -> float | None:
        alerts = [track.alert for tracks in self.tracks.values() for track in tracks]
        alerts += [watch.alert for watch in self.watches]
        return next((float(alert.level) for alert in alerts if alert.rule == rule), None)


class Interpreter:
    """Takes the same log as `rules.engine.shard.Shard` and says the same, if both are right."""

    def __init__(self, city: City, fleet: Fleet, pack: Pack) -> None:
        self.city, self.pack = city, pack
        self.sight = Sight()
        self.outcomes: Counter[str] = Counter()
        self.hanging: dict[str, Hanging] = {}
        rules = {rule.kind: rule for rule in pack.parents}
        for parent in city.parents.values():
            if parent.kind in rules:
                self.hanging[parent.id] = Hanging(rules[parent.kind], parent.id)
        own = [d for d in pack.derivations if not d.indicator.startswith(":")]
        self.owners = {rule.id: Owner(rule.id) for rule in pack.levels}
        self.owner_of = {id(d): Owner(f"{'+'.join(d.classes)}/{d.indicator}") for d in own}
        self.owner_of |= {id(d): self.owners[d.indicator[1:]] for d in pack.derivations if d not in own}
        offset = datetime(2024, 1, 1, tzinfo=ZoneInfo(city.time_zone)).utcoffset()
        self.zone = offset or timedelta()
        self.things = {int(number): self._device(fleet, row) for row, number in enumerate(fleet.number)}
        self.places = list(self._places())

    # What there is: clause 10 -----------------------------------------------------------------------------------

    def _device(self, fleet: Fleet, row: int) -> Thing:
        risk_class, device_type = fleet.kinds[fleet.kind[row]]
        site = self.city.sites[fleet.site_ids[fleet.site[row]]]
        area = self.city.areas[site.area]
        where: dict[str, str | None] = {
            "site": site.id, "area": area.id, "street": f"{area.admin}/{area.zone}", "zone": area.zone,
        }  # fmt: skip
        thing = self._thing(fleet.ids[row], DEVICE, risk_class, device_type, where, int(fleet.interval_ms[row]))
        for rule in self.pack.absences:
            if rule.speaks_of(risk_class, device_type):
                signs = _signs(self.city.catalogue, rule)
                thing.watches.append(Watch(rule, fleet.ids[row], int(fleet.interval_ms[row]), signs))
        names = [fleet.parent_ids[p] for p in fleet.parents[row] if p != NOWHERE]
        thing.parents = [self.hanging[name] for name in names if name in self.hanging]
        for parent in thing.parents:
            parent.watches += [thing.any_watch] if thing.any_watch else []
        return thing

    def _places(self) -> Iterator[Thing]:
        """Sites, areas, streets, zones, each in the order of their table, then of class."""
        devices = list(self.things.values())
        streets = dict.fromkeys(f"{area.admin}/{area.zone}" for area in self.city.areas.values())
        tables = {"site": self.city.sites, "area": self.city.areas, "street": streets, "zone": self.city.zones}
        for per in PLACES:
            for place in tables[per]:
                for risk_class in (c.slug for c in self.city.catalogue.classes):
                    first = next((t for t in devices if t.risk_class == risk_class and t.where[per] == place), None)
                    if first is not None and self._speaks(per, risk_class):
                        inside = {p: first.where[p] if PLACES.index(p) >= PLACES.index(per) else None for p in PLACES}
                        yield self._thing(self._name(per, place), per, risk_class, "", inside, BEAT_MS)

    def _name(self, per: str, place: str) -> str:
        """A street has its code alone, unless its areas lie in several zones."""
        admin = place.partition("/")[0]
        zones = {area.zone for area in self.city.areas.values() if area.admin == admin}
        return admin if per == "street" and len(zones) == 1 else place

    def _speaks(self, per: str, risk_class: str) -> bool:
        return any(of.per == per and risk_class in of.classes for of in (*self.pack.levels, *self.pack.derivations))

    def _thing(
        self, id_: str, per: str, risk_class: str, device_type: str, where: dict[str, str | None], interval_ms: int
    ) -> Thing:
        site = self.city.sites[where["site"]] if where["site"] else None
        marks = site.reference_levels if site else {}
        around = Around(interval_ms, self.zone, marks, lambda _: None, lambda: None, lambda _: iter(()))
        thing = Thing(Subject(id_, around), per, risk_class, device_type, where)
        around.level, around.online = thing.level, thing.online
        around.gather = lambda node: (other.subject for other in self._around(thing, node))
        measured = {i.id: i for i in self.city.catalogue.reported(risk_class, device_type)} if per == DEVICE else {}
        thing.derived = self._derived(per, risk_class, device_type, set(measured))
        rules = [r for r in self.pack.levels if r.per == per and _speaks_of(r, risk_class, device_type)]
        for indicator in sorted(measured.values(), key=lambda i: i.number):
            if indicator.id in self._needed(thing, rules):
                self._add(thing, indicator.id, indicator, rules)
                quantity, judged = thing.subject.quantities[indicator.id], thing.tracks[indicator.id]
                quarantines = not judged or any(track.rule.quarantine for track in judged)
                thing.series[indicator.number] = Series(
                    quantity, quarantines, indicator.max_step_per_min, indicator.late_s
                )
                quantity.step = thing.series[indicator.number].max_step
        named = {i.id: i for i in self.city.catalogue.indicators if i.risk_class == risk_class}
        for derived in thing.derived:
            self._add(thing, derived.derivation.indicator, named.get(derived.derivation.indicator), rules)
        return thing

    def _add(self, thing: Thing, name: str, indicator: Indicator | None, rules: list[LevelRule]) -> None:
        quantity = Quantity(name)
        if indicator is not None:
            quantity.sample_ms, quantity.most = 1000 * (indicator.sample_s or 0), indicator.valid_max
        thing.subject.quantities[name] = quantity
        thing.tracks[name] = [
            Track(rule, thing.subject.id, self._threshold(rule, thing)) for rule in rules if rule.indicator == name
        ]

    def _threshold(self, rule: LevelRule, thing: Thing) -> Marks:
        """Clause 12."""
        of_site = [o.threshold for o in rule.overrides if thing.where["site"] in o.sites]
        of_area = [o.threshold for o in rule.overrides if thing.where["area"] in o.areas]
        marks = thing.subject.around.marks
        of_registry = [[marks.get(name) if name else None for name in rule.mark]]
        for choices in ([*of_site[::-1], *of_area[::-1], *of_registry], [*of_site[::-1], *of_area[::-1]]):
            found = [
                next((m for m in level if m is not None), None) for level in zip(*choices, rule.threshold, strict=True)
            ]
            out = [-m if rule.low else m for m in found if m is not None]
            if out == sorted(set(out)):
                break
        return (found[0], found[1], found[2], found[3])

    def _derived(self, per: str, risk_class: str, device_type: str, measured: set[str]) -> list[Derived]:
        waiting = [
            d
            for d in self.pack.derivations
            if d.per == per and _speaks_of(d, risk_class, device_type) and d.indicator not in measured
        ]
        found: list[Derived] = []
        while True:
            have = measured | {d.derivation.indicator for d in found}
            ready = [d for d in waiting if have.issuperset(own_indicators(d.value))]
            if not ready:
                return found
            waiting.remove(ready[0])
            own = set(own_indicators(ready[0].value))
            below = [d for d in found if d.derivation.indicator in own]
            beyond = any(isinstance(part, _BEYOND) for part in ready[0].value.walk()) or any(d.beyond for d in below)
            needs = own.union(*(d.needs for d in below))
            found.append(Derived(ready[0], self.owner_of[id(ready[0])], needs, beyond))

    def _needed(self, thing: Thing, rules: list[LevelRule]) -> set[str]:
        """Indicators of which there is a series: clause 3."""
        nodes: list[Node] = [d.value for d in self.pack.derivations]
        nodes += [node for rule in self.pack.levels for node in rule.conditions]
        parts = [part for node in nodes for part in node.walk() if isinstance(part, Gathered)]
        asked = {part.member.indicator for part in parts if isinstance(part.member, ReadingOf)}
        own = [own_indicators(d.derivation.value) for d in thing.derived]
        own += [own_indicators(node) for rule in rules for node in rule.conditions]
        return asked | {rule.indicator for rule in rules} | {name for names in own for name in names}

    def _around(self, thing: Thing, node: Gathered) -> Iterator[Thing]:
        """The members at a place around a subject: clause 9."""
        near = self._nearest(thing, node) if node.place is Place.WITHIN else set()
        for other in (*self.things.values(), *self.places):
            if node.types and other.device_type not in node.types:
                continue
            if node.place in (Place.WITHIN, Place.UPSTREAM):
                upstream = thing.where["site"] and other.where["site"] in self.city.sites[thing.where["site"]].upstream
                if other is not thing and (other.where["site"] in near or (node.place is Place.UPSTREAM and upstream)):
                    yield other
            elif (here := thing.where[node.place.value]) is not None and other.where[node.place.value] == here:
                yield other

    def _nearest(self, thing: Thing, node: Gathered) -> set[str | None]:
        """The nearest 32 sites with members no farther than the radius."""
        mine, table = thing.where["site"], list(self.city.sites)
        if mine is None:
            return set()
        sites = {
            other.where["site"]
            for other in (*self.things.values(), *self.places)
            if other.where["zone"] == thing.where["zone"] and _may_be_asked(other, node)
        }
        apart = sorted((self._apart_m(mine, site), table.index(site), site) for site in sites if site is not None)
        return {site for far, _, site in apart[:32] if far <= node.radius_m}

    def _apart_m(self, one: str, other: str) -> float:
        a, b = self.city.sites[one], self.city.sites[other]
        half = sin(radians(b.lat - a.lat) / 2) ** 2
        half += cos(radians(a.lat)) * cos(radians(b.lat)) * sin(radians(b.lon - a.lon) / 2) ** 2
        return 2 * 6_371_000.0 * asin(sqrt(half))

    # What happens ------------------------------------------------------------------------------------------------

    def apply(self, batch: Batch) -> list[Said]:
        """Judge the readings of a batch, in their order."""
        said: list[Said] = []
        for reading in rows_of(batch):
            self.outcomes[self._take(reading, said)] += 1
        return said

    def _take(self, reading: Reading, said: list[Said]) -> str:
        """Clause 3: the outcome of one reading."""
        thing, log_ms = self.things.get(reading.device), self.sight.log_ms
        if thing is None:
            return "unknown"
        if reading.flags & Flag.RETAINED:
            return "retained"
        if log_ms is None or reading.event_ms > log_ms + FUTURE_MS:
            return "future"
        for watch in thing.watches:
            watch.hear(reading, self.sight.sighted_ms)
        series = thing.series.get(reading.indicator)
        if series is None:
            return "unjudged"
        outcome, samples = series.take(reading, log_ms)
        for sample in samples:
            self._accept(thing, series.quantity, sample.t, sample.value, reading.seq, said)
            for derived in thing.derived:
                if series.quantity.name in derived.needs:
                    self._derive(thing, derived, sample.t, reading.seq, said)
        return outcome

    def _accept(self, thing: Thing, of: Quantity, t: int, value: Value, seq: int | None, said: list[Said]) -> None:
        of.accept(t, value)
        for track in thing.tracks[of.name]:
            self._judge(thing, track, value, t, seq, said)

    def _judge(
        self, thing: Thing, track: Track, value: Value, t: int, seq: int | None, said: list[Said], again: bool = False
    ) -> None:
        owner = self.owners[track.rule.id]

        def ask(node: Node) -> Value:
            found = Judgement(thing.subject, owner, t).value(node)
            self._tell_failure(owner, t, said)
            return found

        said.extend(track.judge(value, t, seq, self.sight.log_ms or 0, ask, again))

    def _derive(self, thing: Thing, derived: Derived, now: int, seq: int | None, said: list[Said]) -> None:
        value = Judgement(thing.subject, derived.owner, now).value(derived.derivation.value)
        self._tell_failure(derived.owner, now, said)
        if value is not None:
            quantity = thing.subject.quantities[derived.derivation.indicator]
            self._accept(thing, quantity, max(now, quantity.last[0]) if quantity.last else now, value, seq, said)

    def _tell_failure(self, owner: Owner, now: int, said: list[Said]) -> None:
        if owner.failures >= ALLOWED and not owner.told:
            owner.told = True
            log_ms = self.sight.log_ms or 0
            said.append(
                Said(
                    "rule-disabled",
                    owner.name,
                    Level.NONE,
                    Level.YELLOW,
                    now,
                    log_ms,
                    now,
                    None,
                    Nature.RULE,
                    0.0,
                    None,
                )
            )

    def tick(self, tick: Tick) -> list[Said]:
        """Let time pass, if it does: sight first, then levels, a beat, then silence, then parents."""
        before = self.sight.log_ms
        said = self.sight.observe(tick)
        log_ms, sighted_ms = self.sight.log_ms, self.sight.sighted_ms
        if log_ms is None or log_ms == before:
            return said
        everything = [*self.things.values(), *self.places]
        for thing in everything:
            for tracks in thing.tracks.values():
                for track in tracks:
                    said += track.pass_time(log_ms)
        if before is None or log_ms // BEAT_MS > before // BEAT_MS:
            self._beat(everything, log_ms, said)
        for thing in everything:
            for watch in thing.watches:
                said += self._look(thing, watch, log_ms, sighted_ms)
        for parent in self.hanging.values():
            if parent.dark:
                said += parent.clear(log_ms, sighted_ms)
        return said

    def _beat(self, everything: list[Thing], log_ms: int, said: list[Said]) -> None:
        """Clause 10, and the second look of clause 11."""
        for thing in everything:
            for derived in thing.derived:
                if derived.beyond or thing.per != DEVICE:
                    self._derive(thing, derived, log_ms, None, said)
        for thing in everything:
            for name, tracks in thing.tracks.items():
                for track in tracks:
                    last = thing.subject.quantities[name].last
                    if last is not None and _waits(track, log_ms):
                        self._judge(thing, track, last[1], log_ms, None, said, again=True)

    def _look(self, thing: Thing, watch: Watch, log_ms: int, sighted_ms: int) -> Iterator[Said]:
        """Clause 5: what a tick brings to one (device, rule)."""
        age = sighted_ms - watch.seen
        if not watch.silent and watch.level_at(age) and not _overshadowed(thing, watch):
            if watch.state is State.RETURNED:
                yield from self._declare(thing, watch, log_ms, sighted_ms)
            else:
                watch.state, watch.silent_since = State.UNDECLARED, sighted_ms
        if watch.state is State.UNDECLARED and sighted_ms - watch.silent_since >= 1.25 * watch.interval_ms:
            yield from self._declare(thing, watch, log_ms, sighted_ms)
        if watch.state is State.DECLARED:
            level = max(watch.level_at(age), watch.alert.level)
            if level > watch.alert.level or watch.explained_by != watch.told:
                yield watch.move(level, log_ms, sighted_ms)
        elif watch.state is State.RETURNED and sighted_ms - watch.returned_at >= watch.rule.clear_ms:
            lower = next_lower(watch.alert.level, watch.after)
            yield watch.move(lower, log_ms, sighted_ms)
            watch.returned_at = sighted_ms
            if lower is Level.NONE:
                watch.state, watch.explained_by = State.PRESENT, None

    def _declare(self, thing: Thing, watch: Watch, log_ms: int, sighted_ms: int) -> Iterator[Said]:
        watch.state = State.DECLARED
        cause = likeliest(thing.parents, watch) if watch.rule.of is None else None
        watch.explained_by = cause.parent if cause else None
        if cause and not cause.dark:
            yield from cause.darken(watch, log_ms, sighted_ms)


def _waits(track: Track, log_ms: int) -> bool:
    """Whether a track is looked at a second time."""
    rule = track.rule
    if not any(isinstance(part, _BEYOND) for node in rule.conditions for part in node.walk()):
        return False
    if track.last is None or not track.last <= log_ms <= track.last + rule.max_gap_ms:
        return False
    return track.alert.level is not Level.NONE or track.raw is not Level.NONE


def _may_be_asked(other: Thing, node: Gathered) -> bool:
    """Whether a subject has what is asked, known or not."""
    if node.types and other.device_type not in node.types:
        return False
    if isinstance(node.member, ReadingOf):
        return node.member.indicator in other.subject.quantities
    return other.online() is not None if isinstance(node.member, Online) else other.level(node.member.rule) is not None


def _speaks_of(of: Rule | Derivation, risk_class: str, device_type: str) -> bool:
    return of.speaks_of(risk_class, device_type) if device_type else risk_class in of.classes


def _overshadowed(thing: Thing, watch: Watch) -> bool:
    """A device that gives no sign at all is the business of its `of: any` rule."""
    other = thing.any_watch
    return watch.rule.of is not None and other is not None and other.silent


def _signs(catalogue: Catalogue, rule: AbsenceRule) -> set[int]:
    """Numbers of the indicators that are signs of life for a rule."""
    return {i.number for i in catalogue.indicators if i.sign_of_life and (rule.of is None or i.id in rule.of)}
