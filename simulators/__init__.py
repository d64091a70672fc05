"""A made-up city in motion: fleets that send as devices do, storms, faults, scenarios with their truth, a score."""
