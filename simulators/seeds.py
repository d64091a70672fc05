"""Chance, seeded by name: each device and each fault has its own, so that adding one does not reshuffle the others."""

import hashlib

import numpy as np


def rng_of(seed: int, *names: str) -> np.random.Generator:
    """A generator that depends on the seed and these names, and on nothing else."""
    return np.random.Generator(np.random.SFC64(_number(seed, names)))


def score_of(seed: int, *names: str) -> int:
    """A number that is as good as drawn for these names; the lowest scores are those picked."""
    return _number(seed, names)


def _number(seed: int, names: tuple[str, ...]) -> int:
    text = "\0".join((str(seed), *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
