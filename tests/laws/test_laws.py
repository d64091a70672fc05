"""First."""
from hypothesis import given

from tests.laws.logs import stories
from tests.laws.story import Story, agree, pieces, reduced, tell, batch
from city.readings import Tick
from tests.laws.reference import Said

import time, collections
STATS = collections.Counter()

@given(stories())
def test_the_engine_says_what_the_reference_says(story: Story) -> None:
    t0 = time.perf_counter()
    shard, plain = story.shard(), story.interpreter()
    t1 = time.perf_counter()
    found: list[Said] = []; expected: list[Said] = []
    for entry in story.entries:
        if isinstance(entry, Tick):
            said, should = shard.tick(entry), plain.tick(entry)
        else:
            said, should = shard.apply(batch([entry])), plain.apply(batch([entry]))
        found += map(reduced, said)
        expected += should
        agree(expected, found, "reference")
    STATS["n"] += 1; STATS["entries"] += len(story.entries); STATS["said"] += len(found); STATS["init"] += t1 - t0; STATS["play"] += time.perf_counter() - t1
    STATS["explained"] += sum(s.explained_by is not None for s in found)
    STATS["same"] += sum(s.level_from == s.level_to for s in found)

def teardown_module():
    print(dict(STATS))
