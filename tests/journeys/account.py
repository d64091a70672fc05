"""The account at the end of a journey."""

from dataclasses import dataclass

from city.levels import Level
from city.transitions import Nature, Transition
from tests.journeys.devices import Devices, bao_an
from tests.journeys.district import District
from tests.journeys.record import Record, desk_in, desk_of, read_log
from tests.waiting import until

TAKEN_IN_S = 60


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
    """Have the devices finish and the system come to rest; then nothing may be lost, and all must be as an undisturbed
    system would have it."""
    published = devices.finish()
    assert published.confirmed == published.published
    traces, kafka = devices.acknowledged(), district.settings.kafka.servers
    until(
        lambda: district.watch() and read_log(kafka).lost(traces, bao_an()) == [],
        TAKEN_IN_S,
        lambda: f"in the log, of {len(traces)} acknowledged messages: {read_log(kafka).lost(traces, bao_an())}",
    )
    district.come_to_rest()
    record = read_log(kafka)
    judged = record.judged(bao_an())
    beside = said_beside_the_log(record, judged)
    assert {t.id for t in judged} - {t.id for t in record.alerts} == set()
    due = desk_of(sorted([*judged, *beside], key=lambda t: t.log_ms), bao_an())
    assert desk_in(district.system.database).differences(due) == []
    return _account(record, len(traces), judged, district)


def said_beside_the_log(record: Record, judged: list[Transition]) -> list[Transition]:
    """What was said while there were no ticks, and could not be judged from the log: that we are blind; and, once
    there were ticks again, that it is over."""
    known = {t.id for t in judged}
    beside = list({t.id: t for t in record.alerts if t.id not in known}.values())
    assert [t for t in beside if t.nature is not Nature.BLIND] == []
    ended = {t.alert for t in beside if not t.level_to}
    assert {t.alert for t in beside if t.level_to and t.log_ms < record.log_ms} <= ended
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
