"""Storms: rain in space and time, the water it leaves on roads and in underpasses, and how rivers rise."""

from simulators.storms.ponding import PondingPlan
from simulators.storms.rain import CellsPlan, RainPlan
from simulators.storms.rivers import RiverPlan
from simulators.storms.storm import Storm, StormPlan, storm_over

__all__ = ["CellsPlan", "PondingPlan", "RainPlan", "RiverPlan", "Storm", "StormPlan", "storm_over"]
