"""How hard the laws are tried: `laws` by default, the same examples every time; `thorough` for a night, with new ones.

    .venv/bin/pytest tests/laws --hypothesis-profile=thorough       or LAWS_PROFILE=thorough
"""

import os

from hypothesis import HealthCheck, Phase, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
_PHASES = [Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink]
settings.register_profile("laws", max_examples=100, deadline=None, derandomize=True, suppress_health_check=_SLOW, phases=_PHASES)
settings.register_profile(
    "thorough", max_examples=3000, deadline=None, print_blob=True, suppress_health_check=_SLOW,  phases=_PHASES
)
settings.load_profile(os.environ.get("LAWS_PROFILE", "laws"))
