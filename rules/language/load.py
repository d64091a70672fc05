"""Reading a pack: YAML to meaning, every mistake with its place and remedy."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from city.catalogue import Catalogue
from city.errors import ConfigError, ConfigErrors
from city.misfits import nearest
from city.yamlfile import YamlFile, load_yaml
from rules.language.clashes import clashes
from rules.language.cycles import cycles, with_basis
from rules.language.pack import AbsenceRule, Derivation, LevelRule, Pack, ParentRule, Rule
from rules.language.reader import Reader
from rules.language.schema import PackFile, RulesFile
from rules.language.vocabulary import vocabulary_of

PACK_FILE = "pack.yaml"
LONGEST = 256 * 1024
"""Characters of a file of rules or tests: a hundred times what a class needs."""
T = TypeVar("T")


def load_pack(folder: Path, catalogue: Catalogue) -> Pack:
    """The pack in a folder, checked against a catalogue. Raises ConfigErrors with everything that is wrong."""
    errors = list(_misnamed(folder))
    head = _load(folder / PACK_FILE, PackFile, errors)
    errors += _unlike(folder, head)
    paths = rules_paths(folder, head.value.like if head else None)
    files = [file for path in paths if (file := _load(path, RulesFile, errors)) is not None]
    rules: list[Rule] = []
    parents: list[ParentRule] = []
    derivations: list[Derivation] = []
    vocabulary = vocabulary_of(files, catalogue)
    for file in files:
        reader = Reader(file, vocabulary)
        derivations += reader.derivations()
        rules += reader.rules()
        parents += reader.parents()
        errors += reader.errors
    errors += clashes(files)
    errors += cycles(files, derivations, rules)
    if not paths and head is not None:
        errors.append(ConfigError(folder, 0, 0, "the pack has no rules", "add a rules file beside pack.yaml"))
    if errors or head is None:
        raise ConfigErrors(sorted(errors, key=lambda error: (error.file, error.line, error.column)))
    return Pack(
        name=head.value.pack,
        version=head.value.version,
        title=head.value.title,
        levels=with_basis([rule for rule in rules if isinstance(rule, LevelRule)], derivations),
        absences=tuple(rule for rule in rules if isinstance(rule, AbsenceRule)),
        parents=tuple(parents),
        derivations=tuple(derivations),
    )


def rules_paths(folder: Path, like: str | None = None) -> list[Path]:
    """The files that hold a pack's rules, in order of their names: its own, and those of the pack that it is `like`
    whose names it does not have."""
    found = {} if like is None else {path.name: path for path in (folder.parent / like).glob("*.yaml")}
    found |= {path.name: path for path in folder.glob("*.yaml")}
    return [path for name, path in sorted(found.items()) if name != PACK_FILE]


def pack_paths(folder: Path) -> list[Path]:
    """The same of a pack that loads."""
    return rules_paths(folder, load_yaml(folder / PACK_FILE, PackFile).value.like)


def _unlike(folder: Path, head: YamlFile[PackFile] | None) -> Iterator[ConfigError]:
    """A pack that is like none that there is, or like one that is like another."""
    like = head.value.like if head else None
    if head is None or like is None:
        return
    packs = sorted(path.parent.name for path in folder.parent.glob(f"*/{PACK_FILE}") if path.parent != folder)
    if like not in packs:
        yield head.error(("like",), f"no pack {like!r} lies beside this one", nearest(like, packs))
    elif load_yaml(folder.parent / like / PACK_FILE, PackFile).value.like is not None:
        yield head.error(("like",), f"{like} is itself like another pack", "be like the pack that stands alone")


def _load(path: Path, type_: type[T], errors: list[ConfigError]) -> YamlFile[T] | None:
    """The file, or None and what is wrong with it in `errors`."""
    try:
        return load_yaml(path, type_, LONGEST)
    except ConfigErrors as wrong:
        errors += wrong.errors
        return None


def _misnamed(folder: Path) -> Iterator[ConfigError]:
    """Files that look like rules and would never be read."""
    for path in sorted(folder.glob("*.yml")):
        yield ConfigError(path, 0, 0, "a rules file's name ends in .yaml", f"rename it to {path.stem}.yaml")
