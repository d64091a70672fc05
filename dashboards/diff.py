"""What tells two boards from each other, when what Grafana adds by itself is left out."""

from collections.abc import Iterator
from typing import Any

OWN = ("id", "version", "iteration", "gnetId", "schemaVersion", "pluginVersion")
"""Names that Grafana counts or fills in, anywhere."""
EMPTY: tuple[Any, ...] = (None, "", [], {}, False, 0)
"""Values that say as much as none: Grafana leaves some out and writes others in."""

SHOWN, BEFORE = 120, 30
"""Letters of a value that are shown, and of those before two texts part."""


def normal(value: Any, top: bool = True) -> Any:
    """A board without what Grafana adds, and without what says nothing."""
    if isinstance(value, dict):
        kept = {name: normal(inner, False) for name, inner in value.items() if not _own(name, top)}
        return {name: inner for name, inner in kept.items() if not _empty(inner)}
    if isinstance(value, list):
        return [normal(inner, False) for inner in value]
    return value


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Lines that say where two normal values differ: `path: this -> that`."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other}):
            yield from differences(one.get(name), other.get(name), f"{path}.{name}" if path else name)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (here, there) in enumerate(zip(one, other, strict=True)):
            yield from differences(here, there, f"{path}[{_called(here, index)}]")
    elif one != other or isinstance(one, bool) != isinstance(other, bool):
        here, there = _where_they_part(one, other)
        yield f"{path}: {_short(here)} -> {_short(there)}"


def _own(name: str, top: bool) -> bool:
    """A panel's id is ours; the board's is Grafana's."""
    return name in OWN and (top or name != "id")


def _empty(value: Any) -> bool:
    return any(value is empty or (value == empty and type(value) is type(empty)) for empty in EMPTY)


def _called(item: Any, index: int) -> str:
    """A panel by its title: people know it by that."""
    return str(item.get("title") or item.get("name") or index) if isinstance(item, dict) else str(index)


def _where_they_part(one: Any, other: Any) -> tuple[Any, Any]:
    """Two long texts from shortly before the first difference on; anything else as it is."""
    if not (isinstance(one, str) and isinstance(other, str)) or max(len(one), len(other)) <= SHOWN:
        return one, other
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, same - BEFORE)
    return f"...{one[start:]}" if start else one, f"...{other[start:]}" if start else other


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
