"""Reports about rules, asked of the store: the newest, and one in full."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from alerts.store import schema as t

REPORTS_LISTED = 20
KINDS = ("shadow", "backtest")
"""Reports that people asked for."""

_r = t.rule_reports.c


@dataclass(frozen=True)
class ReportLine:
    """A report without what it says: `found`, how many differences, or alerts of a backtest. `at_ms`: wall time."""

    id: int
    kind: str
    version: int | None
    meaning: str
    by: str
    at_ms: int
    found: int | None


@dataclass(frozen=True)
class Report:
    """A report in full."""

    line: ReportLine
    report: dict[str, Any]


_FOUND = {"shadow": ("differences", "count"), "backtest": ("alerts",)}


def read_reports(connection: Connection) -> tuple[ReportLine, ...]:
    """The newest shadow runs and backtests."""
    counts = [_r.report[path].as_integer().label(kind) for kind, path in _FOUND.items()]
    query = select(_r.id, _r.kind, _r.version, _r.meaning, _r.by, _r.at_ms, *counts).where(_r.kind.in_(KINDS))
    rows = connection.execute(query.order_by(_r.at_ms.desc(), _r.id.desc()).limit(REPORTS_LISTED))
    return tuple(_line(row, row._mapping[row.kind]) for row in rows)


def read_report(connection: Connection, report_id: int) -> Report | None:
    row = connection.execute(select(t.rule_reports).where((_r.id == report_id) & _r.kind.in_(KINDS))).first()
    return None if row is None else Report(_line(row, None), row.report)


def _line(row: Any, found: int | None) -> ReportLine:
    return ReportLine(row.id, row.kind, row.version, row.meaning, row.by, row.at_ms, found)
