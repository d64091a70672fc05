"""Fleets: how devices of the three feeds behave when nothing is wrong with them."""

from simulators.fleets.surroundings import Behaviour, Outage, Surroundings, Voices
from simulators.fleets.types import messages_of

__all__ = ["Behaviour", "Outage", "Surroundings", "Voices", "messages_of"]
