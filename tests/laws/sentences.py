"""A quarter for the laws of the language: gauges at sites near and far, in two zones; and packs of quick sentences."""

from dataclasses import replace
from functools import cache

from hypothesis import strategies as st

from city.catalogue import Catalogue, Indicator
from city.city import City, by_id
from city.levels import Level
from city.registry import Area, Device, Site, Zone
from rules.language.expressions import Highest, Node
from rules.language.level_rules import condition_name
from rules.language.meaning import number_of, truth_of
from rules.language.operators import Known, Names
from rules.language.pack import DEVICE, Cap, Confirmation, Derivation, LevelRule, Marks, Override, Pack, Promotion
from tests.cities import BEAT, QUEUE, REGISTERED, WATER_DEPTH
from tests.laws.logs import Stage, groups_of, stories_on
from tests.laws.story import Story
from tests.laws.town import MINUTE, TOWN_CATALOGUE, VALUES, absence_rule, level_rule, shard_fleet, town

RAIN, PUMP = 1005, 1006
_MORE = [
    Indicator(
        number=RAIN, risk_class="waterlogging", id="rain", name="累计雨量", unit="mm", valid_min=0, valid_max=100,
        sample_s=120,
    ),
    Indicator(number=PUMP, risk_class="waterlogging", id="pump", name="泵", unit="1", valid_min=0, valid_max=1),
]  # fmt: skip


def quarter() -> City:
    """The town with its gauges spread over four sites: two 300 m apart, one 900 m away and one as near, but in another
    zone. The third is downstream of the first two."""
    plain = town()
    catalogue = Catalogue(
        domains=TOWN_CATALOGUE.domains,
        classes=TOWN_CATALOGUE.classes,
        device_types=TOWN_CATALOGUE.device_types,
        indicators=[*TOWN_CATALOGUE.indicators, *_MORE],
    )
    home = plain.sites["S-W"]

    def site(name: str, north_m: float, area: str = "A-W", **more: object) -> Site:
        made = Site(id=name, name=name, area=area, grid=home.grid, lat=home.lat + north_m / 111_195, lon=home.lon)
        return replace_site(made, lon=home.lon, **more)

    sites = [
        site("S-W", 0, reference_levels={"warning": 12.0, "lane": 13.0}),
        site("S-W2", 300, reference_levels={"lane": 50.0}),
        site("S-W3", 900, upstream=["S-W", "S-W2"]),
        site("S-W4", 100, area="A-W2"),
        plain.sites["S-V"],
    ]
    area = plain.areas["A-W"]
    other = Area(
        id="A-W2", name="另一片", risk_class="waterlogging", admin=area.admin, zone="Z2", lat=area.lat, lon=area.lon
    )
    stands = {"G2": "S-W2", "G3": "S-W3", "G4": "S-W4"}
    more = [Device(number=5, id="G5", type="gauge", site="S-W4"), Device(number=6, id="G6", type="gauge", site="S-W2")]
    devices = [move(d, stands.get(d.id, d.site)) for d in plain.devices.values() if d.type == "gauge"] + more
    return replace(
        plain,
        catalogue=catalogue,
        sites=by_id(sites),
        areas={**plain.areas, "A-W2": other},
        zones={**plain.zones, "Z2": Zone(id="Z2", name="另一片区")},
        devices=by_id([*devices, *(d for d in plain.devices.values() if d.number in (11, 12))]),
    )


def replace_site(site: Site, **fields: object) -> Site:
    return Site(**{**{name: getattr(site, name) for name in site.__struct_fields__}, **fields})


def move(device: Device, site: str) -> Device:
    return Device(**{**{name: getattr(device, name) for name in device.__struct_fields__}, "site": site})


OWN = {
    "water_depth": Known("cm"),
    "queue": Known("1"),
    "rain": Known("mm"),
    "pump": Known("1", True),
    "voltage": Known("V"),
    "rise10": Known("cm"),
    "rain_10m": Known("mm"),
    "dry": Known("cm"),
    "ponding": Known("min"),
    "ratio": Known("cm"),
    "dry_most": Known("cm"),
}
PLACED = {"wettest": Known("cm"), "wet_share": Known("1"), "alive": Known("1"), "wet_twice": Known("1")}
_TYPES = frozenset({"gauge", "camera"})


def names(per: str) -> Names:
    own = OWN if per == DEVICE else PLACED
    return Names(own, {**OWN, **PLACED}, frozenset({"depth", "wet", "offline"}), _TYPES, per)


