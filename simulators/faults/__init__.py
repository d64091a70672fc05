"""Faults: what goes wrong with devices, their links and what they hang on. Composable, and seeded one by one.

A fault is a change of the stream of messages of a device: it takes one message and gives none, one or several. Each
kind is a record that scenario files write (`fault: late`), and docs/scenarios.md lists them all.
"""

from simulators.faults.fault import Fault, Target, Transform, in_order
from simulators.faults.kinds import KINDS

__all__ = ["KINDS", "Fault", "Target", "Transform", "in_order"]
