"""The truth: which incidents should follow from what a scenario really does, and which must not."""

from simulators.truth.expected import Demand, Expected
from simulators.truth.plan import TruthPlan

__all__ = ["Demand", "Expected", "TruthPlan"]
