"""Questions of boards, asked of InfluxDB as Grafana asks them: range, window and variables filled in as text."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

WIDE_PX = 1000
"""Points that Grafana wants of a panel of usual width."""
LEAST_WINDOW_MS = 60_000
"""As panels ask for (dashboards/panels/trends.py)."""


@dataclass(frozen=True)
class Asker:
    """One InfluxDB, one range, and what variables are set to."""

    url: str
    token: str
    org: str
    start_ms: int
    stop_ms: int
    variables: Mapping[str, str]

    def ask(self, query: str) -> list[dict[str, str]]:
        """Rows of the answer, columns as text. Raises AssertionError with InfluxDB's words."""
        answer = httpx.post(
            f"{self.url}/api/v2/query",
            params={"org": self.org},
            headers={"Authorization": f"Token {self.token}", "Accept": "application/csv"},
            json={"query": self.filled(query), "dialect": {"annotations": []}},
            timeout=60,
        )
        assert answer.status_code == httpx.codes.OK, f"{answer.text}\n{self.filled(query)}"
        blocks = re.split(r"\r?\n\r?\n", answer.text.strip())
        return [row for block in blocks for row in csv.DictReader(io.StringIO(block))]

    def filled(self, query: str) -> str:
        """The query with everything of Grafana's replaced."""
        window_ms = max(LEAST_WINDOW_MS, (self.stop_ms - self.start_ms) // WIDE_PX)
        words: dict[str, Any] = {
            "v.timeRangeStart": _time(self.start_ms),
            "v.timeRangeStop": _time(self.stop_ms),
            "v.windowPeriod": f"{window_ms}ms",
        }
        for name, value in words.items():
            query = query.replace(name, value)
        return re.sub(r"\$\{(\w+)\}", lambda found: self.variables[found[1]], query)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
