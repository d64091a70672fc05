"""Why plain data does not fit a type: every reason at once, each with its path, in words for whoever wrote the data.

msgspec stops at the first reason and does not say which entry of a mapping it means; this walks on.
"""

import difflib
import re
import types
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

Place = tuple[str | int, ...]
"""Keys and indices from the top of a document down to a value."""

_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
    "date": "a date",
    "datetime": "a time",
}


@dataclass(frozen=True)
class Misfit:
    """One reason. `at_key`: the last key of the place is wrong, rather than the value under it."""

    place: Place
    message: str
    remedy: str = ""
    at_key: bool = False


MOST_NAMES = 40


def misfits(value: Any, type_: Any, strict: bool = True, place: Place = ()) -> list[Misfit]:
    """Every reason why `msgspec.convert(value, type_, strict=strict)` fails, in reading order; empty when it works."""
    try:
        msgspec.convert(value, type_, strict=strict)
    except msgspec.ValidationError as error:
        return list(_inside(value, type_, strict, place)) or [_leaf(value, type_, str(error), place)]
    return []


def nearest(word: str, known: Collection[str]) -> str:
    """A remedy for a misspelt word: the nearest known one, or all of them when none is near."""
    names = sorted(known) if isinstance(known, frozenset) else list(known)
    near = difflib.get_close_matches(word, names, 1, 0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"one of {', '.join(names[:MOST_NAMES])}" + (f", … ({len(names)} in all)" if len(names) > MOST_NAMES else "")


def alternatives(type_: Any) -> tuple[Any, ...]:
    """The members of a union, or the type alone, without annotations."""
    if get_origin(type_) is Annotated:
        return alternatives(get_args(type_)[0])
    if get_origin(type_) in (Union, types.UnionType):
        return tuple(member for part in get_args(type_) for member in alternatives(part))
    return (type_,)


def _inside(value: Any, type_: Any, strict: bool, place: Place) -> Iterator[Misfit]:
    """Reasons that lie deeper than this value, and keys of it that should not be or are lacking."""
    for kind in alternatives(type_):
        origin = get_origin(kind) or kind
        if isinstance(value, dict) and isinstance(origin, type) and issubclass(origin, msgspec.Struct):
            yield from _in_struct(value, origin, strict, place)
        elif isinstance(value, dict) and origin is dict:
            key_type, value_type = get_args(kind) or (Any, Any)
            for key, item in value.items():
                yield from (_as_key(m) for m in misfits(key, key_type, strict, (*place, key)))
                yield from misfits(item, value_type, strict, (*place, key))
        elif isinstance(value, list) and origin in (list, tuple, set, frozenset):
            item_type = (get_args(kind) or (Any,))[0]
            for i, item in enumerate(value):
                yield from misfits(item, item_type, strict, (*place, i))


def _in_struct(value: dict[Any, Any], struct: type[msgspec.Struct], strict: bool, place: Place) -> Iterator[Misfit]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for key, item in value.items():
        if key in fields:
            yield from misfits(item, fields[key].type, strict, (*place, key))
        elif struct.__struct_config__.forbid_unknown_fields:
            yield Misfit((*place, key), f"unknown field {key!r}", _unknown_remedy(key, item, list(fields)), True)
    for name, field in fields.items():
        if field.required and name not in value:
            yield Misfit(place, f"field {name!r} is missing", "add it")


def _unknown_remedy(key: Any, item: Any, known: list[str]) -> str:
    if item is None and not str(key).isidentifier():
        return "put the text before it in quotes: inside {…} and […] a comma ends a text"
    return nearest(str(key), known)


def _as_key(misfit: Misfit) -> Misfit:
    return Misfit(misfit.place, misfit.message, misfit.remedy, at_key=True)


def _leaf(value: Any, type_: Any, reason: str, place: Place) -> Misfit:
    shown = "empty" if value is None else f"{value!r:.80}"
    return Misfit(
        place, f"{_name(place)} is {shown}: {_plain(reason)}", _leaf_remedy(value, alternatives(type_), reason)
    )


def _name(place: Place) -> str:
    """What people call a place: its last key, with the indices after it."""
    name = ""
    for part in place:
        name = f"{name}[{part}]" if isinstance(part, int) else part
    return name or "the file"


def _plain(reason: str) -> str:
    """msgspec's reason in words that are not Python's."""
    reason = reason[:1].lower() + reason[1:]
    return re.sub(r"`([^`]+)`", lambda m: " or ".join(_WORDS.get(w, w) for w in m[1].split(" | ")), reason)


def _leaf_remedy(value: Any, kinds: tuple[Any, ...], reason: str) -> str:
    choices = [str(choice) for kind in kinds for choice in _choices(kind)]
    if isinstance(value, str):
        if "：" in value:
            return "write a plain colon and a blank (: ) in place of ："
        if choices:
            return nearest(value, choices)
        if date in kinds:
            return "write it as 2023-09-07"
        if bool in kinds:
            return "write true or false"
        if "got `str`" in reason and (int in kinds or float in kinds):
            return "write digits only, with a point for the fraction"
    elif str in kinds and isinstance(value, (int, float)):
        return f"put it in quotes: '{value}'"
    elif str in kinds and isinstance(value, dict):
        return "if it is one text, put it in quotes: a colon and a blank make a mapping of it"
    return f"one of {', '.join(choices)}" if choices else ""


def _choices(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) is Literal:
        return get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(member.value for member in kind)
    return ()
