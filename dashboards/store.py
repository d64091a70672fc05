"""A Store determines where questions begin: in which bucket, and how far back. What is older than a bucket keeps, or
too long for it, is asked of the next coarser one, so that no question reads more than some thousand points a series."""

from dataclasses import dataclass

from city.series import Buckets, Measurement, Statistic
from dashboards.flux import WINDOW, Flux, Where

FRESH = "5m"
"""What is older than this says nothing about now. Standings come every minute at least."""
RAW_SPAN, MINUTE_SPAN = "6h", "3d"
"""The longest range that is answered by raw points, and by those of minutes."""
LISTED = "24h"
"""How far back lists of what happened reach, at most: a month of a storm is a hundred thousand lines."""
SAFE_DAYS = 1
"""A bucket is asked only for what it will still have tomorrow."""


@dataclass(frozen=True)
class Store:
    """`raw_days`, `minute_days`: for how long the buckets keep what they have; 0: for ever."""

    buckets: Buckets
    raw_days: int
    minute_days: int

    def now(self, measurement: Measurement, where: Where | None = None, fields: tuple[str, ...] = ()) -> Flux:
        """The last of each series, if it is not older than FRESH: who looks at old figures must see none."""
        return self.lately(measurement, where, fields, FRESH).then("last()")

    def lately(
        self, measurement: Measurement, where: Where | None = None, fields: tuple[str, ...] = (), reach: str = LISTED
    ) -> Flux:
        """Raw points of the range, but for at most so long before its end."""
        before = [
            f"earliest = date.sub(d: {reach}, from: v.timeRangeStop)",
            "start = if v.timeRangeStart > earliest then v.timeRangeStart else earliest",
        ]
        found = self._of(f'"{self.buckets.raw}"', "start", measurement, where or {}, fields)
        return found.using("date", before=before)

    def ever(self, measurement: Measurement, where: Where | None = None, fields: tuple[str, ...] = ()) -> Flux:
        """What is told once, and holds: everything up to the end of the range that the raw bucket still has."""
        start = f"-{self.raw_days}d" if self.raw_days else "0"
        return self._of(f'"{self.buckets.raw}"', start, measurement, where or {}, fields)

    def points(self, measurement: Measurement, where: Where | None = None, fields: tuple[str, ...] = ()) -> Flux:
        """Raw points of the whole range: only where there are few."""
        return self._of(f'"{self.buckets.raw}"', "v.timeRangeStart", measurement, where or {}, fields)

    def trend(
        self, measurement: Measurement, fields: tuple[str, ...], where: Where | None = None, how: str = "max"
    ) -> Flux:
        """Fields of standings over the range, `how` in each window."""
        found = self._of("bucket", "v.timeRangeStart", measurement, where or {}, fields)
        return found.using("experimental", before=self._choice()).windows(how)

    def readings(
        self, indicators: tuple[str, ...], where: Where, how: Statistic = Statistic.MAX, every: str = WINDOW
    ) -> Flux:
        """Readings of some devices over the range, `how` in each window. Hours keep that, minutes the mean."""
        names = f'measurement = if bucket == "{self.buckets.raw}" then "{Measurement.READING}"'
        names += f' else if bucket == "{self.buckets.minute}" then "{Statistic.MEAN.of(Measurement.READING)}"'
        names += f' else "{how.of(Measurement.READING)}"'
        found = self._of("bucket", "v.timeRangeStart", "measurement", where, indicators)
        return found.using("experimental", before=[*self._choice(), names]).windows(how, every)

    def summary(self, indicator: str, where: Where, how: Statistic = Statistic.MAX) -> Flux:
        """An indicator over all devices of a class in a street, of five minutes or hours."""
        raw, minute = f'"{self.buckets.raw}"', f'"{self.buckets.minute}"'
        coarse = [line.replace(raw, minute) for line in self._choice()]  # there are none of raw points
        found = self._of("bucket", "v.timeRangeStart", how.of(Measurement.SUMMARY), where, (indicator,))
        return found.using("experimental", before=coarse).windows(how)

    def _choice(self) -> list[str]:
        """Which bucket: the finest that keeps the range, and has no more points than a picture can show."""
        buckets = self.buckets
        return [
            "start = v.timeRangeStart",
            "span = int(v: v.timeRangeStop) - int(v: start)",
            f"raw = span <= int(v: {RAW_SPAN}) and {_keeps(self.raw_days)}",
            f"minute = span <= int(v: {MINUTE_SPAN}) and {_keeps(self.minute_days)}",
            f'bucket = if raw then "{buckets.raw}" else if minute then "{buckets.minute}" else "{buckets.hour}"',
        ]

    def _of(self, bucket: str, start: str, measurement: str, where: Where, fields: tuple[str, ...]) -> Flux:
        """`measurement`: a name, or the Flux variable that holds it."""
        name = f'"{measurement}"' if measurement != "measurement" else measurement
        found = Flux(f"from(bucket: {bucket})").then(
            f"range(start: {start}, stop: v.timeRangeStop)", f"filter(fn: (r) => r._measurement == {name})"
        )
        return found.where(where).where({"_field": fields} if fields else {})


def _keeps(days: int) -> str:
    return f"start > experimental.subDuration(d: {days - SAFE_DAYS}d, from: now())" if days else "true"
