"""YAML files that remember where every value stands, so that whatever is wrong has a line, a column and a remedy.

Words mean what they look like (YAML 1.2's core schema): `on`, `no`, `12:30`, `0755` and `2023-09-07` are text, only
`true` and `false` are truth values, and `1e3` is a number.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import yaml

from city.errors import ConfigError, ConfigErrors
from city.misfits import Misfit, Place, misfits
from city.textfile import read_text

try:
    from yaml import CSafeDumper as _Dumper
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML built without libyaml: the same, slower
    from yaml import SafeDumper as _Dumper  # type: ignore[assignment]
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

T = TypeVar("T")
Mark = tuple[int, int]
"""Line and column, both from 1."""

_DECIMAL = r"(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
_CORE = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    "float": (rf"[-+]?(?:{_DECIMAL}|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)", list("-+.0123456789")),
    "merge": (r"<<", ["<"]),
}
GROWS_BY, GROWS_TO = 10, 100_000
"""So many times as much may aliases make of a file, and so much in any case."""
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _CoreLoader(_Loader):
    yaml_implicit_resolvers = {}  # noqa: RUF012  (PyYAML's own way; filled below)


class _CoreDumper(_Dumper):
    """Quotes what either schema would take for something else than text."""


for _tag, (_pattern, _first) in _CORE.items():
    for _class in (_CoreLoader, _CoreDumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


@dataclass(frozen=True)
class YamlFile(Generic[T]):
    """A file and its value. Places are tuples of keys and indices, e.g. ("rules", 0, "levels", "blue")."""

    path: Path
    value: T
    root: yaml.Node

    def mark(self, at: Place, key: bool = False) -> Mark:
        """Where the value at a place stands, or its key; the nearest thing above it when it is not in the file."""
        return _mark(self.root, at, key)

    def keys(self, at: Place) -> list[str]:
        """Keys that the file itself writes in the mapping at a place; none when there is no mapping."""
        _, node = _find(self.root, at)
        keys = [str(key.value) for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
        return list(dict.fromkeys(keys))

    def error(self, at: Place, message: str, remedy: str = "") -> ConfigError:
        """An error about the value at a place."""
        return ConfigError(self.path, *self.mark(at), message, remedy)

    def error_within(self, at: Place, offset: int, message: str, remedy: str = "") -> ConfigError:
        """An error about the character at an offset of the text at a place; about its beginning where the text has
        several lines."""
        _, node = _find(self.root, at)
        line, column = _mark_of(node)
        if isinstance(node, yaml.ScalarNode) and node.start_mark and node.start_mark.line == node.end_mark.line:
            column += offset + (node.style in ("'", '"'))
        return ConfigError(self.path, line, column, message, remedy)


def load_yaml(path: Path, type_: type[T], longest: int | None = None) -> YamlFile[T]:
    """The file converted to a type (whatever msgspec converts to, e.g. a struct or list[Struct]). longest: how many
    characters it may have at most.

    Raises ConfigErrors with everything that is wrong: length, encoding, syntax, keys given twice, aliases that make far
    more of it than stands there, each misfit with the type.
    """
    text = read_text(path)
    if longest is not None and len(text) > longest:
        remedy = f"at most {longest}: spread it over several files"
        raise ConfigErrors([ConfigError(path, 0, 0, f"the file has {len(text)} characters", remedy)])
    root = _compose(path, text)
    written, meant = _sizes(root)
    if meant > GROWS_BY * written + GROWS_TO:
        message = f"aliases (*) make {meant} values of {written}"
        raise ConfigErrors([ConfigError(path, 0, 0, message, "write out what is meant, without aliases of aliases")])
    errors = [ConfigError(path, *mark, message, remedy) for mark, message, remedy in _repeated_keys(root)]
    plain = _construct(path, root)
    try:
        errors += [_error_of(path, root, misfit) for misfit in misfits(plain, type_)]
    except RecursionError:
        errors.append(ConfigError(path, 0, 0, "an alias (*) stands inside what it refers to", "write the part out"))
    if errors:
        raise ConfigErrors(sorted(errors, key=lambda error: (error.line, error.column)))
    return YamlFile(path, msgspec.convert(plain, type_), root)


def dump_yaml(value: Any) -> str:
    """Plain data as YAML that `load_yaml` reads back: Chinese as it is, innermost lists and mappings on one line."""
    text: str = yaml.dump(
        value, Dumper=_CoreDumper, allow_unicode=True, sort_keys=False, default_flow_style=None, width=1_000_000
    )
    return text


def _compose(path: Path, text: str) -> yaml.Node:
    strange = _UNPRINTABLE.search(text)
    if strange:
        line_start = text.rfind("\n", 0, strange.start()) + 1
        place = text.count("\n", 0, strange.start()) + 1, strange.start() - line_start + 1
        raise ConfigErrors([ConfigError(path, *place, f"unprintable character {strange[0]!r}", "remove it")])
    loader = _CoreLoader(text)
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise ConfigErrors([_syntax_error(path, text, error)]) from None
    finally:
        loader.dispose()
    if root is None:
        raise ConfigErrors([ConfigError(path, 0, 0, "the file holds only comments", "fill it, or remove it")])
    return root


def _construct(path: Path, root: yaml.Node) -> Any:
    """Plain data of the node tree. Merge keys (<<) are resolved in the tree too."""
    loader = _CoreLoader("")
    try:
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise ConfigErrors([_syntax_error(path, "", error)]) from None
    except ValueError as error:  # a tag that its value does not fit, e.g. !!int x
        raise ConfigErrors([ConfigError(path, 0, 0, f"a tag does not fit its value: {error}", "remove tags")]) from None
    finally:
        loader.dispose()


def _syntax_error(path: Path, text: str, error: yaml.MarkedYAMLError) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    problem = error.problem or "YAML that cannot be read"
    if error.context and error.context_mark and error.context_mark.line < line:
        problem += f", {error.context} that begins at line {error.context_mark.line + 1}"
    lines = text.split("\n")
    here = lines[line][column : column + 1] if line < len(lines) else ""
    return ConfigError(path, line + 1, column + 1, problem, _syntax_remedy(problem, here))


_SYNTAX_REMEDIES = {
    "mapping values are not allowed": "put a text with a colon in quotes, or line the key up with its neighbours",
    "cannot start any token": "put a text that begins with this character in quotes",
    "could not find expected ':'": "each entry is `key: value`, with a plain colon and a blank, not ：",
    "unexpected end of stream": "a quote is opened and never closed",
    "expected ',' or": "a bracket is opened and never closed",
    "expected '-' indicator": "line the entries up: this one does not belong to the list above",
    "expected key": "line this up with the entries above, or look for a bracket too many",
    "comment or line break": "put a text that begins with > or | in quotes",
    "alphabetic or numeric": "put a text that begins with * or & in quotes",
    "undefined alias": "put a text that begins with * in quotes, or define the anchor above",
    "unknown escape": "use single quotes, in which a backslash is a backslash",
    "another document": "one document a file: remove the line ---",
    "constructor for the tag": "remove the tag: the word that begins with !",
    "unhashable": "a key must be a word: put it in quotes",
}


def _syntax_remedy(problem: str, here: str) -> str:
    if here == "\t":
        return "indent with blanks, not with tabs"
    return next((remedy for part, remedy in _SYNTAX_REMEDIES.items() if part in problem), "see the lines above it")


def _repeated_keys(root: yaml.Node) -> Iterator[tuple[Mark, str, str]]:
    for node in _nodes(root):
        first: dict[str, yaml.Node] = {}
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else []:
            name = str(key.value)
            if name in first and name != "<<":
                at = _mark_of(first[name])
                yield _mark_of(key), f"key {name!r} is given twice, first at line {at[0]}", "keep one of them"
            first.setdefault(name, key)


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Every node once, those that aliases share as well."""
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        yield node
        for child in _children(node):
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _sizes(root: yaml.Node) -> tuple[int, int]:
    """How many values stand in a tree, and how many it means with all aliases followed. No recursion: files may nest as
    deep as they like, and an alias may stand inside what it refers to."""
    meant: dict[int, int] = {}
    open_: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting[-1]
        children = _children(node)
        unknown = [child for child in children if id(child) not in meant and id(child) not in open_]
        if unknown and id(node) not in open_:
            open_.add(id(node))
            waiting += unknown
        else:
            meant.setdefault(id(node), 1 + sum(meant.get(id(child), 0) for child in children))
            waiting.pop()
    return len(meant), meant[id(root)]


def _error_of(path: Path, root: yaml.Node, misfit: Misfit) -> ConfigError:
    return ConfigError(path, *_mark(root, misfit.place, misfit.at_key), misfit.message, misfit.remedy)


def _mark(root: yaml.Node, at: Place, key: bool) -> Mark:
    key_node, node = _find(root, at)
    return _mark_of(key_node if key and key_node is not None else node)


def _mark_of(node: yaml.Node) -> Mark:
    return (node.start_mark.line + 1, node.start_mark.column + 1) if node.start_mark else (0, 0)


def _find(root: yaml.Node, at: Place) -> tuple[yaml.Node | None, yaml.Node]:
    """The key node (None in a list) and the value node at a place, or of the nearest place above it."""
    key_node, node = None, root
    for part in at:
        if isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if str(pair[0].value) == str(part)][-1:]  # own keys follow merged ones
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = [(None, node.value[part])]
        else:
            found = []
        if not found:
            break
        key_node, node = found[0]
    return key_node, node
