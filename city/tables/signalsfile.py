"""signals.yaml: what upstream sources' words mean in a city, checked against its catalogue."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from city.catalogue import COMMON, Catalogue
from city.errors import ConfigError, ConfigErrors
from city.levels import Level
from city.misfits import Place, nearest
from city.signals import NO_SIGNALS, SignalTable, plain_word
from city.yamlfile import YamlFile, load_yaml

SIGNALS_FILE = "signals.yaml"
SIGNAL_FEED = "signal"


def read_signals(path: Path, catalogue: Catalogue) -> SignalTable:
    """The table that a file describes; an empty one where there is no file. Raises ConfigErrors."""
    if not path.exists():
        return NO_SIGNALS
    file = load_yaml(path, SignalTable)
    errors = [*_source_errors(file, catalogue), *_report_errors(file, catalogue)]
    if errors:
        raise ConfigErrors(sorted(errors, key=lambda error: (error.line, error.column)))
    return file.value


def _source_errors(file: YamlFile[SignalTable], catalogue: Catalogue) -> Iterator[ConfigError]:
    types = [t.slug for t in catalogue.device_types if t.feed == SIGNAL_FEED]
    for i, source in enumerate(file.value.sources):
        at: Place = ("sources", i)
        if source.type not in types:
            message = f"the catalogue has no device type {source.type!r} of the feed {SIGNAL_FEED}"
            yield file.error((*at, "type"), message, nearest(source.type, types))
        if source.type in [other.type for other in file.value.sources[:i]]:
            yield file.error((*at, "type"), f"{source.type} stands further up", "put its events together")
        for j, event in enumerate(source.events):
            for part, most in ((f"{event.kind}_told", float(Level.RED)), (f"{event.kind}_valid", 1.0)):
                yield from _unknown(file, (*at, "events", j, "kind"), catalogue, part, most)
        named = enumerate(source.events)
        yield from _repeated(
            file, [((*at, "events", j, "words", k), w) for j, e in named for k, w in enumerate(e.words)]
        )
        for j, event in enumerate(source.events):
            yield from _repeated(file, [((*at, "events", j, "levels", word), word) for word in event.levels])


def _report_errors(file: YamlFile[SignalTable], catalogue: Catalogue) -> Iterator[ConfigError]:
    classes = [c.slug for c in catalogue.classes]
    for i, witness in enumerate(file.value.reports):
        at: Place = ("reports", i)
        yield from _unknown(file, (*at, "indicator"), catalogue, witness.indicator, 1.0)
        for j, slug in enumerate(witness.classes):
            if slug not in classes:
                yield file.error((*at, "classes", j), f"there is no class {slug!r}", nearest(slug, classes))
    words = [(("reports", i, "words", k), w) for i, r in enumerate(file.value.reports) for k, w in enumerate(r.words)]
    yield from _repeated(file, words)


def _unknown(
    file: YamlFile[SignalTable], at: Place, catalogue: Catalogue, indicator: str, most: float
) -> Iterator[ConfigError]:
    """An indicator that is not among those that any device may have, or cannot be as much as `most`."""
    known = {i.id: i for i in catalogue.indicators if i.risk_class == COMMON}
    if indicator not in known:
        yield file.error(at, f"no common indicator is called {indicator!r}", nearest(indicator, list(known)))
    elif known[indicator].valid_max < most:
        yield file.error(at, f"{indicator} can be no more than {known[indicator].valid_max:g}", "raise its valid_max")


def _repeated(file: YamlFile[SignalTable], words: Iterable[tuple[Place, str]]) -> Iterator[ConfigError]:
    seen: set[str] = set()
    for at, word in words:
        if plain_word(word) in seen:
            yield file.error(at, f"{word!r} stands twice", "one word means one thing")
        seen.add(plain_word(word))
