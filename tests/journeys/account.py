"""The account at the end of a journey."""

from dataclasses import dataclass

from city.levels import Level
from city.transitions import Transition
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
    assert {t.id for t in record.alerts} == {t.id for t in judged}
    assert desk_in(district.system.database) == desk_of(judged, bao_an())
    return _account(record, len(traces), judged, district)


def _account(record: Record, messages: int, judged: list[Transition], district: District) -> Account:
    desk = desk_in(district.system.database)
    return Account(
        messages=messages,
        readings=record.readings,
        dead_letters=len(record.letters),
        alerts_written=len(record.alerts),
        transitions=len(judged),
        alerts_cleared=sum(t.level_to == Level.NONE for t in judged),
        incidents=desk.incidents.total(),
        tickets=desk.tickets.total(),
    )
