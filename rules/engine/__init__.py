"""The engine: what the rules say of a shard's readings, in log order. docs/rules.md, clauses 2 to 8."""

import hashlib
from pathlib import Path

from numba.core import config

_HERE = Path(__file__).parent


def _sources() -> str:
    """A hash of all of the engine's sources."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_HERE.glob("*.py")))).hexdigest()[:12]


# Numba notices a change of the file that a kernel is in, and none of what is compiled into it from other files: so its
# machine code is kept by all of them together. It keeps it elsewhere where it may not write here.
config.CACHE_DIR = str(Path(config.CACHE_DIR or _HERE / "__pycache__") / f"kernels-{_sources()}")
