"""From what the store says to what the page shows: pure functions, Chinese words, no clock of their own.

Nothing here changes just because time passes, except what time decides (overdue, stale): relative times are written by
the templates, and by the page's script afterwards.
"""

from functools import lru_cache, partial

from alerts.console.atlas import Atlas
from alerts.console.board import Board, Counts, Feed, Hazards, LetterCount, Row, Rows, Task
from alerts.console.mapview import map_view
from alerts.console.moment import Moment
from alerts.console.queries import COUNTED, Disabled, IncidentLine, Listing, Situation, TicketLine
from alerts.console.sight import (
    Alarm,
    Seeing,
    ShardSight,
    alarms,
    dark_devices,
    refusals,
    shards_of_areas,
    sight_of,
    worst,
)
from alerts.console.words import shown
from alerts.pending import STEPS, waits_for
from alerts.rulebook import NO_RULES, RuleBook
from alerts.tickets import TicketState
from alerts.wording import VERIFY, place_name
from city.city import City
from city.levels import LEVELS
from city.transitions import Nature

SHARDS_LISTED = 16


class Viewer:
    """Turns situations of one city into boards."""

    def __init__(self, city: City, atlas: Atlas, rules: RuleBook = NO_RULES) -> None:
        self.city, self.atlas = city, atlas
        self.rules = {card.id: card for card in rules.rules}
        self._classes = {c.slug: c.name for c in city.catalogue.classes}
        self._dark_devices = lru_cache(2)(partial(dark_devices, city))
        self._shards_of_areas = lru_cache(2)(partial(shards_of_areas, city))

    def board(self, situation: Situation, at: Moment) -> Board:
        sights = self._sights(situation, at)
        dark = self._dark_areas(sights, situation.dark_parents)
        loud = [*alarms(sights, situation.blind_since_ms), *refusals(sights)]
        loud += [self._disabled(rule) for rule in situation.disabled]
        return Board(
            counts=_counts(situation, sights),
            map=map_view(self.city, self.atlas, situation.spots, dark, at.now_ms),
            hazards=Hazards(tuple(loud), self.rows(situation.hazards, at.now_ms)),
            faults=self.rows(situation.faults, at.now_ms),
            feed=_feed(situation, sights),
        )

    def rows(self, listing: Listing, now_ms: int) -> Rows:
        rows = [self.row(line, now_ms) for line in listing.lines]
        return Rows(
            active=tuple(row for row in rows if row.level),
            recovered=tuple(row for row in rows if not row.level),
            active_count=listing.active,
            recovered_count=listing.recovered,
            more=max(0, listing.active + listing.recovered - len(rows)),
        )

    def row(self, line: IncidentLine, now_ms: int) -> Row:
        return Row(
            id=line.id,
            nature=line.nature,
            level=line.level,
            peak_level=line.peak_level,
            suspected=line.suspected,
            where=shown(self._where(line)),
            what=shown(line.title),
            place=shown(self._place(line)),
            reason=shown(_reason(line)),
            actions=tuple(shown(action) for action in line.actions),
            since_ms=line.opened_ms,
            recovered_ms=line.recovered_ms,
            alerts=line.alerts,
            devices=line.devices,
            explained=line.explained,
            task=self._task(line.ticket, now_ms) if line.ticket else None,
        )

    def unit_name(self, unit: str) -> str:
        return self.city.units[unit].name if unit in self.city.units else shown(unit)

    def rule_name(self, rule: str) -> str:
        """Title of a rule; a derived indicator is called `class/indicator`."""
        card = self.rules.get(rule)
        return card.title if card else rule

    def subject_words(self, subject: str) -> str:
        """A device with its site, a place or parent by its name, and anything else as it is."""
        device, parent = self.city.devices.get(subject), self.city.parents.get(subject)
        if device is not None:
            return f"{self.city.sites[device.site].name} {subject}"
        return parent.name if parent is not None else place_name(self.city, subject) or shown(subject, 60)

    def route_words(self, line: IncidentLine) -> list[tuple[str, str]]:
        """Whose task an incident's ticket is, from the grid up: kind and name of each."""
        if line.ticket is None:
            return []
        grid = self.city.grids.get(line.ticket.grid or "")
        units = [self.city.admin[code] for code in line.ticket.admin if code in self.city.admin]
        site, area = self.city.sites.get(line.site or ""), self.city.areas.get(line.area or "")
        return [
            *([("点位", site.name)] if site else []),
            *([("监测区域", area.name)] if area else []),
            *([("网格", grid.name)] if grid else []),
            *((unit.kind, unit.name) for unit in units),
            ("处置单位", self.unit_name(line.ticket.unit)),
        ]

    def _task(self, ticket: TicketLine, now_ms: int) -> Task:
        state = TicketState(ticket.state)
        step = waits_for(state)
        due_ms = ticket.deadlines[step] if step else None
        return Task(
            id=ticket.id,
            state=state.zh,
            category=ticket.category,
            unit=self.unit_name(ticket.unit),
            step=STEPS[step] if step else None,
            due_ms=due_ms,
            overdue=due_ms is not None and due_ms < now_ms,
        )

    def _where(self, line: IncidentLine) -> str:
        """What an incident is about, by the name that people use."""
        area, parent = self.city.areas.get(line.area or ""), self.city.parents.get(line.subject)
        if line.nature == Nature.RULE.value:
            return f"规则 {self.rule_name(line.subject)}"
        if parent is not None:
            return parent.name
        if line.nature == Nature.BLIND.value:
            return f"接入进程 {line.subject}"
        place = place_name(self.city, line.subject)
        if place is None and line.nature == Nature.HAZARD.value and area is not None:
            return area.name
        return place or line.subject

    def _disabled(self, disabled: Disabled) -> Alarm:
        detail = "运行时出错过多, 已停用: 它管的险情现在无人判定, 没有告警不代表没有险情"
        name = self.rule_name(disabled.rule)
        return Alarm(f"规则停用: {shown(name)}", detail, disabled.since_ms, f"/incidents/{disabled.incident}")

    def _place(self, line: IncidentLine) -> str:
        """Street and class of a hazard, street and area of a device."""
        street, area = self.city.street_of(line.admin), self.city.areas.get(line.area or "")
        kind = self._classes.get(line.risk_class or "", "")
        if area is not None and line.nature != Nature.HAZARD.value:
            kind = area.name
        return " · ".join(part for part in (street.name if street else "", kind) if part)

    def _sights(self, situation: Situation, at: Moment) -> list[ShardSight]:
        streets: dict[int, dict[str, None]] = {}
        for area, shard in self._shards_of_areas(_shard_count(situation)).items():
            if area in self.atlas.areas:
                streets.setdefault(shard, {})[self.atlas.streets[self.atlas.areas[area].street].short] = None
        return worst(sight_of(line, at, tuple(streets.get(line.shard, ()))) for line in situation.shards)

    def _dark_areas(self, sights: list[ShardSight], dark_parents: frozenset[str]) -> dict[str, str]:
        """Areas that cannot be seen, each with why."""
        by_shard = {sight.shard: sight.seeing for sight in sights}
        homes = self._shards_of_areas(max(by_shard, default=-1) + 1)
        silent = self._dark_devices(dark_parents)
        dark: dict[str, str] = {}
        for area in self.atlas.areas.values():
            seeing = by_shard.get(homes.get(area.id, -1), Seeing.STALE)
            if area.devices and seeing.dark:
                dark[area.id] = seeing.zh
            elif area.devices and silent.get(area.id, 0) >= area.devices:
                dark[area.id] = "设备全部随上级失联"
        return dark


