"""The shape of rule files, before they are given meaning. docs/rules.md, clauses 1 and 9, explain each key."""

from typing import Literal

import msgspec

Scalar = str | int | float
Colour = Literal["blue", "yellow", "orange", "red"]
COLOURS: tuple[Colour, ...] = ("blue", "yellow", "orange", "red")
Gathering = Literal["area", "device", "site", "street", "zone", "gateway", "power", "network", "platform"]
Per = Literal["device", "site", "area", "street", "zone"]


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


class PromoteNode(_Node, frozen=True):
    when: str
    by: int | None = None
    to: Colour | None = None


class CapNode(_Node, frozen=True):
    when: str
    level: Colour


class OtherwiseNode(_Node, frozen=True, rename={"duration": "for"}):
    cap: Colour
    duration: Scalar | None = None
    then: Colour | None = None


class ConfirmNode(_Node, frozen=True):
    otherwise: OtherwiseNode
    any: list[str] | None = None
    all: list[str] | None = None


class OverrideNode(_Node, frozen=True):
    levels: dict[Colour, Scalar]
    source: str
    sites: list[str] = []
    areas: list[str] = []


class RuleNode(_Node, frozen=True):
    id: str
    title: str
    source: str
    clear: ClearNode
    confidence: Literal["low", "med", "high"] = "low"
    nature: Literal["hazard", "device"] = "hazard"
    per: Per = "device"
    device_types: list[str] | None = None
    indicator: str | None = None
    direction: Literal["high", "low"] = "high"
    levels: dict[Colour, Scalar] | None = None
    conditions: dict[Colour, str] | None = None
    when: str | None = None
    hold: Scalar | dict[Colour, Scalar] = "0s"
    evidence: EvidenceNode | None = None
    step: Literal["quarantine", "ignore"] = "quarantine"
    promote: list[PromoteNode] = []
    cap: list[CapNode] = []
    confirm: ConfirmNode | None = None
    overrides: list[OverrideNode] = []
    actions: dict[Colour, list[str]] = {}
    absence: AbsenceNode | None = None
    group: Gathering | None = None
    cause: str | None = None


class DeriveNode(_Node, frozen=True):
    indicator: str
    value: str
    per: Per = "device"
    unit: str | None = None
    device_types: list[str] | None = None


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
    derive: list[DeriveNode] = []
    rules: list[RuleNode] = []
    parents: list[ParentNode] = []


class PackFile(_Node, frozen=True):
    """like: folder name of a pack beside this one whose files hold here too, unless one here has the same name."""

    pack: str
    version: str
    title: str
    like: str | None = None
