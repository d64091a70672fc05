"""A city as a folder: `city.yaml`, `catalogue.yaml`, and a CSV or YAML file for each table of the registry.

catalogue.yaml may say which city's it is `like`, and hold only what differs. A table that has no file is empty. In CSV
an empty cell is an absent field, a list is written `a;b` and a mapping `water_depth=12;tide=0.3`; columns may stand in
any order. What is written reads back equal, in either format.
"""

from city.tables.folder import overlay, read_city, write_city, write_tables
from city.tables.packs import shipped_pack
from city.tables.rows import TABLES

__all__ = ["TABLES", "overlay", "read_city", "shipped_pack", "write_city", "write_tables"]
