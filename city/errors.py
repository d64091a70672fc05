"""What can go wrong, by what the user can do about it.

QianshaoError
├── ConfigError    a file the user wrote is wrong: mend it at file:line:column
├── SettingError   a setting does not fit what it finds: change the setting
├── ContractError  a message breaks the contract: it goes to the dead letters with its reason
└── Unavailable    something we depend on cannot be reached: wait, or start it
"""

from dataclasses import dataclass
from pathlib import Path


class QianshaoError(Exception):
    """Base of every error this program raises on purpose."""


@dataclass
class ConfigError(QianshaoError):
    """A file is wrong at one place. `line` and `column` count from 1; 0 means the whole file."""

    file: Path
    line: int
    column: int
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)
        return f"{where}: {self.message}" + (f" ({self.remedy})" if self.remedy else "")


@dataclass
class ConfigErrors(QianshaoError):
    """Everything that is wrong with a set of files, in reading order."""

    errors: list[ConfigError]

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


@dataclass
class SettingError(QianshaoError):
    """A setting does not fit what it finds. `setting`: its dotted name."""

    setting: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.message} ({self.remedy})"


@dataclass
class ContractError(QianshaoError):
    """A message that devices must not send. `reason` is one of the dead-letter reasons of docs/mqtt.md."""

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


@dataclass
class Unavailable(QianshaoError):
    """A dependency that does not answer. `dependency` names it and its address."""

    dependency: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.dependency} does not answer" + (f": {self.detail}" if self.detail else "")