DERIVED: dict[str, tuple[str, str, str]] = {
    "rise10": (DEVICE, "cm", "rise(water_depth, 10m)"),
    "rain_10m": (DEVICE, "mm", "increase(rain, 10m)"),
    "dry": (DEVICE, "cm", "water_depth when max(rain_10m within 1km) < 1 mm"),
    "dry_most": (DEVICE, "cm", "max(dry, 5m)"),
    "ponding": (DEVICE, "min", "duration(water_depth >= 10 cm)"),
    "ratio": (DEVICE, "cm", "water_depth / queue"),
    "wettest": ("site", "cm", "max(water_depth in site)"),
    "wet_share": ("street", "1", "share(water_depth >= 10 cm in street of gauge)"),
    "alive": ("zone", "1", "share(online in zone)"),
    "wet_twice": ("area", "1", "count(water_depth >= 10 cm in area) / 2 when any(online in area)"),
}
"""Subject, unit and sentence of each derived indicator."""

TRUTHS = [
    "water_depth >= 12 cm",
    "pump",
    "max(water_depth within 500m) >= 10 cm",
    "max(rain_10m within 1km) >= 5 mm",
    "rise(water_depth, 10m) >= 10 cm and water_depth >= 10 cm",
    "not pump and rise10 > 0 cm",
    "fall(water_depth, 5m) >= 2 cm",
    "rate(water_depth, 3m) > 1 cm/min",
    "slope(water_depth, 5m) > 2 cm/min",
    "mean(water_depth, 3m) > 10 cm or pump",
    "min(water_depth, 3m) < 9 cm",
    "median(water_depth, 10m) > 9 cm",
    "span(water_depth, 5m) <= 1 cm",
    "sum(water_depth, 5m) > 50 cm",
    "count(water_depth, 5m) < 3",
    "covered(water_depth, 5m) >= 2 min",
    "flaps(pump, 10m) >= 2",
    "spikes(water_depth, 15m) >= 1",
    "duration(water_depth >= 10 cm) >= 3 min",
    "stuck(water_depth, 5m, 0.5 cm, max(rain_10m within 1km) >= 1 mm)",
    "usual(water_depth, 2d, 30m) > 5 cm",
    "age(water_depth) > 90 s",
    "water_depth >= site(warning)",
    "water_depth >= site(warning, 11 cm)",
    "water_depth / (queue - 10) > 1 cm",
    "abs(water_depth - 12 cm) < 3 cm",
    "not online",
    "level(depth) >= yellow",
    "max(level(depth) in area) >= orange",
    "any(level(wet) >= yellow in zone)",
    "any(level(offline) >= blue in street)",
    "all(online in site of gauge|camera)",
    "share(online within 1km) < 0.8",
    "mean(water_depth in zone) > 10 cm",
    "sum(queue upstream) > 10",
    "min(wettest in zone) >= 10 cm",
    "hours(06:00-06:30, 07:00-08:00)",
    "weekdays(wed-fri)",
    "season(11-15..02-01)",
]
"""Sentences that are true now and then, the plainest first."""
_HOLDS = [0, 30_000, MINUTE, 3 * MINUTE]


def truth(text: str) -> Node:
    return truth_of(text, names(DEVICE))


def derivation(name: str) -> Derivation:
    per, unit, text = DERIVED[name]
    return Derivation(name, unit, number_of(text, names(per), unit), ("waterlogging",), None, per)


_sentences = st.sampled_from(TRUTHS).map(truth)


@st.composite
def _depth(draw: st.DrawFn) -> LevelRule:
    """A rule on depth with all that clauses 11 and 12 know."""
    promotions = st.builds(Promotion, _sentences, st.sampled_from([1, 2]), st.just(Level.NONE))
    promoted_to = st.builds(Promotion, _sentences, st.just(0), st.sampled_from([Level.ORANGE, Level.RED]))
    caps = st.builds(Cap, _sentences, st.sampled_from([Level.BLUE, Level.YELLOW]))
    waits = st.sampled_from([(None, Level.RED), (2 * MINUTE, Level.ORANGE), (0, Level.RED)])
    confirmation = st.builds(
        lambda witnesses, all_, cap, wait: Confirmation(tuple(witnesses), all_, cap, *wait),
        st.lists(_sentences, min_size=1, max_size=2), st.booleans(), st.sampled_from([Level.BLUE, Level.YELLOW]), waits,
    )  # fmt: skip
    overrides = [
        Override(("S-W2",), (), (5.0, None, None, None), ""),
        Override((), ("A-W2",), (9.0, 11.0, None, None), ""),
        Override(("S-W2", "S-W4"), ("A-W",), (None, 14.0, 20.0, None), ""),
    ]
    return level_rule(
        "depth",
        "water_depth",
        (10.0, 15.0, 27.0, 40.0),
        classes=("waterlogging",),
        mark=draw(st.sampled_from([("", "", "", ""), ("", "lane", "", "")])),
        hold_ms=tuple(draw(st.sampled_from(_HOLDS)) for _ in range(4)),
        min_samples=draw(st.sampled_from([1, 2])),
        max_gap_ms=draw(st.sampled_from([15 * MINUTE, 3 * MINUTE])),
        margin=draw(st.sampled_from([0.0, 3.0])),
        clear_ms=draw(st.sampled_from(_HOLDS)),
        quarantine=draw(st.booleans()),
        when=draw(st.none() | _sentences),
        promotions=tuple(draw(st.lists(promotions | promoted_to, max_size=2))),
        caps=tuple(draw(st.lists(caps, max_size=1))),
        confirmation=draw(st.none() | confirmation),
        overrides=tuple(draw(st.lists(st.sampled_from(overrides), max_size=2))),
    )


