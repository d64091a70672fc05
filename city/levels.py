"""The four colours 蓝黄橙红 = IV/III/II/I, and none below them."""

from enum import IntEnum


class Level(IntEnum):
    NONE = 0
    BLUE = 1
    YELLOW = 2
    ORANGE = 3
    RED = 4

    @property
    def slug(self) -> str:
        return self.name.lower()

    @property
    def zh(self) -> str:
        return ("正常", "蓝色", "黄色", "橙色", "红色")[self]

    @classmethod
    def of(cls, slug: str) -> "Level":
        """Level of a word as written in rules and scenarios. KeyError when it is none of the five."""
        return cls[slug.upper()]


LEVELS = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)
