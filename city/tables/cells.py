"""One cell of a CSV table: a value as text, and back."""

from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Any, get_origin

import msgspec

ITEM, PAIR = ";", "="


def parsers(record: type[msgspec.Struct]) -> dict[str, Callable[[str], Any]]:
    """Columns of a record that hold a list or a mapping, with what reads their cells."""
    by_kind = {list: _parse_list, dict: _parse_dict}
    kinds = {field.name: get_origin(field.type) for field in msgspec.structs.fields(record)}
    return {name: by_kind[kind] for name, kind in kinds.items() if kind in by_kind}


def _parse_list(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(ITEM) if part.strip()]


def _parse_dict(cell: str) -> dict[str, str]:
    """ValueError says which part is not `name=number`, or which name comes twice."""
    pairs: dict[str, str] = {}
    for part in _parse_list(cell):
        name, equals, value = part.partition(PAIR)
        if not equals:
            raise ValueError(f"{part!r} is not written name=number")
        if name.strip() in pairs:
            raise ValueError(f"{name.strip()!r} is given twice")
        pairs[name.strip()] = value.strip()
    return pairs


def cell_of(value: Any) -> str:
    """The cell of a field's value. ValueError when a CSV cell cannot hold it so that it reads back the same."""
    if isinstance(value, str):
        return _cell_of_text(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, list):
        return ITEM.join(_part(item, ITEM) for item in value)
    if isinstance(value, dict):
        return ITEM.join(f"{_part(name, ITEM + PAIR)}{PAIR}{cell_of(item)}" for name, item in value.items())
    return str(value)


def _cell_of_text(text: str) -> str:
    if text == "" or "\r" in text:
        raise ValueError(f"a CSV cell cannot hold the text {text!r}; write YAML")
    return text


def _part(text: str, reserved: str) -> str:
    if text != text.strip() or not text or any(char in text for char in reserved + "\r"):
        raise ValueError(f"a list or mapping in a CSV cell cannot hold {text!r}; write YAML")
    return text
