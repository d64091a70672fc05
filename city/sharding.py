"""Which shard a zone lives on: a stable hash, the same in every process and every year."""

import zlib

import numpy as np
import numpy.typing as npt

from city.fleet import Fleet


def shard_of_zone(zone_id: str, shards: int) -> int:
    return zlib.crc32(zone_id.encode()) % shards


def shard_of_rows(fleet: Fleet, shards: int) -> npt.NDArray[np.int32]:
    """Shard of every device: (n,) int32."""
    by_zone = np.array([shard_of_zone(zone, shards) for zone in fleet.zone_ids], np.int32)
    return by_zone[fleet.zone] if len(fleet) else np.zeros(0, np.int32)


def fleets_of_shards(fleet: Fleet, shards: int) -> list[Fleet]:
    """The devices of each shard."""
    shard_of = shard_of_rows(fleet, shards)
    return [fleet.where(shard_of == shard) for shard in range(shards)]
