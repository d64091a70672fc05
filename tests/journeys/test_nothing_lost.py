"""Processes are killed at random, again and again, while devices publish and alerts rise and clear: no acknowledged
reading is lost, no incident and no ticket is doubled, and all is as if nobody had been killed.

QIANSHAO_KILLS says how many rounds, QIANSHAO_SEED which victims and when.
"""

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.journeys.account import settle
from tests.journeys.devices import Devices, bao_an
from tests.journeys.district import District, production, running
from tests.servers.process import Server
from tests.waiting import until

pytestmark = pytest.mark.servers

ROUNDS = int(os.environ.get("QIANSHAO_KILLS", "5"))
SEED = int(os.environ.get("QIANSHAO_SEED") or random.randrange(1_000_000))
VICTIMS = ("ingest", "detect", "incidents")
ROUND_S = 60


@pytest.mark.timeout(120 + ROUND_S * ROUNDS)
def test_whoever_is_killed_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    mosquitto_server: Server, private_kafka: Server, postgres_url: str, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    print(f"QIANSHAO_KILLS={ROUNDS} QIANSHAO_SEED={SEED}")
    settings = production(tmp_path, bao_an(), mosquitto_server, private_kafka, postgres_url)
    with Devices(bao_an(), tmp_path / "ledger") as devices, running(settings) as district:
        devices.start(mosquitto_server)
        killed = Counter(_kill_somebody(district, devices, chance) for _ in range(ROUNDS))
        account = settle(district, devices)
    print(f"killed {dict(killed)}; {account}")
    assert account.alerts_cleared and account.tickets


def _kill_somebody(district: District, devices: Devices, chance: random.Random) -> str:
    """After some hundred messages more; and sometimes, not waiting for him to come back, somebody else as well."""
    published = devices.sent + chance.randrange(400)
    until(lambda: district.watch() and devices.sent >= published)
    first, *others = chance.sample(VICTIMS, 2 if chance.random() < 0.2 else 1)
    for other in others:
        district.kill(other)
    district.kill_and_wait(first)
    return first
