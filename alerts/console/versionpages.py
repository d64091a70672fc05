"""The page of the rules' versions: what is in force, since when and by whom, what waits, and what was found out before.

Where the settings allow it, people decide here what they else decide by `qianshao rules`: by the same core.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from msgspec.structs import replace
from starlette.exceptions import HTTPException

from alerts.console.queries import read_shards
from alerts.console.rulesheet import judging
from alerts.console.security import own_form
from alerts.console.versionqueries import read_report, read_reports
from alerts.publishing import Ledger, NotAllowed, Proposal, identity
from alerts.store.rules import RuleStore

PRODUCTION = "production"
MOST_LISTED = 30
DONE = {
    "approve": "已批准, 新版本生效; 各判定进程几秒内换上, 意思未变的规则计时不断",
    "reject": "已驳回, 规则没有变化",
    "rollback": "回退已生效; 各判定进程几秒内换上",
    "propose": "已提议, 等另一人批准",
}
"""What an address says that was done."""

version_router = APIRouter()


@dataclass(frozen=True)
class Form:
    """What somebody wants to have done. `number`: of a proposal, or of a version."""

    action: str
    number: int
    by: str
    why: str

    @classmethod
    def of(cls, action: str, fields: dict[str, str]) -> "Form":
        """Raises HTTPException for what no page of ours sends."""
        number = fields.get("number", "")
        if action not in ("approve", "reject", "rollback", "propose") or not (number.isdecimal() and len(number) < 10):
            raise HTTPException(404)
        return cls(action, int(number), fields.get("by", "").strip(), fields.get("why", "").strip())


@version_router.get("/rule-versions", response_class=HTMLResponse)
def rule_versions(request: Request, done: str = "") -> str:
    """What is in force, what waits, what was before, and reports. `done`: of DONE."""
    return _page(request, done=DONE.get(done))


@version_router.get("/rule-reports/{report_id}", response_class=HTMLResponse)
def rule_report(request: Request, report_id: int) -> str:
    """One report in full."""
    console: Any = request.app.state.console
    with console.database.reading() as connection:
        found = read_report(connection, report_id)
    if found is None:
        raise HTTPException(404)
    html: str = console.pages.page(
        "report.html",
        console.moment(),
        line=found.line,
        report=found.report,
        rule_name=console.viewer.rule_name,
        subject_words=console.viewer.subject_words,
    )
    return html


@version_router.post("/rule-versions/{action}")
async def change_rules(request: Request, action: str) -> Response:
    """A person decides: name and reason in hand, from a page of ours, where the settings allow it."""
    console: Any = request.app.state.console
    if not console.rules_may_change:
        raise HTTPException(403)
    form = Form.of(action, await own_form(request))
    store = RuleStore(console.database)
    try:
        if not form.by or not form.why:
            raise NotAllowed("no name or no reason", "fill in both")
        done = await run_in_threadpool(_decide, store, form, int(console.moment().wall_ms), console.profile)
    except NotAllowed:
        refused = why_not(await run_in_threadpool(store.ledger), form)
        page = await run_in_threadpool(_page, request, refused=refused, form=form)
        return HTMLResponse(page, 409)
    return RedirectResponse(f"/rule-versions?{urlencode({'done': done})}", 303)


def _decide(store: RuleStore, form: Form, at_ms: int, profile: str) -> str:
    """Have it done. Returns what was, of DONE. Raises NotAllowed."""
    if form.action == "approve":
        store.approve(form.number, form.by, at_ms, form.why)
        return "approve"
    if form.action == "reject":
        store.reject(form.number, form.by, form.why, at_ms)
        return "reject"
    proposal = _proposed(store, form, at_ms)
    if profile == PRODUCTION:
        return "propose"
    store.approve(proposal.id, None, at_ms)
    return "rollback" if form.action == "rollback" else "approve"


def _proposed(store: RuleStore, form: Form, at_ms: int) -> Proposal:
    if form.action == "rollback":
        return store.roll_back(form.number, form.by, form.why, at_ms)
    return store.propose(replace(store.version(form.number), by=form.by, why=form.why, at_ms=at_ms))


def why_not(ledger: Ledger, form: Form) -> str:
    """Why the core did not allow it, in the words of the page."""
    if not identity(form.by):
        return "请填写姓名: 谁办的要留下记录"
    if not form.why:
        return "请填写理由: 以后的人要知道为什么"
    proposal = next((p for p in ledger.proposals if p.id == form.number), None)
    if form.action in ("approve", "reject"):
        if proposal is None:
            return "没有这份提议"
        if proposal.decision is not None:
            return "这份提议已有决定"
        if form.action == "approve" and identity(form.by) == identity(proposal.by):
            return "提议人不能批准自己的提议: 请另一人来办"
        if ledger.is_stale(proposal):
            return "这份提议已过时: 提出之后又有别的版本生效。请看清差别, 再提议一次"
    return "没有办成: 情况刚刚变了, 或者没有这个版本。请看清现状再试"


def _page(request: Request, done: str | None = None, refused: str | None = None, form: Form | None = None) -> str:
    console: Any = request.app.state.console
    store = RuleStore(console.database)
    ledger, heads = store.ledger(), store.heads()
    with console.database.reading() as connection:
        reports, shards = read_reports(connection), read_shards(connection)
    html: str = console.pages.page(
        "versions.html",
        console.moment(),
        ledger=ledger,
        heads=heads,
        reports=reports,
        most=MOST_LISTED,
        in_force=judging(shards, console.rules),
        book=console.rules,
        may_change=console.rules_may_change,
        two_people=console.profile == PRODUCTION,
        done=done,
        refused=refused,
        form=form,
    )
    return html
