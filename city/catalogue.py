"""What is watched: domains, risk classes, device types and indicators with their units and plausible ranges."""

from typing import Annotated

import msgspec

from city.registry import Record

COMMON = "common"
"""The pseudo-class of indicators that any device may have: beat, link, clock offset, refused messages."""
LATE_S, LATEST_S = 600, 31 * 86_400


class Domain(Record, frozen=True):
    """风险领域."""

    slug: str
    name: str


class RiskClass(Record, frozen=True):
    """风险区域类. `lead` and `domain` are separate tags, since "四大类" is read either way."""

    code: str
    slug: str
    name: str
    domain: str
    lead: str
    ticket_category: str


class DeviceType(Record, frozen=True):
    """设备类型. `feed` names the message contract it speaks (docs/mqtt.md); `interval_s` is the usual time between
    two signs of life; `measures`: ids of the indicators that it reports, of its class or common, besides those that
    any device may have. None: whatever there is. `classes`: slugs of those in whose areas it stands; empty: any."""

    slug: str
    name: str
    feed: str
    interval_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)]
    measures: list[str] | None = None
    classes: list[str] = msgspec.field(default_factory=list)


class Indicator(Record, frozen=True):
    """指标. `number` is its name in the log, given once. A value outside `valid_min..valid_max` is never judged;
    a change faster than `max_step_per_min` is quarantined until later samples agree. `sample_s`: usual time between two
    readings, where it is not the device's interval. `late_s`: by how much a reading may be late and still be judged.
    `any_device`: any type of device may have it."""

    number: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]  # as wide as the column `indicator` of a batch
    risk_class: str  # a class's slug, or COMMON
    id: str
    name: str
    unit: str
    valid_min: float
    valid_max: float
    max_step_per_min: float | None = None
    sign_of_life: bool = True
    any_device: bool = False
    sample_s: Annotated[int, msgspec.Meta(ge=1)] | None = None
    late_s: Annotated[int, msgspec.Meta(ge=0, le=LATEST_S)] = LATE_S
    source: str = ""


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Contents of a pack's catalogue.yaml."""

    domains: list[Domain]
    classes: list[RiskClass]
    device_types: list[DeviceType]
    indicators: list[Indicator]

    def of_class(self, risk_class: str) -> list[Indicator]:
        """The indicators that devices in areas of a class may have: the class's own before the common ones, of two
        with one id only the class's."""
        found: dict[str, Indicator] = {}
        for of in (risk_class, COMMON):
            for i in self.indicators:
                if i.risk_class == of:
                    found.setdefault(i.id, i)
        return list(found.values())

    def reported(self, risk_class: str, device_type: str) -> list[Indicator]:
        """Of these, what devices of a type report."""
        measures = next((t.measures for t in self.device_types if t.slug == device_type), None)
        return [i for i in self.of_class(risk_class) if measures is None or i.any_device or i.id in measures]
