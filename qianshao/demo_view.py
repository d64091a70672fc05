"""The demo's live summary in the terminal."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from sqlalchemy import func, select

from alerts.store import schema as t
from alerts.store.database import Database
from city.levels import LEVELS, Level
from qianshao.accounts import Account, percentiles
from qianshao.settings import Settings
from qianshao.system import System
from simulators.scenario import Scenario

STYLES = {Level.BLUE: "bold blue", Level.YELLOW: "bold yellow", Level.ORANGE: "bold dark_orange", Level.RED: "bold red"}
NEWEST = 8


class DemoView:
    """Draws what the store says, a few times a second."""

    def __init__(self, scenario: Scenario, settings: Settings) -> None:
        self._scenario, self._settings = scenario, settings
        self._zone = ZoneInfo("Asia/Shanghai")
        self._first_incident_s: float | None = None
        self._live = Live(console=Console(stderr=False), refresh_per_second=4, screen=False)

    def show(self, system: System, played_ms: int, elapsed_s: float) -> None:
        """Draw the present state. `elapsed_s`: wall seconds since the demo was started."""
        if not self._live.is_started:
            self._live.start()
        counts = _counts(system.database)
        if counts["incidents"] and self._first_incident_s is None:
            self._first_incident_s = elapsed_s
        self._live.update(Group(self._head(played_ms, elapsed_s), _figures(counts), self._newest(system.database)))

    def finish(self, result: Account, to_the_end: bool) -> None:
        """Show the account of a play. One that was broken off is not scored: what was still to come is not missed."""
        figures = result.as_json()
        table = Table(title="本次演示的账目", show_header=False)
        for name in ("messages_published", "readings_judged", "alerts", "incidents", "tickets", "lost"):
            table.add_row(name, str(figures[name]))
        table.add_row("dead letters", ", ".join(f"{k} {v}" for k, v in result.dead_letters.items()) or "0")
        for name in ("expected", "caught", "missed", "false") if to_the_end else ():
            table.add_row(name, str(figures[name]))
        table.add_row("publish to ticket, ms", str(percentiles(result.latency_ms)))
        self.close()
        self._live.console.print(table)
        self._live.console.print(
            f"页面仍在 {self._page}   Ctrl-C 结束" if to_the_end else "演示未放完, 不评分; 正在收尾"
        )

    def close(self) -> None:
        """Give the terminal back, whatever happened."""
        self._live.stop()

    @property
    def _page(self) -> str:
        return f"http://{self._settings.web.host}:{self._settings.web.port}"

    def _head(self, played_ms: int, elapsed_s: float) -> Panel:
        played = datetime.fromtimestamp(played_ms / 1000, self._zone).strftime("%Y-%m-%d %H:%M")
        first = "" if self._first_incident_s is None else f"   首个事件出现于第 {self._first_incident_s:.0f} 秒"
        lines = [f"{self._scenario.title}   演示时间 {played}   已运行 {elapsed_s:.0f} 秒{first}"]
        lines.append(
            f"页面 {self._page}   MQTT {self._settings.mqtt.host}:{self._settings.mqtt.port}   Ctrl-C 收尾退出"
        )
        return Panel(Text("\n".join(lines)), title="前哨 Qianshao")

    def _newest(self, database: Database) -> Table:
        table = Table(title="最新事件与工单", expand=True)
        for name in ("等级", "事件", "开始", "工单", "依据"):
            table.add_column(name, overflow="fold")
        query = select(t.incidents, t.tickets).join(t.tickets, t.tickets.c.incident == t.incidents.c.id)
        with database.reading() as connection:
            rows = connection.execute(query.order_by(t.incidents.c.opened_ms.desc()).limit(NEWEST)).mappings().all()
        for row in rows:
            level = Level(row[t.incidents.c.peak_level])
            began = datetime.fromtimestamp(row[t.incidents.c.opened_ms] / 1000, self._zone).strftime("%H:%M")
            cells: list[Any] = [Text(level.zh, STYLES.get(level, "")), row[t.tickets.c.title], began]
            table.add_row(*cells, row[t.tickets.c.unit], row[t.tickets.c.reason])
        return table


def _counts(database: Database) -> dict[str, int]:
    i, open_ = t.incidents, t.incidents.c.open_key.is_not(None)
    with database.reading() as connection:
        by_level: dict[int, int] = dict(
            connection.execute(select(i.c.level, func.count()).where(open_).group_by(i.c.level)).tuples().all()
        )
        counts = {level.slug: by_level.get(int(level), 0) for level in LEVELS}
        for name, table in (("alerts", t.alerts), ("incidents", i), ("tickets", t.tickets)):
            counts[name] = int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        counts["readings"] = sum(row.status.get("readings", 0) for row in connection.execute(select(t.shards)))
        counts["dead letters"] = sum(row.total for row in connection.execute(select(t.dead_letter_totals)))
    return counts


def _figures(counts: dict[str, int]) -> Table:
    table = Table(expand=True)
    for level in reversed(LEVELS):
        table.add_column(Text(f"{level.zh}事件", STYLES[level]), justify="right")
    for name in ("读数", "预警", "事件", "工单", "死信"):
        table.add_column(name, justify="right")
    cells = [str(counts[level.slug]) for level in reversed(LEVELS)]
    cells += [f"{counts[name]:,}" for name in ("readings", "alerts", "incidents", "tickets", "dead letters")]
    table.add_row(*cells)
    return table
