"""The cities that come with the program."""

from pathlib import Path

from city.errors import ConfigError, ConfigErrors
from city.misfits import nearest

PACKS = Path(__file__).parent.parent / "packs"
CITY_FILE, CATALOGUE_FILE = "city.yaml", "catalogue.yaml"


def shipped_packs() -> list[str]:
    """Names of the cities that come with the program."""
    return sorted(folder.name for folder in PACKS.iterdir() if (folder / CITY_FILE).is_file())


def shipped_pack(name: str) -> Path:
    """Folder of a city that comes with the program, e.g. "baoan". Raises ConfigErrors when there is none."""
    names = shipped_packs()
    if name not in names:
        raise ConfigErrors([ConfigError(PACKS / name, 0, 0, f"no city {name!r} comes with us", nearest(name, names))])
    return PACKS / name
