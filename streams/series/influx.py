"""InfluxDB at the edge: what it takes is there when `write` returns; what it refuses is found, line by line, and named;
and where it does not answer, nothing is taken for written."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from city.errors import Unavailable
from city.series import Buckets, Measurement
from streams.series.lines import PRECISION

AT_ONCE = 5_000
"""Lines of one request; InfluxDB's own advice."""
BAD_LINE = (400, 413, 422)
REMEDIES = {
    401: "its token is not known: compare influx.token with what `qianshao init-secrets` made",
    403: "its token may not do that: it must read and write the buckets",
    404: "a bucket or the organisation is missing: run `qianshao series init`",
}


@dataclass(frozen=True)
class InfluxOptions:
    """`bucket`: of raw points; those of minutes and hours are named after it."""

    url: str
    token: str
    org: str
    bucket: str
    timeout_s: float = 30.0

    @property
    def buckets(self) -> Buckets:
        return Buckets.named(self.bucket)


@dataclass(frozen=True)
class Refused:
    """A line that InfluxDB does not take, and its words."""

    line: str
    why: str


class Influx:
    """One InfluxDB. Everything raises Unavailable where it does not answer, or not to us."""

    def __init__(self, options: InfluxOptions) -> None:
        self.options = options
        self.client = InfluxDBClient(
            options.url, options.token, org=options.org, timeout=int(options.timeout_s * 1000), enable_gzip=True
        )
        self._write = self.client.write_api(write_options=SYNCHRONOUS)

    def close(self) -> None:
        self.client.close()

    def ping(self) -> None:
        """Raises Unavailable."""
        self.ask(lambda: self.client.api_client.call_api("/health", "GET", response_type="HealthCheck"))

    def write(self, lines: list[str]) -> list[Refused]:
        """Write lines into the raw bucket; those that it refuses are returned, and keep nobody else out."""
        refused: list[Refused] = []
        for start in range(0, len(lines), AT_ONCE):
            refused += self._write_or_halve(lines[start : start + AT_ONCE])
        return refused

    def query(self, flux: str) -> Iterator[dict[str, Any]]:
        """Rows of a Flux query, as dicts."""
        for table in self.ask(lambda: self.client.query_api().query(flux)):
            for record in table.records:
                yield record.values

    def newest_ms(self, measurement: Measurement) -> int | None:
        """Event time of the newest point of a measurement in the raw bucket; None where there is none."""
        flux = f"""from(bucket: "{self.options.bucket}") |> range(start: 0)
            |> filter(fn: (r) => r._measurement == "{measurement}")
            |> last() |> keep(columns: ["_time"]) |> group() |> max(column: "_time")"""
        times = [row["_time"] for row in self.query(flux)]
        return int(max(times).timestamp() * 1000) if times else None

    def ask(self, question: Any) -> Any:
        """The answer of a call of the client. Raises Unavailable."""
        try:
            return question()
        except ApiException as error:
            raise self._unavailable(error) from error
        except (HTTPError, OSError) as error:
            raise Unavailable(self._name, repr(error)) from error

    def _write_or_halve(self, lines: list[str]) -> list[Refused]:
        try:
            self._write.write(self.options.bucket, record=lines, write_precision=PRECISION)
        except ApiException as error:
            if error.status not in BAD_LINE:
                raise self._unavailable(error) from error
            if len(lines) == 1:
                return [Refused(lines[0], _words(error))]
            half = len(lines) // 2
            return self._write_or_halve(lines[:half]) + self._write_or_halve(lines[half:])
        except (HTTPError, OSError) as error:
            raise Unavailable(self._name, repr(error)) from error
        return []

    @property
    def _name(self) -> str:
        return f"InfluxDB at {self.options.url}"

    def _unavailable(self, error: ApiException) -> Unavailable:
        return Unavailable(self._name, REMEDIES.get(error.status, f"{error.status} {_words(error)}"))


def _words(error: ApiException) -> str:
    return str(error.message or error.body or error.reason)
