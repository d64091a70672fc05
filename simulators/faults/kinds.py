"""Every kind of fault by the word that scenario files use for it."""

from simulators.faults.fault import Fault
from simulators.faults.links import DropOut, Duplicate, Flapping, Late, Lost, NoBeat
from simulators.faults.parents import Cut, VerifyOutage
from simulators.faults.speech import (
    Clock1970,
    ClockSkew,
    EpochSeconds,
    Garbage,
    NotANumber,
    PersonalField,
    StaleRetained,
    Unregistered,
    WrongDeviceId,
)
from simulators.faults.values import Debris, Drift, LowBattery, Millimetres, Negative, Spike, Stuck

KINDS: dict[str, type[Fault]] = {
    "stuck": Stuck,
    "spike": Spike,
    "drift": Drift,
    "debris": Debris,
    "negative": Negative,
    "millimetres": Millimetres,
    "low-battery": LowBattery,
    "garbage": Garbage,
    "not-a-number": NotANumber,
    "wrong-device-id": WrongDeviceId,
    "unregistered": Unregistered,
    "personal-field": PersonalField,
    "epoch-seconds": EpochSeconds,
    "clock-skew": ClockSkew,
    "clock-1970": Clock1970,
    "stale-retained": StaleRetained,
    "late": Late,
    "lost": Lost,
    "duplicate": Duplicate,
    "drop-out": DropOut,
    "flapping": Flapping,
    "no-beat": NoBeat,
    "cut": Cut,
    "verify-outage": VerifyOutage,
}
