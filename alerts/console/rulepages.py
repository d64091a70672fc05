"""The pages about rules: what is in force, and what it did."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from alerts.console import queries
from alerts.console.rulequeries import Deeds, read_deeds, read_rule_alerts, read_track_record
from alerts.console.rulesheet import Asked, judging, rule_rows, rule_sheet
from alerts.store.rules import RuleStore

MOST_WORDS = 100

rule_router = APIRouter()


@rule_router.get("/rules", response_class=HTMLResponse)
def rules(request: Request, section: str = "", q: str = "", state: str = "") -> str:
    """All rules by domain and class. `section`: of one class only; `q`: with these words; `state`: as in STATES."""
    console: Any = request.app.state.console
    at, asked = console.moment(), Asked(section, q[:MOST_WORDS].strip(), state)
    with console.database.reading() as connection:
        deeds = read_deeds(connection, at.now_ms)
        disabled, shards = queries.read_disabled(connection), queries.read_shards(connection)
    ledger = RuleStore(console.database).ledger()
    sheet = rule_sheet(rule_rows(console.rules, deeds, disabled), console.city.catalogue, asked)
    in_force = judging(shards, console.rules)
    shown = {"book": console.rules, "sheet": sheet, "asked": asked, "in_force": in_force, "ledger": ledger}
    html: str = console.pages.page("rules.html", at, **shown)
    return html


@rule_router.get("/rules/{rule_id}", response_class=HTMLResponse)
def rule(request: Request, rule_id: str) -> str:
    """One rule in full, with its alerts."""
    console: Any = request.app.state.console
    at = console.moment()
    card = console.viewer.rules.get(rule_id)
    if card is None:
        raise HTTPException(404)
    with console.database.reading() as connection:
        alerts, record = (read(connection, rule_id, at.now_ms) for read in (read_rule_alerts, read_track_record))
        deeds = read_deeds(connection, at.now_ms).get(rule_id, Deeds())
        disabled, shards = queries.read_disabled(connection), queries.read_shards(connection)
    (row,) = [row for row in rule_rows(console.rules, {rule_id: deeds}, disabled) if row.card is card]
    html: str = console.pages.page(
        "rule.html",
        at,
        row=row,
        card=card,
        alerts=alerts,
        record=record,
        book=console.rules,
        in_force=judging(shards, console.rules),
        class_names=[c.name for c in console.city.catalogue.classes if c.slug in card.classes],
        subject_words=console.viewer.subject_words,
    )
    return html
