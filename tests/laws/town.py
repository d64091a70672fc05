"""A town for the laws: gauges and cameras that hang on gateways, networks and a platform, and packs of quick rules."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from city.catalogue import Catalogue, DeviceType, Indicator
from city.city import City
from city.fleet import Fleet, fleet_of
from city.levels import Level
from city.registry import Device, ParentKind
from city.transitions import Nature
from rules.language.pack import AbsenceRule, LevelRule, Marks, Pack, ParentRule
from tests.cities import BEAT, CATALOGUE, QUEUE, REGISTERED, WATER_DEPTH, gateway, small_city

LINK, VOLTAGE, PICTURE = 2, 9, 1004
ELSEWHERE = 900  # a device of the city that another shard judges
MINUTE = 60_000

_MORE = [
    Indicator(
        number=LINK, risk_class="common", id="link", name="连接", unit="1", valid_min=0, valid_max=1, sign_of_life=False
    ),
    Indicator(
        number=VOLTAGE, risk_class="common", id="voltage", name="电压", unit="V", valid_min=0, valid_max=30,
        max_step_per_min=1, late_s=1800,
    ),
    Indicator(
        number=PICTURE, risk_class="video", id="no_picture", name="无图像", unit="1", valid_min=0, valid_max=1,
        sign_of_life=False,
    ),
]  # fmt: skip
TOWN_CATALOGUE = Catalogue(
    domains=CATALOGUE.domains,
    classes=CATALOGUE.classes,
    device_types=[*CATALOGUE.device_types, DeviceType(slug="mute", name="无规则", feed="video", interval_s=60)],
    indicators=[*CATALOGUE.indicators, *_MORE],
)


def town() -> City:
    """Three gauges on a gateway and one alone; eight cameras on two gateways, two networks, a platform; an odd one."""

    def camera(i: int, type_: str = "camera", **parents: str) -> Device:
        return Device(number=i, id=f"C{i}", type=type_, site="S-V", **parents)

    devices = [
        Device(number=1, id="G1", type="gauge", site="S-W", gateway="GW1"),
        Device(number=2, id="G2", type="gauge", site="S-W", gateway="GW1", network="N1"),
        Device(number=3, id="G3", type="gauge", site="S-W", gateway="GW1", power="P", interval_s=90),
        Device(number=4, id="G4", type="gauge", site="S-W", interval_s=20),
        *(camera(i, gateway="GW2", network="N1", platform="PF") for i in (11, 12, 13)),
        *(camera(i, gateway="GW3", network="N2", platform="PF", power="P") for i in (14, 15)),
        camera(16, network="N2", platform="PF", power="P"),
        camera(17, platform="PF"),
        camera(18, "mute", gateway="GW3", platform="PF"),
        Device(number=ELSEWHERE, id="G900", type="gauge", site="S-W", gateway="GW1", platform="PF"),
    ]
    kinds = {"GW1": "gateway", "GW2": "gateway", "GW3": "gateway", "P": "power", "N1": "network", "N2": "network"}
    parents = [gateway(name, ParentKind(kind)) for name, kind in (kinds | {"PF": "platform"}).items()]
    return replace(small_city(devices, parents), catalogue=TOWN_CATALOGUE)


def shard_fleet(city: City) -> Fleet:
    """All of the town but the device that another shard judges."""
    fleet = fleet_of(city)
    return fleet.where(np.asarray(fleet.number != ELSEWHERE))


def level_rule(rule_id: str, indicator: str, threshold: Marks, **settings: object) -> LevelRule:
    """A level rule that is at once: no hold, one sample, no margin; `settings` replace fields."""
    plain = LevelRule(
        id=rule_id, title=rule_id, source="", confidence="low", nature=Nature.HAZARD, classes=("waterlogging", "video"),
        device_types=None, clear_ms=0, group="area", cause=rule_id, indicator=indicator, low=False,
        threshold=threshold, hold_ms=(0, 0, 0, 0), min_samples=1, max_gap_ms=15 * MINUTE, margin=0.0, quarantine=False,
    )  # fmt: skip
    return replace(plain, **settings)  # type: ignore[arg-type]


def absence_rule(
    rule_id: str,
    after_ms: Marks,
    *,
    intervals: Marks = (None,) * 4,
    of: tuple[str, ...] | None = None,
    **settings: object,
) -> AbsenceRule:
    """An absence rule of cameras and gauges."""
    plain = AbsenceRule(
        id=rule_id, title=rule_id, source="", confidence="low", nature=Nature.DEVICE, classes=("waterlogging", "video"),
        device_types=("gauge", "camera"), clear_ms=0, group="device", cause="offline", of=of, after_ms=after_ms,
        intervals=intervals,
    )  # fmt: skip
    return replace(plain, **settings)  # type: ignore[arg-type]


def parent_rule(kind: ParentKind, **settings: object) -> ParentRule:
    plain = ParentRule(
        kind=kind, title=kind.value, source="", level=Level.ORANGE, silent=0.8, at_least=2, points=None, clear_ms=0
    )
    return replace(plain, **settings)  # type: ignore[arg-type]


# Strategies: every choice is from a few telling values, the plainest first, so that failures shrink to plain rules.

_DEPTHS: list[Marks] = [
    (10.0, None, None, None), (10.0, 15.0, 27.0, 40.0), (None, 15.0, None, 40.0), (10.0, 12.0, None, None),
]  # fmt: skip
_VOLTS: list[Marks] = [(11.8, None, None, None), (11.8, 11.5, 11.2, 10.8), (None, 11.5, None, 10.8)]
_YES: list[Marks] = [(1.0, None, None, None), (None, 1.0, None, None), (None, None, None, 1.0)]
_HOLDS = [0, 30_000, MINUTE, 2 * MINUTE, 5 * MINUTE]
_CLEARS = [0, MINUTE, 3 * MINUTE, 5 * MINUTE]


@st.composite
def _levels(draw: st.DrawFn, rule_id: str, indicator: str, thresholds: list[Marks], margins: list[float]) -> LevelRule:
    hold = [draw(st.sampled_from(_HOLDS))] * 4
    if draw(st.booleans()):
        hold = [draw(st.sampled_from(_HOLDS)) for _ in range(4)]
    return level_rule(
        rule_id,
        indicator,
        draw(st.sampled_from(thresholds)),
        low=indicator == "voltage",
        hold_ms=tuple(hold),
        min_samples=draw(st.sampled_from([1, 2, 3])),
        max_gap_ms=draw(st.sampled_from([15 * MINUTE, 5 * MINUTE, 90_000])),
        margin=draw(st.sampled_from(margins)),
        clear_ms=draw(st.sampled_from(_CLEARS)),
        quarantine=draw(st.booleans()),
        device_types=draw(st.sampled_from([None, None, ("gauge",), ("camera",)])),
        nature=draw(st.sampled_from([Nature.HAZARD, Nature.DEVICE])),
    )


_LEVEL_RULES: dict[str, tuple[str, list[Marks], list[float]]] = {
    "depth": ("water_depth", _DEPTHS, [0.0, 1.0, 3.0]),
    "depth-too": ("water_depth", _DEPTHS, [0.0, 1.0, 3.0]),
    "queue": ("queue", _DEPTHS, [0.0, 3.0]),
    "picture": ("no_picture", _YES, [0.0]),
    "volts": ("voltage", _VOLTS, [0.0, 0.3]),
    "linked": ("link", _YES, [0.0]),
}

_ANY_AFTER: list[tuple[Marks, Marks]] = [
    ((180_000.0, None, None, None), (3.0, None, None, None)),
    ((180_000.0, 5.0 * MINUTE, 10.0 * MINUTE, 20.0 * MINUTE), (3.0, None, None, None)),
    ((None, 120_000.0, None, 4.0 * MINUTE), (None, None, None, None)),
    ((60_000.0, 120_000.0, None, None), (3.0, 2.0, None, None)),
]
_OF_AFTER: list[tuple[Marks, Marks]] = [
    ((180_000.0, None, None, None), (4.0, None, None, None)),
    ((60_000.0, None, 4.0 * MINUTE, None), (None, None, None, None)),
]


@st.composite
def _absences(draw: st.DrawFn, rule_id: str) -> AbsenceRule:
    of = draw(st.sampled_from([("beat",), ("registered", "water_depth")])) if rule_id.startswith("no") else None
    after, intervals = draw(st.sampled_from(_OF_AFTER if of else _ANY_AFTER))
    types = draw(st.sampled_from([("gauge", "camera"), ("camera",)]))
    return absence_rule(
        rule_id, after, intervals=intervals, of=of, device_types=types, clear_ms=draw(st.sampled_from(_CLEARS))
    )


@st.composite
def _parents(draw: st.DrawFn, kind: ParentKind) -> ParentRule:
    return parent_rule(
        kind,
        silent=draw(st.sampled_from([0.8, 0.5, 0.6, 0.2])),
        at_least=draw(st.sampled_from([2, 3])),
        points=draw(st.sampled_from([None, None, 2, 5])),
        clear_ms=draw(st.sampled_from(_CLEARS)),
        level=draw(st.sampled_from([Level.ORANGE, Level.BLUE])),
    )


@st.composite
def packs(draw: st.DrawFn) -> Pack:
    """A few rules of every sort. The `of: any` rule comes before or after the `of: [..]` ones."""
    levels = draw(st.lists(st.sampled_from(list(_LEVEL_RULES)), unique=True, max_size=4))
    absences = draw(st.lists(st.sampled_from(["offline", "no-beat", "no-other"]), unique=True, max_size=3))
    kinds = draw(st.lists(st.sampled_from(list(ParentKind)), unique=True, max_size=4))
    return Pack(
        name="laws",
        version="1",
        title="laws",
        levels=tuple(draw(_levels(name, *_LEVEL_RULES[name])) for name in levels),
        absences=tuple(draw(_absences(name)) for name in absences),
        parents=tuple(draw(_parents(kind)) for kind in kinds),
    )


VALUES: dict[int, list[float]] = {
    WATER_DEPTH: [0, 5, 7, 9, 10, 11, 12, 13, 14, 15, 24, 25, 27, 37, 40, 55, 100],
    QUEUE: [0, 7, 10, 12, 15, 27, 40],
    VOLTAGE: [12.6, 12.1, 11.9, 11.8, 11.7, 11.5, 11.2, 11.0, 10.8, 9.0],
    PICTURE: [0, 1],
    REGISTERED: [1],
    LINK: [1, 0],
    BEAT: [1],
}
"""Telling values of each indicator, the plainest first."""
SPOKEN = {"gauge": [BEAT, WATER_DEPTH, QUEUE, VOLTAGE, LINK], "camera": [BEAT, REGISTERED, PICTURE, VOLTAGE]}
SPOKEN["mute"] = [BEAT, REGISTERED]
"""Indicators that a type of device speaks of."""
