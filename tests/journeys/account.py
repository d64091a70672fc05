"""The account at the end of a journey."""

from dataclasses import dataclass

from city.levels import Level
from city.transitions import Nature, Transition
from tests.journeys.devices import Devices, bao_an
from tests.journeys.district import District
from tests.journeys.record import Record, desk_in, desk_of, read_log


@dataclass(frozen=True)
class Account:
    """Of messages that the broker acknowledged, readings and letters in the log with their repetitions, and what came
    of them."""

    messages: int
    readings: int
    dead_letters: int
    alerts_written: int
    transitions: int
    alerts_cleared: int
    incidents: int
    tickets: int


def settle(district: District, devices: Devices) -> Account:
    """Have the devices finish and the system drain; then nothing may be lost, and all must be as an undisturbed system
    would have it."""
    published = devices.finish()
    assert published.confirmed == published.published
    district.drain()
    record = read_log(district.settings.kafka.servers)
    traces = devices.acknowledged()
    assert record.lost(traces, bao_an()) == []
    judged = record.judged(bao_an())
    beside = said_beside_the_log(record.alerts, judged)
    assert {t.id for t in judged} <= {t.id for t in record.alerts}
    assert desk_in(district.system.database) == desk_of(sorted([*judged, *beside], key=lambda t: t.log_ms), bao_an())
    return _account(record, len(traces), judged, district)


def said_beside_the_log(alerts: list[Transition], judged: list[Transition]) -> list[Transition]:
    """What was said while there were no ticks, and could not be judged from the log: that we are blind, and that it
    is over."""
    known = {t.id for t in judged}
    beside = list({t.id: t for t in alerts if t.id not in known}.values())
    assert all(t.nature is Nature.BLIND for t in beside)
    assert {t.alert for t in beside if t.level_to} == {t.alert for t in beside if not t.level_to}
    return beside


def _account(record: Record, messages: int, judged: list[Transition], district: District) -> Account:
    desk = desk_in(district.system.database)
    return Account(
        messages=messages,
        readings=len(record.readings),
        dead_letters=len(record.letters),
        alerts_written=len(record.alerts),
        transitions=len(judged),
        alerts_cleared=sum(t.level_to == Level.NONE for t in judged),
        incidents=desk.incidents.total(),
        tickets=desk.tickets.total(),
    )
