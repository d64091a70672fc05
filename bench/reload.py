"""How long does it take to bring other rules into force, and what does it cost who is judging?

Our processes with two detect workers on Mosquitto, Apache Kafka and PostgreSQL, brokers, database and publisher on the
same cores; 10,000 messages of one reading each a second. One gauge is always under water by a rule with a hold of five
minutes. When half of these have passed, rules with another threshold for all gauges are published; when they are over,
the naive way: both workers are restarted, one after the other, as a changed folder needs it.

to_every_worker_s: from the publication until the last worker judged by it, with its checkpoints. pause_ms: the longest
time for which a shard was not judged. kept, reset, dropped: timers. fired_after_s: from the first message until the
hold was over, by event time; the gauge's own first message came up to `first_within_s` later. lost: messages that are
not in the log, and probes without a ticket. worst_ms: the longest that any probe (a tampered sentry) in the time after
it waited for its ticket: of the publication, of the restart, and of neither.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from alerts.store import schema
from alerts.store.rules import RuleStore
from bench.end_to_end import FEW_ROADS, ROADS, USUAL, Bench, gauges, running
from bench.parts.common import options, show
from bench.parts.load import Sent, publish
from bench.parts.rules import HELD, rules_with_hold
from city.city import City
from qianshao.settings import DetectSettings, MetricsSettings
from qianshao.supervisor import Child
from streams.rules import version_of
from tests.servers.places import scratch_folder
from tests.waiting import until

HOLD_S, QUICK_HOLD_S = 300, 20
AFTER_S = 20.0
"""So long after a change, what waits may have waited for it."""
NAMES = ("detect-1", "detect-2")


class Author:
    """Who publishes. `device`: where it is always too deep."""

    def __init__(self, store: RuleStore, city: City, folder: Path, hold_s: int) -> None:
        self._store, self._city = store, city
        self._pack, self.device = rules_with_hold(folder, city, hold_s)

    def publish(self) -> tuple[int, int]:
        """What the folder has now. Returns sequence and wall ms of the publication."""
        version = version_of(self._pack, self._city.catalogue, "one", "bench", int(time.time() * 1000))
        publication = self._store.approve(self._store.propose(version).id, "another", int(time.time() * 1000))
        return publication.sequence, publication.at_ms

    def change(self) -> None:
        """Another threshold for every gauge."""
        file = self._pack / "waterlogging.yaml"
        file.write_text(file.read_text("utf-8").replace("blue: 10 cm", "blue: 11 cm", 1), "utf-8")


@contextmanager
def second_worker(bench: Bench) -> Iterator[Child]:
    settings, folder = bench.system.settings, Path(bench.system.settings.data) / NAMES[1]
    folder.mkdir()
    update = {"detect": DetectSettings(name=NAMES[1]), "metrics": MetricsSettings()}
    child = Child("detect", settings.model_copy(update=update), folder)
    child.start()
    try:
        until_ready(child)
        yield child
    finally:
        child.kill()


def reports(bench: Bench, sequence: int) -> list[dict[str, Any]]:
    """Of the workers that went over to a publication."""
    with bench.system.database.reading() as connection:
        rows = list(connection.execute(select(schema.rule_reports)))
    return [
        row.report | {"at_ms": row.at_ms} for row in rows if row.report["sequence"] == sequence and "kept" in row.report
    ]


def until_followed(bench: Bench, sequence: int) -> list[dict[str, Any]]:
    until(lambda: len(reports(bench, sequence)) == len(NAMES), 60, lambda: "both workers follow")
    return reports(bench, sequence)


def restart(children: list[Child]) -> float:
    """One after the other. Wall ms at which it began."""
    began_ms = time.time() * 1000
    for child in children:
        child.stop()
        child.start()
        until_ready(child)
    return began_ms


def until_ready(child: Child) -> None:
    until(lambda: child.ready, 60, lambda: f"{child.settings.detect.name} works")


def fired_ms(bench: Bench, device: str) -> list[int]:
    """Event time at which the hold was over; once, if all is well."""
    alerts, transitions = schema.alerts.c, schema.transitions.c
    wanted = (alerts.rule == HELD) & (alerts.subject == device) & (transitions.level_to > 0)
    with bench.system.database.reading() as connection:
        return list(connection.scalars(select(transitions.event_ms).where(transitions.alert == alerts.id, wanted)))


def worst_ms(latency: dict[float, float], began_ms: float) -> float:
    return round(max((ms for at, ms in latency.items() if began_ms <= at < began_ms + AFTER_S * 1000), default=0.0), 1)


def measure(quick: bool) -> dict[str, Any]:
    hold_s = QUICK_HOLD_S if quick else HOLD_S
    seconds = hold_s + 3 * AFTER_S
    with (
        running(FEW_ROADS if quick else ROADS) as bench,
        second_worker(bench) as second,
        scratch_folder("reload") as folder,
    ):
        author = Author(RuleStore(bench.system.database), bench.city, folder, hold_s)
        until_followed(bench, author.publish()[0])
        author.change()
        plan = gauges(bench.city, USUAL, seconds)
        with ThreadPoolExecutor(1) as beside:
            publishing = beside.submit(publish, bench.broker.host, bench.broker.port, plan)
            time.sleep(hold_s / 2)
            sequence, published_ms = author.publish()
            followed = until_followed(bench, sequence)
            time.sleep(max(0.0, hold_s / 2 + AFTER_S / 2 - (time.time() - published_ms / 1000)))
            restarted_ms = restart([bench.system.child("detect"), second])
            sent = publishing.result()
        drained = bench.system.drain()
        latency = bench.latency(sent)
        return {
            **told(followed, published_ms),
            **hold(bench, author, sent, hold_s, len(plan.voices)),
            "messages": sent.messages,
            "lost": bench.lost(plan, sent) + len(sent.probes) - len(latency) + (not drained),
            "worst_ms": {
                "of_publication": worst_ms(latency, published_ms),
                "of_restart": worst_ms(latency, restarted_ms),
                "of_neither": worst_ms(latency, published_ms - AFTER_S * 1000),
            },
        }


def told(followed: list[dict[str, Any]], published_ms: int) -> dict[str, Any]:
    """What both workers reported."""
    counts = {fate: sum(report[fate] for report in followed) for fate in ("kept", "reset", "dropped")}
    last_ms = max(report["at_ms"] for report in followed)
    pause_ms = 1000 * max(report["longest_pause_s"] for report in followed)
    return {"to_every_worker_s": round((last_ms - published_ms) / 1000, 2), "pause_ms": round(pause_ms, 1), **counts}


def hold(bench: Bench, author: Author, sent: Sent, hold_s: int, voices: int) -> dict[str, Any]:
    fired = [round((ms - sent.began_ms) / 1000, 2) for ms in fired_ms(bench, author.device.id)]
    return {"hold_s": hold_s, "fired_after_s": fired, "first_within_s": round(voices / USUAL, 1)}


def main() -> None:
    given = options(__doc__).parse_args()
    show("reload", **measure(given.quick))


if __name__ == "__main__":
    main()
