"""A district small enough to hold in one's head, and the words in which the tests of alerts tell what happens in it.

Street 11 has a low-lying road with gauges G1 to G3, cameras C1 to C4 behind gateway GW, and an entrance with the lanes
L1 and L2, which verify at platform PF11, and a water main with meter P1; street 12 has gauge G9, camera C9 and the lane
L9, which verifies at PF12. All cameras hang on power zone PW and on the district's video platform, PF-V. Everything is
in zone Z.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from msgspec.structs import replace as with_fields

from alerts.book import Alert, Book, Incident
from alerts.deadlines import TicketPolicy, load_policy
from alerts.incidents import Desk
from alerts.tickets import Ticket, TicketState
from city.catalogue import Catalogue, DeviceType, RiskClass
from city.city import City, by_id
from city.levels import Level
from city.registry import AdminUnit, Area, Device, Grid, Parent, ParentKind, Site, Unit
from city.tables import shipped_pack
from city.transitions import Nature, SubjectKind, Transition
from rules.engine.report import alert_id
from tests.cities import CATALOGUE, small_city

MINUTE_MS = 60_000
MIDNIGHT_MS = 1_694_044_800_000  # 2023-09-07, UTC
HERE = {"lat": 22.5, "lon": 113.9}


@cache
def policy() -> TicketPolicy:
    """The shipped limits: minutes by level, and for faults of devices."""
    return load_policy(shipped_pack("baoan"))


@cache
def district() -> City:
    city = small_city(_devices(), _parents())
    return replace(
        city,
        catalogue=_catalogue(),
        admin={**city.admin, **by_id(_admin(), "code")},
        grids={**city.grids, "1211": Grid(code="1211", name="网格", parent="121")},
        areas={**city.areas, **by_id(_areas())},
        sites={**city.sites, **by_id(_sites())},
        units=by_id(_units()),
    )


def _catalogue() -> Catalogue:
    checkpoint = RiskClass(
        code="R14", slug="checkpoint", name="卡口", domain="natural", lead="公安", ticket_category="公共安全"
    )
    main = RiskClass(code="R07", slug="pipe", name="管网", domain="natural", lead="水务", ticket_category="市政设施")
    lane = DeviceType(slug="electronic-sentry", name="电子哨兵", feed="sentry", interval_s=60)
    return with_fields(
        CATALOGUE, classes=[*CATALOGUE.classes, checkpoint, main], device_types=[*CATALOGUE.device_types, lane]
    )


def _admin() -> list[AdminUnit]:
    return [
        AdminUnit(code="12", name="街道二", kind="街道", parent="1"),
        AdminUnit(code="121", name="社区二", kind="社区", parent="12"),
    ]


def _areas() -> list[Area]:
    places = {"A-W2": ("waterlogging", "12"), "A-V2": ("video", "12"), "A-K": ("checkpoint", "11")}
    places |= {"A-K2": ("checkpoint", "12"), "A-P": ("pipe", "11")}
    return [Area(id=i, name=i, risk_class=c, admin=admin, zone="Z", **HERE) for i, (c, admin) in places.items()]


def _sites() -> list[Site]:
    grids = {"W2": "1211", "V2": "1211", "K": "1111", "K2": "1211", "P": "1111"}
    return [Site(id=f"S-{i}", name=f"点位{i}", area=f"A-{i}", grid=grid, **HERE) for i, grid in grids.items()]


def _devices() -> list[Device]:
    video = {"power": "PW", "platform": "PF-V"}
    lane = "electronic-sentry"
    return [
        *(Device(number=n, id=f"G{n}", type="gauge", site="S-W") for n in (1, 2, 3)),
        Device(number=9, id="G9", type="gauge", site="S-W2"),
        *(Device(number=10 + n, id=f"C{n}", type="camera", site="S-V", gateway="GW", **video) for n in (1, 2, 3, 4)),
        Device(number=19, id="C9", type="camera", site="S-V2", **video),
        *(Device(number=20 + n, id=f"L{n}", type=lane, site="S-K", platform="PF11") for n in (1, 2)),
        Device(number=29, id="L9", type=lane, site="S-K2", platform="PF12"),
        Device(number=31, id="P1", type="gauge", site="S-P"),
    ]


def _parents() -> list[Parent]:
    return [
        Parent(id="GW", kind=ParentKind.GATEWAY, name="一号网关", admin="11"),
        Parent(id="PW", kind=ParentKind.POWER, name="供电区", admin="11"),
        Parent(id="PF11", kind=ParentKind.PLATFORM, name="核验平台", admin="11"),
        Parent(id="PF12", kind=ParentKind.PLATFORM, name="核验平台二", admin="12"),
        Parent(id="PF-V", kind=ParentKind.PLATFORM, name="视频平台", admin="1"),
    ]


def _units() -> list[Unit]:
    return [
        Unit(id="U-duty", name="区值班室", scope="1", staffed=True),
        Unit(id="U-water", name="区水务", scope="1", classes=["waterlogging"]),
        Unit(id="U-11-pipe", name="街道管网", scope="11", classes=["pipe"]),
        Unit(id="U-11-duty", name="街道值班室", scope="11", staffed=True),
        Unit(id="U-11-water", name="街道三防办", scope="11", classes=["waterlogging"]),
    ]


RULES: dict[str, dict[str, Any]] = {
    "depth": {"title": "积水深度", "nature": Nature.HAZARD, "unit": "cm", "cause": "ponding", "group": "area"},
    "queue": {"title": "入口排队", "nature": Nature.HAZARD, "unit": "{person}", "cause": "queue", "group": "area"},
    "latency": {"title": "核验时延", "nature": Nature.HAZARD, "unit": "s", "cause": "backend", "group": "platform"},
    "offline": {"title": "设备失联", "nature": Nature.DEVICE, "unit": "s", "cause": "offline", "group": "device"},
    "dark": {"title": "上级失联", "nature": Nature.PARENT, "cause": "dark"},
    "blind": {"title": "监控盲区", "nature": Nature.BLIND, "cause": "blind", "group": "ingest"},
    "disabled": {"title": "规则停用", "nature": Nature.RULE, "cause": "rule-disabled", "group": "rule"},
    "pressure": {"title": "管压骤降", "nature": Nature.HAZARD, "unit": "kPa", "cause": "burst-main", "group": "zone"},
    "gushing": {"title": "路面冒水", "nature": Nature.HAZARD, "unit": "cm", "cause": "burst-main", "group": "zone"},
    **{
        f"{place}-depth": {"title": "积水", "nature": Nature.HAZARD, "unit": "cm", "cause": "ponding", "group": place}
        for place in ("site", "area", "street", "zone")
    },
}
"""What transitions of a rule have in common."""


@dataclass
class Teller:
    """Says what the engine would say: consistent transitions, each a little later than the one before."""

    city: City = field(default_factory=district)
    now_ms: int = MIDNIGHT_MS
    _alerts: dict[tuple[str, str], Transition] = field(default_factory=dict)

    def at(self, clock: str) -> None:
        """Set the clock to a time of the day, such as 06:10."""
        hours, minutes = map(int, clock.split(":"))
        self.now_ms = MIDNIGHT_MS + (hours * 60 + minutes) * MINUTE_MS

    def says(self, rule: str, subject: str, level: Level, explained_by: str | None = None, **more: Any) -> Transition:
        """An alert of a rule goes to a level; from none it is a new one. `more`: other fields of the transition."""
        last = self._alerts.get((rule, subject))
        new = last is None or last.level_to == Level.NONE
        since_ms = self.now_ms if last is None or new else last.since_ms
        transition = Transition(
            alert=alert_id(rule, "v1", subject, since_ms),
            rule=rule,
            rule_version="v1",
            subject=subject,
            level_from=Level.NONE if last is None else last.level_to,
            level_to=level,
            event_ms=self.now_ms,
            log_ms=self.now_ms + 1_000,
            since_ms=since_ms,
            value=float(10 * level),
            held_ms=0 if level == Level.NONE else 60_000,
            explained_by=explained_by,
            **{**RULES[rule], **self._place(rule, subject), **more},
        )
        self._alerts[(rule, subject)] = transition
        self.now_ms += 1_000
        return transition

    def level(self, rule: str, subject: str) -> Level:
        last = self._alerts.get((rule, subject))
        return Level.NONE if last is None else last.level_to

    def explained_by(self, parent: str) -> Iterator[Transition]:
        """What the devices last said that are at a level and explained by a parent."""
        yield from (last for last in self._alerts.values() if last.level_to and last.explained_by == parent)

    def _place(self, rule: str, subject: str) -> dict[str, Any]:
        if rule == "blind":
            return {"subject_kind": SubjectKind.INGEST, "group_key": subject}
        if rule == "disabled":
            return {"subject_kind": SubjectKind.RULE, "group_key": subject}
        if rule in ("site-depth", "area-depth", "street-depth", "zone-depth"):
            return self._judged_by_place(SubjectKind(RULES[rule]["group"]), subject)
        if rule == "dark":
            parent = self.city.parents[subject]
            place = {"group": parent.kind.value, "group_key": subject, "admin": parent.admin}
            return {"subject_kind": SubjectKind.PARENT, **place}
        device = self.city.devices[subject]
        area = self.city.area_of(device)
        keys = {"area": area.id, "device": subject, "platform": device.platform, "zone": area.zone}
        key = keys[RULES[rule]["group"]]
        place = {"risk_class": area.risk_class, "admin": area.admin, "area": area.id, "site": device.site}
        return {"subject_kind": SubjectKind.DEVICE, "group_key": key, **place}

    def _judged_by_place(self, kind: SubjectKind, subject: str) -> dict[str, Any]:
        """Where a place is, as the engine knows it."""
        where: dict[str, Any] = {"subject_kind": kind, "group_key": subject, "risk_class": "waterlogging"}
        site = self.city.sites.get(subject) if kind is SubjectKind.SITE else None
        area = self.city.areas[site.area if site else subject] if kind in (SubjectKind.SITE, SubjectKind.AREA) else None
        if area is not None:
            return where | {"admin": area.admin, "area": area.id, "site": site.id if site else None}
        return where | {"admin": subject.partition("/")[0] if kind is SubjectKind.STREET else "11"}


class Night:
    """A night at the desk: what the engine says goes straight into the book."""

    def __init__(self, city: City | None = None) -> None:
        self.book = Book()
        self.teller = Teller(city or district())
        self.desk = Desk(self.teller.city, policy(), self.book)

    def at(self, clock: str) -> "Night":
        self.teller.at(clock)
        return self

    def says(self, rule: str, subject: str, level: str, explained_by: str | None = None, **more: Any) -> Transition:
        transition = self.teller.says(rule, subject, Level.of(level), explained_by, **more)
        self.desk.take(transition)
        return transition

    def depth(self, *gauges: str, level: str) -> None:
        for gauge in gauges:
            self.says("depth", gauge, level)

    def suspects(self, gauge: str, level: str, **more: Any) -> None:
        """Water that nothing else has confirmed."""
        self.says("depth", gauge, level, suspected=True, **more)

    def offline(self, *devices: str, level: str = "blue", explained_by: str | None = None) -> None:
        for device in devices:
            self.says("offline", device, level, explained_by)

    def dark(self, parent: str) -> None:
        self.says("dark", parent, "orange")

    def clears(self, parent: str) -> None:
        """A parent is back, and its devices that are not say that nothing explains them now."""
        self.says("dark", parent, "none")
        for last in list(self.teller.explained_by(parent)):
            self.says(last.rule, last.subject, last.level_to.slug)

    def closes(self, incident: Incident) -> None:
        """A person closes the ticket, and with it the incident."""
        ticket = self.book.tickets[incident.id]
        ticket.state, ticket.closed_ms = TicketState.CLOSED, self.teller.now_ms
        self.book.close(incident)

    @property
    def incidents(self) -> list[Incident]:
        """All of them, in the order in which they were opened."""
        return list(self.book.incidents.values())

    @property
    def open(self) -> list[Incident]:
        return [incident for incident in self.incidents if incident.open]

    @property
    def only(self) -> Incident:
        (incident,) = self.incidents
        return incident

    @property
    def tickets(self) -> list[Ticket]:
        return list(self.book.tickets.values())

    @property
    def told(self) -> list[str]:
        """What others heard of, in order."""
        return [event.kind for event in self.book.events]

    def ticket(self, incident: Incident) -> Ticket:
        return self.book.tickets[incident.id]

    def alerts_of(self, incident: Incident) -> list[Alert]:
        return [alert for alert in self.book.alerts.values() if alert.incident == incident.id]

    def subjects_of(self, incident: Incident) -> list[str]:
        return [alert.last.subject for alert in self.alerts_of(incident)]


def clock_of(ms: int) -> str:
    """Time of the day of a deadline; +1 a day later."""
    minutes = (ms - MIDNIGHT_MS) // MINUTE_MS
    days, minutes = divmod(minutes, 24 * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f"+{days}" if days else "")
