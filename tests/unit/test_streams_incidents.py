"""What an incidents worker tells of itself: how late tickets are, which were opened, and the end of a trace."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry

from alerts.store.database import Database
from alerts.store.dead_letters import DeadLetterStore
from alerts.store.incidents import IncidentStore
from city.city import City
from city.clock import wall_ms
from city.levels import Level
from city.log import ALERTS, DEAD_LETTERS, ORIGIN, TRACEPARENT
from city.transitions import Transition, encode_transition
from ingest.dead_letters import DeadLetter, Reason, encode_dead_letter
from streams.app import Record
from streams.incidents import IncidentWorker
from streams.metrics import IncidentsMetrics
from tests.unit.logs import Log, Spans
from tests.unit.stories import Teller, district, policy

RED, YELLOW = Level.RED, Level.YELLOW
PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class Worker:
    """An incidents worker, and an engine that tells it things."""

    database: Database
    city: City = field(default_factory=district)
    log: Log = field(default_factory=Log)
    spans: Spans = field(default_factory=Spans)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    teller: Teller = field(default_factory=Teller)

    def __post_init__(self) -> None:
        store, letters = IncidentStore(self.database, self.city, policy()), DeadLetterStore(self.database)
        metrics = IncidentsMetrics(self.registry)
        IncidentWorker(self.log, self.database, store, letters, self.city, "a-log", metrics, self.spans)

    def alert(self, transition: Transition, age_s: float | None = None, **headers: bytes) -> Record:
        """An alert of what the log got so long ago; None: of nothing that is in the log."""
        origin = {} if age_s is None else {ORIGIN: b"%d" % (wall_ms() - 1000 * age_s)}
        return self.log.record(ALERTS, encode_transition(transition), {**origin, **headers})

    def letter(self, reason: Reason, device: str = "X1", **headers: bytes) -> Record:
        topic = f"citysafety/1/11/waterlogging/{device}/up"
        named = {"received_ms": self.teller.now_ms, "ingest": "ingest-1", "device": device, "detail": ""}
        letter = DeadLetter(reason=reason, topic=topic, payload=b"", payload_bytes=0, payload_crc=0, **named)
        return self.log.record(DEAD_LETTERS, encode_dead_letter(letter), headers)

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"qianshao_incidents_{name}", labels) or 0.0


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    database = Database(f"sqlite:///{tmp_path / 'incidents.db'}")
    database.migrate()
    yield Worker(database)
    database.dispose()


@pytest.fixture
def said() -> Iterator[list[dict[str, object]]]:
    """The log lines."""
    with structlog.testing.capture_logs() as lines:
        yield lines


async def test_a_ticket_is_as_late_as_what_it_came_of_is_old(worker: Worker) -> None:
    teller = worker.teller
    old, young = teller.says("depth", "G1", RED), teller.says("queue", "L1", RED)
    await worker.log.hand_on(worker.alert(old, age_s=40), worker.alert(young, age_s=-40))
    assert worker.count("ticket_delay_seconds_count") == 2
    assert worker.count("ticket_delay_seconds_sum") >= 40, "a clock that is ahead makes no negative delay"


async def test_an_alert_that_came_of_nothing_in_the_log_is_not_measured(worker: Worker) -> None:
    teller = worker.teller
    odd = worker.alert(teller.says("queue", "L1", RED), **{ORIGIN: b"yesterday"})
    await worker.log.hand_on(worker.alert(teller.says("blind", "ingest-1", YELLOW)), odd)
    assert worker.count("ticket_delay_seconds_count") == 0
    assert worker.count("transitions_total") == 2


async def test_what_is_told_again_is_counted_and_measured_once(worker: Worker) -> None:
    told = worker.teller.says("depth", "G1", RED)
    await worker.log.hand_on(worker.alert(told, age_s=1), worker.alert(told, age_s=1))
    await worker.log.hand_on(worker.alert(told, age_s=1))
    counted = [worker.count(name) for name in ("transitions_total", "incidents_opened_total", "tickets_opened_total")]
    assert [*counted, worker.count("ticket_delay_seconds_count")] == [1, 1, 1, 1]


async def test_one_that_cannot_be_routed_is_set_aside_and_the_others_are_counted(worker: Worker) -> None:
    unstaffed = replace(district(), units={"U-water": district().units["U-water"]})
    worker = Worker(worker.database, unstaffed)
    lost, sound = worker.teller.says("queue", "L1", RED), worker.teller.says("depth", "G1", RED)
    await worker.log.hand_on(worker.alert(lost, age_s=1), worker.alert(sound, age_s=1))
    assert [written.topic for written in worker.log.written] == [DEAD_LETTERS]
    assert (worker.count("transitions_total"), worker.count("ticket_delay_seconds_count")) == (1, 1)


async def test_a_ticket_that_is_opened_is_named_with_its_ids(worker: Worker, said: list[dict[str, object]]) -> None:
    first, more = worker.teller.says("depth", "G1", YELLOW), worker.teller.says("depth", "G2", YELLOW)
    await worker.log.hand_on(worker.alert(first, **{TRACEPARENT: PARENT}), worker.alert(more))
    (line,) = said
    assert {name: line[name] for name in ("event", "rule", "subject", "alert_level", "trace")} == {
        "event": "ticket opened",
        "rule": "depth",
        "subject": "G1",
        "alert_level": "yellow",
        "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    assert line["ticket"] and line["incident"]


async def test_a_trace_ends_with_the_incident_and_its_ticket(worker: Worker) -> None:
    first, more = worker.teller.says("depth", "G1", YELLOW), worker.teller.says("depth", "G2", YELLOW)
    traced = {TRACEPARENT: PARENT}
    await worker.log.hand_on(worker.alert(first, **traced), worker.alert(more, **traced))
    opening, joining = worker.spans.begun
    assert (opening.name, opening.parent) == ("incidents", PARENT)
    assert 0 < opening.start_ms <= opening.end_ms
    assert opening.attributes.keys() == {
        f"qianshao.{name}" for name in ("rule", "subject", "alert", "alert_level", "incident", "ticket", "opened")
    }
    assert (opening.attributes["qianshao.opened"], joining.attributes["qianshao.opened"]) == (True, False)
    assert opening.attributes["qianshao.ticket"] == joining.attributes["qianshao.ticket"]


async def test_dead_letters_are_counted_by_reason_and_strangers_are_one_alert_a_day(
    worker: Worker, said: list[dict[str, object]]
) -> None:
    strangers = [worker.letter(Reason.UNKNOWN_DEVICE, device) for device in ("X1", "X2")]
    await worker.log.hand_on(*strangers, worker.letter(Reason.RANGE))
    assert worker.count("dead_letters_total", reason="unknown-device") == 2
    assert worker.count("dead_letters_total", reason="range") == 1
    assert (worker.count("transitions_total"), worker.count("tickets_opened_total")) == (1, 1)
    assert [line["rule"] for line in said] == ["unregistered"]
