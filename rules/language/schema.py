"""The shape of rule files, before they are given meaning. docs/rules.md, clause 1, explains each key."""

from typing import Literal

import msgspec

Scalar = str | int | float
Colour = Literal["blue", "yellow", "orange", "red"]
COLOURS: tuple[Colour, ...] = ("blue", "yellow", "orange", "red")
Gathering = Literal["area", "device", "gateway", "power", "network", "platform"]


class _Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class EvidenceNode(_Node, frozen=True):
    max_gap: Scalar
    min_samples: int = 1


class ClearNode(_Node, frozen=True, rename={"duration": "for"}):
    duration: Scalar
    margin: Scalar = 0


class AbsenceNode(_Node, frozen=True):
    of: Literal["any"] | list[str]
    levels: dict[Colour, Scalar]


class RuleNode(_Node, frozen=True):
    id: str
    title: str
    source: str
    clear: ClearNode
    nature: Literal["hazard", "device"] = "hazard"
    device_types: list[str] | None = None
    indicator: str | None = None
    direction: Literal["high", "low"] = "high"
    levels: dict[Colour, Scalar] | None = None
    hold: Scalar | dict[Colour, Scalar] = "0s"
    evidence: EvidenceNode | None = None
    step: Literal["quarantine", "ignore"] = "quarantine"
    absence: AbsenceNode | None = None
    group: Gathering | None = None
    cause: str | None = None


class ParentNode(_Node, frozen=True):
    kind: Literal["gateway", "power", "network", "platform"]
    title: str
    level: Colour
    silent: Scalar
    at_least: int
    clear: ClearNode
    source: str
    points: int | None = None


class RulesFile(_Node, frozen=True, rename={"risk_class": "class"}):
    risk_class: str | None = None
    classes: list[str] | None = None
    rules: list[RuleNode] = []
    parents: list[ParentNode] = []


class PackFile(_Node, frozen=True):
    pack: str
    version: str
    title: str
