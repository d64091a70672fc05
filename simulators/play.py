"""Playing: all devices' messages as one stream in order of time, no further ahead than it must look."""

from collections.abc import Iterator

from city.registry import Device
from simulators.faults import in_order
from simulators.faults.plan import Plan
from simulators.fleets import Surroundings, Voices, messages_of
from simulators.fleets.through_gateway import behind_gateways, through_gateway
from simulators.merging import merge_by_time
from simulators.message import Emission, Message, Stamper, emission_of


def play(around: Surroundings, plan: Plan) -> Iterator[Emission]:
    """Everything that a city's devices publish, by `at_ms`. Holds one message of each device at a time, and more only
    of those whose faults hold messages back."""
    end_ms = around.span.end_ms
    for message in merge_by_time(_streams(around, plan)):
        if message.at_ms >= end_ms:
            return
        yield emission_of(message)


def _streams(around: Surroundings, plan: Plan) -> Iterator[Iterator[Message]]:
    """A stream for each device that speaks for itself, and for each gateway with what it passes on."""
    voices, stamper = Voices(around), around.stamper
    behind = behind_gateways(around.city, around.behaviour)
    passed_on = {device.id for children in behind.values() for device in children}
    for device in around.city.devices.values():
        if not device.in_service or device.id in passed_on:
            continue
        own = messages_of(device, around, voices)
        if device.id in behind:
            children = [_faulty(messages_of(d, around, voices), d, plan, stamper) for d in behind[device.id]]
            own = through_gateway(own, merge_by_time(children), around.span, stamper)
        yield _faulty(own, device, plan, stamper)


def _faulty(messages: Iterator[Message], device: Device, plan: Plan, stamper: Stamper) -> Iterator[Message]:
    transforms = plan.transforms(device.id, stamper)
    return in_order(messages, transforms) if transforms else messages