def _reason(line: IncidentLine) -> str:
    """The reading behind it. Of which device it is, a headline about a device says already."""
    reason = (line.ticket.reason if line.ticket else "").removeprefix(f"{VERIFY}: ")  # the page says so, and louder
    return reason if line.nature == Nature.HAZARD.value else reason.removeprefix(f"{line.subject} ")


def _counts(situation: Situation, sights: list[ShardSight]) -> Counts:
    letters = sum(count.last_hour for count in situation.refused)
    shards = _shard_count(situation)
    return Counts(
        levels={level.slug: situation.hazards.levels.get(int(level), 0) for level in reversed(LEVELS)},
        suspected={level.slug: situation.hazards.suspected.get(int(level), 0) for level in reversed(LEVELS)},
        faults=situation.faults.active - len(situation.disabled),  # listed there, and no device's
        recovered=situation.hazards.recovered,
        tickets_open=situation.tickets_open,
        tickets_overdue=situation.tickets_overdue,
        shards=shards,
        shards_dark=shards - sum(not sight.seeing.dark for sight in sights),
        letters=letters,
        letters_capped=letters >= COUNTED,
    )


def _shard_count(situation: Situation) -> int:
    """How many shards there are: all of 0 to the highest that has ever been owned."""
    return max((line.shard for line in situation.shards), default=-1) + 1


def _feed(situation: Situation, sights: list[ShardSight]) -> Feed:
    outcomes: dict[str, int] = {}
    for sight in sights:
        for name, count in sight.outcomes.items():
            outcomes[name] = outcomes.get(name, 0) + count
    return Feed(
        saved_wall_ms=max((sight.saved_wall_ms for sight in sights), default=None),
        shards=tuple(sights[:SHARDS_LISTED]),
        more=max(0, len(sights) - SHARDS_LISTED),
        outcomes=outcomes,
        letters=tuple(LetterCount(c.reason, c.total, c.last_hour) for c in situation.refused),
    )
