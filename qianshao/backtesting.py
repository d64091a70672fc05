"""A backtest as it is asked for on the command line: times and truth by their words, the answer as data and picture."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from city.city import City
from city.clock import ms_of
from qianshao.backtest import Backtest, backtest
from qianshao.backtest_report import report
from qianshao.settings import Settings
from qianshao.truth import read_truth
from rules.authoring.backtest_picture import picture
from rules.language.pack import Pack


@dataclass(frozen=True)
class Asked:
    """`data`: what is found, as qianshao/backtest_report.py has it."""

    found: Backtest
    data: dict[str, Any]
    zone: ZoneInfo

    def picture(self) -> str:
        """SVG."""
        pack, (first_ms, last_ms) = self.found.pack, self.found.span_ms
        began = datetime.fromtimestamp(first_ms / 1000, self.zone)
        title = f"回测 {pack.title} {pack.version}  {began:%Y}年 {self._clock(first_ms)} – {self._clock(last_ms)}"
        return picture(title, self.found.alerts, first_ms, last_ms, self._clock)

    def _clock(self, ms: int) -> str:
        return f"{datetime.fromtimestamp(ms / 1000, self.zone):%m-%d %H:%M}"


def run_backtest(
    city: City,
    pack: Pack,
    start: datetime | None,
    end: datetime | None,
    warm_up_ms: int,
    truth: str | None,
    began: datetime | None,
) -> Asked:
    """Raises ConfigErrors for a truth that cannot be read, NothingThere, SettingError."""
    zone = ZoneInfo(city.time_zone)
    known = None if truth is None else read_truth(truth, city, began)
    start_ms, end_ms = (None if time is None else ms_of(time, zone) for time in (start, end))
    found = backtest(Settings(), city, pack, start_ms, end_ms, warm_up_ms)
    return Asked(found, report(found, city.time_zone, known), zone)
