"""A Refusal determines whose task a message is that no registered device can have sent: one incident a street, for
whoever keeps the registry."""

import hashlib

from city.city import City
from city.levels import Level
from city.transitions import Nature, SubjectKind, Transition

UNREGISTERED = "unregistered"
DAY_MS = 86_400_000


def unregistered(topic: str, device: str | None, received_ms: int, city: City) -> Transition:
    """The alert that a street's topics carry messages of a device that is not in the registry: one alert a day.

    It has no risk class: of whatever class the topics are, it is one task, for who keeps the registry.
    """
    parts = topic.split("/")
    street = parts[2] if len(parts) > 2 and parts[2] in city.admin else None
    day_ms = received_ms - received_ms % DAY_MS
    subject = street or "elsewhere"
    return Transition(
        alert=hashlib.blake2b(f"{UNREGISTERED}\0{subject}\0{day_ms}".encode(), digest_size=8).hexdigest(),
        rule=UNREGISTERED,
        rule_version="",
        title=f"未登记设备上报数据 ({(device or '?')[:40]} 等)",
        nature=Nature.DEVICE,
        subject_kind=SubjectKind.DEVICE,
        subject=subject,
        level_from=Level.NONE,
        level_to=Level.BLUE,
        event_ms=received_ms,
        log_ms=received_ms,
        since_ms=day_ms,
        admin=street,
        cause=UNREGISTERED,
        group_key=subject,
    )
