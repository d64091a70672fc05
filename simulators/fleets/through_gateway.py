"""The gateway form: what the devices behind a gateway say, many messages in one payload of the gateway."""

from collections.abc import Iterator

import msgspec

from city.city import City
from city.registry import Device
from simulators.fleets.surroundings import Behaviour
from simulators.merging import merge_by_time
from simulators.message import Message, Stamper
from simulators.words import Span

COLLECT_MS = 10_000
SEND_MS = 200


def behind_gateways(city: City, behaviour: Behaviour) -> dict[str, list[Device]]:
    """Devices that send by their gateway, by its id."""
    feeds = {t.slug: t.feed for t in city.catalogue.device_types}
    behind: dict[str, list[Device]] = {}
    for device in city.devices.values():
        gateway = city.devices.get(device.gateway or "")
        by_gateway = device.in_service and feeds[device.type] in behaviour.through_gateways
        if by_gateway and gateway is not None and gateway.in_service:
            behind.setdefault(gateway.id, []).append(device)
    return behind


def through_gateway(
    own: Iterator[Message], children: Iterator[Message], span: Span, stamper: Stamper
) -> Iterator[Message]:
    """A gateway's own beats, and every 10 s what its devices have sent meanwhile. `children` in order of `at_ms`.

    The gateway numbers all of it anew, from where its beats begin.
    """
    first = next(own, None)
    if first is None:
        return
    payloads = _payloads(first, children, span, stamper)
    merged = merge_by_time([iter((first,)), own, payloads])
    for seq, message in enumerate(merged, first.seq):
        assert isinstance(message.body, dict)
        yield msgspec.structs.replace(message, seq=seq, body=message.body | {"seq": seq})


def _payloads(like: Message, children: Iterator[Message], span: Span, stamper: Stamper) -> Iterator[Message]:
    """What was collected, on the topic of the gateway's beat `like`."""
    following = next(children, None)
    for now_ms in range(span.start_ms + COLLECT_MS, span.end_ms, COLLECT_MS):
        collected = []
        while following is not None and following.at_ms <= now_ms:
            if following.kind != "will":  # the broker tells wills, and these devices know no broker
                collected.append(_entry(following))
            following = next(children, None)
        if collected:
            body = {"v": 1, "device_id": like.device, "seq": 0, "ts": stamper.iso(now_ms), "messages": collected}
            yield Message(like.device, like.address, "up", 0, now_ms, now_ms, now_ms + SEND_MS, body)


def _entry(message: Message) -> object:
    """What is no JSON goes as a text, so that it spoils nothing but itself."""
    return message.body.decode("latin-1") if isinstance(message.body, bytes) else message.body
