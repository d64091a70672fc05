"""Can a candidate be judged beside the rules in force while 10,000 messages come a second, and what does it cost who is
judging?

Our processes on Mosquitto, Apache Kafka and PostgreSQL, brokers, database and publisher on the same cores; messages of
one reading each. After a while `qianshao rules shadow` is run for so much log time, with a candidate that has one more
rule, by which one gauge is always under water.

before_ms, during_ms: from handing a probe (a tampered sentry) to the broker to the commit that makes its ticket
visible: before the shadow, and while it ran. p99_ratio: of the second to the first. lost: messages that are not in the
log, and probes without a ticket. shadowed_s: log time that it judged. shadow_took_s: from its start to its report,
loading included. shadow_cpu_us_per_reading: with three engines, as the rules differ. behind: records that it had not
read in the end. differences: that it told, of one; whether of that gauge, and which kind.

Beside it, in the same run, the naive way: the same shadow at the priority of the workers. naive_ms, naive_p99_ratio: as
above, while that one ran.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.end_to_end import FEW_ROADS, ROADS, USUAL, Bench, gauges, running
from bench.parts.common import options, show
from bench.parts.load import publish
from bench.parts.rules import rules_with_hold
from qianshao.accounts import percentiles
from tests.servers.places import scratch_folder

OURS, NAIVE = ("-m", "qianshao"), ("-m", "bench.naive.shadow")
WARM_S, BEFORE_S, REST_S, LOADING_S = 20.0, 60.0, 20.0, 40.0
FOR_S, QUICK_FOR_S = 120, 15
HOLD_S = 5


@dataclass(frozen=True)
class Ran:
    """A shadow that has run, in wall ms."""

    began_ms: float
    ended_ms: float
    cpu_s: float
    report: dict[str, Any]


def shadow(bench: Bench, how: tuple[str, ...], pack: Path, for_s: int) -> Ran:
    """Run one to its end."""
    command = [sys.executable, *how, "rules", "shadow", str(pack), "--for", f"{for_s}s", "--by", "bench", "--json"]
    began_ms = time.time() * 1000
    with subprocess.Popen(
        command, env=os.environ | bench.system.settings.environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    return Ran(began_ms, time.time() * 1000, used.ru_utime + used.ru_stime, json.loads(text))


def measure(quick: bool) -> dict[str, Any]:
    for_s, before_s = (QUICK_FOR_S, 15.0) if quick else (FOR_S, BEFORE_S)
    seconds = WARM_S + before_s + 2 * (for_s + LOADING_S) + REST_S
    with (
        running(FEW_ROADS if quick else ROADS) as bench,
        scratch_folder("shadow") as folder,
        ThreadPoolExecutor(1) as beside,
    ):
        pack, device = rules_with_hold(folder, bench.city, HOLD_S)
        plan = gauges(bench.city, USUAL, seconds)
        publishing = beside.submit(publish, bench.broker.host, bench.broker.port, plan)
        time.sleep(WARM_S + before_s)
        ours = shadow(bench, OURS, pack, for_s)
        time.sleep(REST_S)
        naive = shadow(bench, NAIVE, pack, for_s)
        sent = publishing.result()
        drained = bench.system.drain()
        latency = bench.latency(sent)

        before, during, beside_naive = (
            [ms for at, ms in latency.items() if began_ms <= at < ended_ms]
            for began_ms, ended_ms in (
                (ours.began_ms - before_s * 1000, ours.began_ms),
                (ours.began_ms, ours.ended_ms),
                (naive.began_ms, naive.ended_ms),
            )
        )
        found = ours.report["differences"]
        return {
            "messages": sent.messages,
            "lost": bench.lost(plan, sent) + len(sent.probes) - len(latency) + (not drained),
            "before_ms": percentiles(before),
            "during_ms": percentiles(during),
            "p99_ratio": ratio(during, before),
            "shadowed_s": round((ours.report["until_ms"] - ours.report["from_ms"]) / 1000, 1),
            "shadow_took_s": round((ours.ended_ms - ours.began_ms) / 1000, 1),
            "shadow_readings": ours.report["readings"],
            "shadow_cpu_us_per_reading": round(ours.cpu_s / ours.report["readings"] * 1e6, 2),
            "behind": ours.report["read"]["behind"],
            "differences": [(row["rule"], row["subject"] == device.id, row["kind"]) for row in found["list"]],
            "naive_ms": percentiles(beside_naive),
            "naive_p99_ratio": ratio(beside_naive, before),
        }


def ratio(took_ms: list[float], before_ms: list[float]) -> float:
    return round(float(np.percentile(took_ms, 99) / np.percentile(before_ms, 99)), 2)


def main() -> None:
    show("shadow", **measure(options(__doc__).parse_args().quick))


if __name__ == "__main__":
    main()
