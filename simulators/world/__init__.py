"""The world: what is truly there for stations to measure. Weather and courses move it; no device is asked."""

from simulators.world.calm import CALM, Calm
from simulators.world.courses import Course, CoursePlan, courses_of
from simulators.world.world import World, value_at

__all__ = ["CALM", "Calm", "Course", "CoursePlan", "World", "courses_of", "value_at"]
