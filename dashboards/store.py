"""A Store determines where questions begin: in which bucket, and how far back. What is older than a bucket keeps, or
too long for it, is asked of the next coarser one, so that no question reads more than some thousand points a series."""

from dataclasses import dataclass

from city.series import Buckets, Measurement, Statistic
from dashboards.flux import WINDOW, Flux, Where, condition, texts

FRESH = "5m"
"""What is older than this says nothing about now. Standings come every minute at least."""
RAW_SPAN, MINUTE_SPAN = "6h", "3d"
"""The longest range that is answered by raw points of how things stand, and by minutes."""
STREET_SPAN, SITE_SPAN = "3d", "31d"
"""The longest range that is answered by raw points of the devices of a street, or of a site: those are few."""
TOLD = "2d"
"""Within this, what is told once a day has been told."""
LISTED = "24h"
"""How far back lists of what happened reach, at most: a month of a storm is a hundred thousand lines."""

Asked = Measurement | tuple[Measurement, ...]
"""What a question is about: one measurement, or any of several."""


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
        self, measurement: Asked, where: Where | None = None, fields: tuple[str, ...] = (), reach: str = LISTED
    ) -> Flux:
        """Raw points of the range, but for at most so long before its end."""
        before = [
            f"earliest = date.sub(d: {reach}, from: v.timeRangeStop)",
            "start = if v.timeRangeStart > earliest then v.timeRangeStart else earliest",
        ]
        found = self._of(f'"{self.buckets.raw}"', "start", _called(measurement), where or {}, fields)
        return found.using("date", before=before)

    def ever(self, measurement: Measurement, where: Where | None = None, fields: tuple[str, ...] = ()) -> Flux:
        """What is told once, and holds: everything up to the end of the range that the raw bucket still has."""
        start = f"-{self.raw_days}d" if self.raw_days else "0"
        return self._of(f'"{self.buckets.raw}"', start, _called(measurement), where or {}, fields)

    def told(self, measurement: Asked, words: tuple[str, ...], by: tuple[str, ...], where: Where) -> Flux:
        """Words of what is told once a day, as it was last: a row each, by tags. All come in one table: to make one of
        each would take a tenth of a millisecond, and there are thousands. Rows of one go together, or pivot puts words
        into wrong columns."""
        before = [f"told = date.sub(d: {TOLD}, from: v.timeRangeStop)"]
        found = self._of(f'"{self.buckets.raw}"', "told", _called(measurement), where, words)
        in_order = found.using("date", before=before).group().then(f"sort(columns: {texts((*by, '_time'))})")
        return in_order.pivoted(*by).then('drop(columns: ["_start", "_stop"])')

    def points(self, measurement: Measurement, where: Where | None = None, fields: tuple[str, ...] = ()) -> Flux:
        """Raw points of the whole range: only where there are few."""
        return self._of(f'"{self.buckets.raw}"', "v.timeRangeStart", _called(measurement), where or {}, fields)

    def trend(
        self, measurement: Measurement, fields: tuple[str, ...], where: Where | None = None, how: str = "max"
    ) -> Flux:
        """Fields of standings over the range, `how` in each window."""
        found = self._of("bucket", "v.timeRangeStart", _called(measurement), where or {}, fields)
        return found.using("experimental", before=self._choice()).windows(how)

    def readings(
        self,
        indicators: tuple[str, ...],
        where: Where,
        how: Statistic = Statistic.MAX,
        every: str = WINDOW,
        raw_span: str = STREET_SPAN,
    ) -> Flux:
        """What some devices said over the range, `how` in each window. Hours keep that, minutes the mean, and neither
        has cameras."""
        names = f'measurement = if bucket == "{self.buckets.raw}" then "{Measurement.READING}"'
        names += f' else if bucket == "{self.buckets.minute}" then "{Statistic.MEAN.of(Measurement.READING)}"'
        names += f' else "{how.of(Measurement.READING)}"'
        of = f"r._measurement == measurement or {_called(Measurement.CAMERA)}"
        found = self._of("bucket", "v.timeRangeStart", of, where, indicators)
        return found.using("experimental", before=[*self._choice(raw_span), names]).windows(how, every)

    def summary(self, indicator: str, where: Where, how: Statistic = Statistic.MAX) -> Flux:
        """An indicator over all devices of a class in a street, of five minutes or hours."""
        raw, minute = f'"{self.buckets.raw}"', f'"{self.buckets.minute}"'
        coarse = [line.replace(raw, minute) for line in self._choice()]  # there are none of raw points
        found = self._of("bucket", "v.timeRangeStart", _called(how.of(Measurement.SUMMARY)), where, (indicator,))
        return found.using("experimental", before=coarse).windows(how)

    def _choice(self, raw_span: str = RAW_SPAN) -> list[str]:
        """Which bucket: the finest that keeps the range, and has no more points than can be asked for in a moment."""
        buckets = self.buckets
        return [
            "start = v.timeRangeStart",
            "span = int(v: v.timeRangeStop) - int(v: start)",
            f"raw = span <= int(v: {raw_span}) and {_keeps(self.raw_days)}",
            f"minute = span <= int(v: {MINUTE_SPAN}) and {_keeps(self.minute_days)}",
            f'bucket = if raw then "{buckets.raw}" else if minute then "{buckets.minute}" else "{buckets.hour}"',
        ]

    def _of(self, bucket: str, start: str, of: str, where: Where, fields: tuple[str, ...]) -> Flux:
        """`of`: what must hold of the measurement of a row `r`."""
        found = Flux(f"from(bucket: {bucket})").then(
            f"range(start: {start}, stop: v.timeRangeStop)", f"filter(fn: (r) => {of})"
        )
        return found.where(where).where({"_field": fields} if fields else {})


def _called(measurement: Asked | str) -> str:
    return condition({"_measurement": measurement})


def _keeps(days: int) -> str:
    """Whether a bucket keeps the range. An hour of grace: who asks for all its days begins with the oldest."""
    return f"start > experimental.subDuration(d: {days}d1h, from: now())" if days else "true"
