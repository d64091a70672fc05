"""No reading waits for a compiler."""

import subprocess
import sys

FIRST_MINUTES = """
from city.fleet import fleet_of
from city.generate import FleetRequest, generate_fleet
from city.readings import Tick, batch_of, decode, encode, merge
from city.tables import read_city, shipped_pack
from qianshao.settings import Settings
from rules.engine import absence, columns, kernel, tracks
from rules.engine.shard import Shard
from rules.engine.warm import warm_up
from rules.language.load import load_pack
from tests.cities import WATER_DEPTH, gauges, small_city
from tests.unit.packs import DEPTH, GAUGE_OFF, pack

kernels = (kernel.apply_rows, tracks.pass_time, columns.beat, absence.pass_silence, absence.pass_parents)
warm_up()
compiled = [len(kernel.signatures) for kernel in kernels]
assert compiled == [1] * len(kernels), compiled

city = small_city(gauges(1))
shard = Shard(city, fleet_of(city), pack(DEPTH, GAUGE_OFF))
shard.restore(shard.snapshot())
for minute in range(30):
    now_ms = minute * 60_000
    said = decode(encode(batch_of([1], [WATER_DEPTH], [now_ms], [50.0], [minute], [0])))
    for batch in (said, merge([said, said]), said[:1]):
        if minute < 10:
            shard.apply(batch)
    shard.tick(Tick("east", now_ms, 60_000, True))
assert [len(kernel.signatures) for kernel in kernels] == compiled

plain = read_city(shipped_pack("baoan"))
baoan = generate_fleet(plain, FleetRequest(water_gauges=8, rain_gauges=4, telemetry={"river-level": 4}), 1)
shard = Shard(baoan, fleet_of(baoan), load_pack(Settings().rules, plain.catalogue))
for minute in range(3):
    shard.tick(Tick("east", minute * 60_000, 60_000, True))
assert [len(kernel.signatures) for kernel in kernels] == compiled
"""


def test_after_the_warm_up_nothing_is_compiled_any_more() -> None:
    subprocess.run([sys.executable, "-c", FIRST_MINUTES], check=True)
