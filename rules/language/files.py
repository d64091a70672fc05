"""The files of a pack as texts: to be kept elsewhere, put back, and loaded from there."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from city.catalogue import Catalogue
from city.errors import ConfigError, ConfigErrors
from city.yamlfile import load_yaml
from rules.language.load import PACK_FILE, load_pack, rules_paths
from rules.language.pack import Pack
from rules.language.schema import PackFile

TESTS = "tests"
_FOLDER = re.compile(r"\w[\w.-]*")


def pack_files(folder: Path) -> dict[str, str]:
    """Texts by path below a folder of packs: of the pack in `folder`, tests included, below its name; and of the one
    that it is like, what holds here. Raises ConfigErrors when they could not be put back."""
    head = load_yaml(folder / PACK_FILE, PackFile)
    name, like = head.value.pack, head.value.like
    if not _FOLDER.fullmatch(name) or name == like:
        wrong = f"files of a pack {name!r} cannot be kept in a folder of that name"
        raise ConfigErrors([head.error(("pack",), wrong, "letters, digits, - and _, and not what it is like")])
    own = [folder / PACK_FILE, *rules_paths(folder), *sorted((folder / TESTS).glob("*.yaml"))]
    files = {f"{name}/{path.relative_to(folder).as_posix()}": _text(path) for path in own}
    if like is not None:
        lent = [folder.parent / like / PACK_FILE, *(p for p in rules_paths(folder, like) if p.parent != folder)]
        files |= {f"{like}/{path.name}": _text(path) for path in lent}
    return files


def put_back(files: Mapping[str, str], folder: Path) -> list[Path]:
    """Write files below a folder. Returns where they are. Raises ConfigErrors when one is there already, and writes
    nothing then."""
    paths = {folder.joinpath(*_parts(name)): text for name, text in files.items()}
    there = [ConfigError(path, 0, 0, "is there already", "name an empty folder") for path in paths if path.exists()]
    if there:
        raise ConfigErrors(there)
    for path, text in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return list(paths)


def load_files(files: Mapping[str, str], name: str, catalogue: Catalogue) -> Pack:
    """The pack of that name among files, checked against a catalogue. Raises ConfigErrors, whose places are below the
    folder of packs."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        put_back(files, folder)
        try:
            return load_pack(folder / name, catalogue)
        except ConfigErrors as wrong:
            raise ConfigErrors(list(_below(wrong.errors, folder))) from None


def _below(errors: list[ConfigError], folder: Path) -> Iterator[ConfigError]:
    for error in errors:
        yield replace(error, file=error.file.relative_to(folder))


def _text(path: Path) -> str:
    """As it is: line ends too."""
    return path.read_bytes().decode()


def _parts(name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name).parts
    if not all(_FOLDER.fullmatch(part) for part in parts):
        raise ConfigErrors([ConfigError(Path(name), 0, 0, "is no place below a folder", "publish it again")])
    return parts
