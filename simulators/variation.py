"""A Variation determines how a scenario is played otherwise than its file says: the same kind of day, another day."""

from dataclasses import dataclass

import msgspec

from simulators.faults import Fault
from simulators.faults.links import Late, Lost
from simulators.scenario_file import ScenarioFile, ScenarioNode
from simulators.words import Duration, Share

DELAYED = "10%"
"""Of the messages, when a delay is asked for."""


@dataclass(frozen=True)
class Variation:
    """seed: another lot for places, weather and victims. intensity: so many times the rain, and of what courses add.
    loss: a share of all messages that never arrive, `2%`. delay: every tenth message is under way for up to so long,
    `20m`. None, and 1: as the file has it."""

    seed: int | None = None
    intensity: float = 1.0
    loss: str | None = None
    delay: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a share or time that is none."""
        for kind, given, example in ((Share, self.loss, "2%"), (Duration, self.delay, "20m")):
            try:
                msgspec.convert(given, kind | None)
            except msgspec.ValidationError:
                raise ValueError(f"{given!r} is not written as {example}") from None

    def of(self, file: ScenarioFile) -> ScenarioFile:
        """The scenario of a file, varied. Its truth is found anew from what happens then."""
        return ScenarioFile(self._node(file.node), [*file.faults, *self._faults()], file.yaml)

    def arguments(self) -> list[str]:
        """As `qianshao simulate` takes them."""
        given = {"--seed": self.seed, "--loss": self.loss, "--delay": self.delay}
        words = [word for option, value in given.items() if value is not None for word in (option, str(value))]
        return [*words, "--intensity", str(self.intensity)]

    def _node(self, node: ScenarioNode) -> ScenarioNode:
        return msgspec.structs.replace(
            node,
            seed=node.seed if self.seed is None else self.seed,
            storm=node.storm and node.storm.scaled(self.intensity),
            courses=[course.scaled(self.intensity) for course in node.courses],
        )

    def _faults(self) -> list[Fault]:
        faults: list[Fault] = []
        if self.loss is not None:
            faults.append(msgspec.convert({"fault": "lost", "name": "option-loss", "messages": self.loss}, Lost))
        if self.delay is not None:
            late = {"fault": "late", "name": "option-delay", "messages": DELAYED, "delay": ("0s", self.delay)}
            faults.append(msgspec.convert(late, Late))
        return faults
