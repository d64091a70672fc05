"""The city and the rules that the settings name."""

from city.city import City
from city.lasting import lasting
from city.tables import overlay, read_city
from qianshao.settings import Settings
from rules.language.load import load_pack
from rules.language.pack import Pack


def load_city(settings: Settings) -> City:
    """The city, with the fleet laid over it where one is set. Raises ConfigErrors."""
    with lasting():
        city = read_city(settings.city)
        return city if settings.fleet is None else overlay(city, settings.fleet)


def load_rules(settings: Settings, city: City) -> Pack:
    """The rule pack, checked against the city's catalogue. Raises ConfigErrors."""
    return load_pack(settings.rules, city.catalogue)