@st.composite
def _on_derived(draw: st.DrawFn, name: str) -> LevelRule:
    per, unit, _ = DERIVED[name]
    low = unit != "1" and draw(st.booleans())
    shares: list[Marks] = [(0.5, 1.0, None, None), (None, None, 1.0, None)]
    amounts: list[Marks] = [(15.0, None, 10.0, 5.0)] if low else [(5.0, None, 10.0, 15.0), (10.0, None, None, None)]
    marks = draw(st.sampled_from(shares if unit == "1" else amounts))
    return level_rule(
        f"on-{name}",
        name,
        marks,
        classes=("waterlogging",),
        per=per,
        hold_ms=(draw(st.sampled_from(_HOLDS)),) * 4,
        min_samples=draw(st.sampled_from([1, 2])),
        max_gap_ms=draw(st.sampled_from([15 * MINUTE, 90_000])),
        margin=draw(st.sampled_from([0.0, 0.25])),
        clear_ms=draw(st.sampled_from(_HOLDS)),
        low=low,
        when=draw(st.none() | _sentences) if per == DEVICE else None,
    )


@st.composite
def _conditions(draw: st.DrawFn, rule_id: str) -> tuple[LevelRule, Derivation]:
    levels = sorted(draw(st.lists(st.sampled_from([Level.YELLOW, Level.ORANGE, Level.RED]), min_size=1, unique=True)))
    value = Highest(tuple((level, draw(_sentences)) for level in levels))
    marks = tuple(float(level) if level in levels else None for level in (1, 2, 3, 4))
    rule = level_rule(
        rule_id,
        condition_name(rule_id),
        marks,  # type: ignore[arg-type]
        classes=("waterlogging",),
        hold_ms=(draw(st.sampled_from(_HOLDS)),) * 4,
        clear_ms=draw(st.sampled_from(_HOLDS)),
    )
    return rule, Derivation(condition_name(rule_id), "1", value, ("waterlogging",))


@st.composite
def sentence_packs(draw: st.DrawFn) -> Pack:
    """Rules on depth, on what is derived, and on conditions; in an order that is drawn."""
    depth = draw(_depth())
    on = draw(st.lists(st.sampled_from(list(DERIVED)), unique=True, max_size=3))
    wet, wet_value = draw(_conditions("wet"))
    derivations = [derivation(name) for name in draw(st.permutations(list(DERIVED)))]
    levels = [depth, *(draw(_on_derived(name)) for name in on), wet]
    return Pack(
        name="sentences",
        version="1",
        title="sentences",
        levels=tuple(draw(st.permutations(levels))),
        absences=(absence_rule("offline", (180_000.0, 300_000.0, None, None), intervals=(3.0, None, None, None)),),
        parents=(),
        derivations=(*derivations, wet_value),
    )


@cache
def quarter_stage() -> Stage:
    city = quarter()
    fleet = shard_fleet(city)
    spoken = {number: [BEAT, WATER_DEPTH, QUEUE, RAIN, PUMP] for number in range(1, 7)}
    spoken |= {11: [BEAT, REGISTERED], 12: [BEAT, REGISTERED]}
    values = VALUES | {
        RAIN: [0, 1, 2, 7, 12, 50, 95, 99, 3, 49],
        PUMP: [0, 1],
        QUEUE: [12, 10, 0, 11, 27],
    }
    return Stage(city, fleet, spoken, values, groups_of(fleet), alive=tuple(spoken))


@st.composite
def sentences(draw: st.DrawFn) -> Story:
    """A log in the quarter, judged by a pack of sentences."""
    return draw(stories_on(quarter_stage(), draw(sentence_packs()), longest=draw(st.sampled_from([1, 1, 3]))))
