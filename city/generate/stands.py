"""What stands together: stations of the feed telemetry in groups that make sense to judge.

A group is a river with its stations, a unit of a plant, a building, a pit. How many devices of a type belong to one,
how their sites lie, and the marks that its sites carry, are proposals of our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Lie(Enum):
    """How the sites of a group lie."""

    ONE = "one"  # all its devices stand at one site
    NEAR = "near"  # one site for each device of a type, within the area
    CHAIN = "chain"  # so too, but in a line downstream, each below the one before
    GAUGES = "gauges"  # at sites that have water gauges; where there are none, ONE


@dataclass(frozen=True)
class Stand:
    """One sort of group. types: devices of each type in one, by slug. where: words of which one is in the names of the
    areas it goes to, if any area has such a name. single: an area holds one such group, however large: one river, one
    dam. step_m: least and most from one site of a chain to the next."""

    types: Mapping[str, int]
    lie: Lie = Lie.ONE
    where: tuple[str, ...] = ()
    single: bool = False
    step_m: tuple[float, float] = (600.0, 1400.0)


STANDS = (
    Stand({"pump-station": 1}, Lie.GAUGES),
    Stand({"manhole-level": 1}, Lie.GAUGES),
    Stand({"led-sign": 1}, Lie.GAUGES),
    Stand({"river-level": 3}, Lie.CHAIN, where=("河",), single=True),
    Stand({"reservoir-level": 1, "seepage-piezometer": 3, "gnss-dam": 3}, Lie.NEAR, where=("水库",), single=True),
    Stand({"tide-gauge": 1}, Lie.NEAR, where=("海口", "闸"), single=True),
    Stand({"gnss": 2, "crack-meter": 2, "tilt-accel": 2, "soil-moisture": 2}, Lie.NEAR),
    Stand({"anemometer": 2, "weather-station": 1}, Lie.NEAR),
    Stand({"methane-manhole": 3}, Lie.NEAR),
    Stand({"gas-pressure": 1, "gas-flow": 1}),
    Stand({"pipe-pressure": 3, "leak-noise": 3}, Lie.NEAR),
    Stand({"settlement": 3, "manhole-cover": 3}, Lie.NEAR),
    Stand({"sewer-level": 2}, Lie.CHAIN, single=True, step_m=(60.0, 200.0)),
    Stand({"strain": 4, "deflection": 2, "wim": 1}, where=("桥",), single=True),
    Stand({"accelerometer": 2}, Lie.NEAR, where=("桥",)),
    Stand({"gas-detector": 6, "tank-level": 1, "tank-temp": 1, "tank-pressure": 1}),
    Stand({"dust-collector": 1}),
    Stand({"confined-gas": 2}),
    Stand({"tower-crane-box": 2}, Lie.NEAR, where=("塔吊",)),
    Stand({"pit-monitor": 4}, where=("基坑",)),
    Stand({"tsp-noise": 1}),
    Stand({"air-station": 2}, Lie.NEAR, where=("空气",)),
    Stand({"water-quality": 2}, Lie.CHAIN, where=("水质",)),
    Stand({"emission": 1}),
    Stand({"smoke-independent": 6, "electrical-fire": 2, "hydrant-pressure": 1}),
    Stand({"ebike-charge": 4}, where=("充停",)),
    Stand({"people-counter": 1}, where=("人流",)),
)


@dataclass(frozen=True)
class Mark:
    """A reference level of the site where a type stands: its name, and the least and most that is drawn, in the unit
    of what the type measures, to so many decimals. shared: whether all sites of a group have the same."""

    name: str
    least: float
    most: float
    decimals: int
    shared: bool = False


MARKS = {
    "river-level": Mark("stage_warning", 1.5, 4.5, 2),  # m above the station's datum
    "reservoir-level": Mark("reservoir_flood_limit", 20.0, 60.0, 2, shared=True),  # m
    "tide-gauge": Mark("tide_warning", 2.0, 2.8, 2, shared=True),  # m
    "seepage-piezometer": Mark("seepage_head", 2.0, 20.0, 2),  # m
    "gas-pressure": Mark("outlet_pressure", 200.0, 350.0, 0),  # kPa, the set point of a medium-pressure regulator
    "tilt-accel": Mark("tilt", -2.0, 2.0, 2),  # deg
    "accelerometer": Mark("tilt", -0.5, 0.5, 2),  # deg, of a pier
    "crack-meter": Mark("crack_width", 0.5, 8.0, 1),  # mm
    "settlement": Mark("settlement", 0.0, 20.0, 1),  # mm
}
TIDE_GAUGE, TIDE_LINKED, TIDE_REACH_M = "tide-gauge", "tide_linked", 5_000.0
"""Half of the waterlogging sites within reach of a tide gauge of their zone drain into water that the tide holds up;
they carry the mark TIDE_LINKED, 1."""
