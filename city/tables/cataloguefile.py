"""catalogue.yaml: a city's catalogue, whole, or as it differs from that of a city that comes with the program."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from city.catalogue import Catalogue, DeviceType, Domain, Indicator, RiskClass
from city.errors import ConfigError, ConfigErrors
from city.misfits import nearest
from city.tables.packs import CATALOGUE_FILE, PACKS, shipped_packs
from city.yamlfile import YamlFile, load_yaml


class CatalogueFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lists of a catalogue. `like`: a city that comes with the program, whose catalogue this one is; what is
    listed here joins it, or takes the place of what has the same key there. Without it, every list is here."""

    like: str | None = None
    domains: list[Domain] = []
    classes: list[RiskClass] = []
    device_types: list[DeviceType] = []
    indicators: list[Indicator] = []


LISTS = tuple(field.name for field in msgspec.structs.fields(Catalogue))


def read_catalogue(path: Path) -> tuple[Catalogue, YamlFile[CatalogueFile]]:
    """The catalogue that a file describes, and the file itself.

    Raises ConfigErrors with everything that is wrong with it: see `load_yaml`; lists that are missing, keys that
    stand twice, a city to be like that is not there.
    """
    file = load_yaml(path, CatalogueFile)
    base, errors = _base_of(file)
    errors += _repeated_keys(file)
    if errors:
        raise ConfigErrors(errors)
    return _joined(base, file.value), file


def catalogue_keys(catalogue: Catalogue | CatalogueFile) -> dict[str, Sequence[str]]:
    """Keys of the catalogue's lists, as `City.problems` names them."""
    return {
        "domains": [domain.slug for domain in catalogue.domains],
        "classes": [risk_class.slug for risk_class in catalogue.classes],
        "device_types": [device_type.slug for device_type in catalogue.device_types],
        "indicators": [f"{i.risk_class}/{i.id}" for i in catalogue.indicators],
    }


def _base_of(file: YamlFile[CatalogueFile]) -> tuple[CatalogueFile, list[ConfigError]]:
    """The catalogue that a file is like, an empty one if like none, and what is wrong with that."""
    like, names, none = file.value.like, shipped_packs(), CatalogueFile()
    if like is None:
        missing = [name for name in LISTS if name not in file.keys(())]
        remedy = f"add it, or say which catalogue it is like: one of {', '.join(names)}"
        return none, [file.error((), f"field {name!r} is missing", remedy) for name in missing]
    if like not in names:
        return none, [file.error(("like",), f"no city {like!r} comes with us", nearest(like, names))]
    base = load_yaml(PACKS / like / CATALOGUE_FILE, CatalogueFile).value
    if base.like is not None:
        message = f"the catalogue of {like} is itself like another"
        return none, [file.error(("like",), message, f"write {base.like}")]
    return base, []


def _repeated_keys(file: YamlFile[CatalogueFile]) -> Iterator[ConfigError]:
    for name, keys in catalogue_keys(file.value).items():
        for i, key in enumerate(keys):
            if key in keys[:i]:
                yield file.error((name, i), f"{name} has {key!r} twice", "keep one of them")


def _joined(base: CatalogueFile, own: CatalogueFile) -> Catalogue:
    of_base, of_own = catalogue_keys(base), catalogue_keys(own)
    lists: dict[str, list[Any]] = {}
    for name in LISTS:
        there = dict(zip(of_base[name], getattr(base, name), strict=True))
        here = dict(zip(of_own[name], getattr(own, name), strict=True))
        lists[name] = list({**there, **here}.values())
    return Catalogue(**lists)
