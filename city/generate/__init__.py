"""Made-up parts of a city, always the same for the same seed: communities, grids and officers; fleets of any size.

Whatever is made here is marked illustrative and has neutral names: it claims nothing about real places.
"""

from city.generate.administration import Administration, AdministrationPlan, administration
from city.generate.fleet import generate_fleet
from city.generate.request import FleetRequest

__all__ = ["Administration", "AdministrationPlan", "FleetRequest", "administration", "generate_fleet"]
