"""Storms: rain in space and time, and the water it leaves on roads and in underpasses."""

from simulators.storms.ponding import PondingPlan
from simulators.storms.rain import CellsPlan, RainPlan
from simulators.storms.storm import Storm, StormPlan, storm_over

__all__ = ["CellsPlan", "PondingPlan", "RainPlan", "Storm", "StormPlan", "storm_over"]
