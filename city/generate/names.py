"""Ids in rows: BA-WL-0001, BA-WL-0002, … going on after the highest that the city already has."""

import re
from collections.abc import Iterable

_ORDINAL = re.compile(r"(.*?)(\d+)")


class Names:
    """Gives out ids that nobody has. `taken` are all ids there are."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._last: dict[str, int] = {}
        for name in taken:
            match = _ORDINAL.fullmatch(name)
            if match:
                self._last[match[1]] = max(self._last.get(match[1], 0), int(match[2]))

    def width(self, stem: str, count: int, least: int) -> int:
        """Digits that keep the next `count` ids with a stem equally wide, `least` or more."""
        return max(least, len(str(self._last.get(stem, 0) + count)))

    def take(self, stem: str, count: int, width: int) -> list[str]:
        """The next `count` ids that begin with a stem, their number padded to `width` digits."""
        first = self._last.get(stem, 0) + 1
        self._last[stem] = first + count - 1
        return [f"{stem}{i:0{width}d}" for i in range(first, first + count)]
