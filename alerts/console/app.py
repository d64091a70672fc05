"""The page's routes.

/                  the board: complete without a script
/pieces?have=…     the pieces of the board that are newer than those the page has
/stream            server-sent events: that there is news, and a beat every few seconds
/api/state         the same as data: numbers, open incidents, shards, dead letters
/incidents/{id}    one incident with all that belongs to it
/areas/{id}        one monitored area
/rules             the rules in force and what they did in the last day; /rules/{id}: one of them in full
/rule-versions     which version is in force, since when and by whom, what waits, reports; /rule-reports/{id}: one
/dead-letters      the newest of what was refused, and what to do about it
/healthz           for whoever watches over this process
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from alerts.console import queries
from alerts.console.atlas import atlas_of
from alerts.console.board import Board
from alerts.console.dossier import read_dossier
from alerts.console.live import UNREADABLE, Live
from alerts.console.moment import Moment
from alerts.console.pages import PIECES, STATIC, Pages
from alerts.console.rulepages import rule_router
from alerts.console.security import SecureHeaders
from alerts.console.state import State, state_of
from alerts.console.versionpages import version_router
from alerts.console.view import Viewer
from alerts.rulebook import NO_RULES, RuleBook
from alerts.store.database import Database
from city.city import City
from city.clock import Timekeeper, wall_ms

MOST_STREAMS = 500
REFUSED = {
    403: ("不能从这里办理", "没有开放此项, 或者请求不是从本页发出的。什么也没有改变。"),
    404: ("没有这一页", "编号可能有误, 或者记录已经归档。"),
}
HAVE_LENGTH = 400


class Console:
    """What the routes share. `streams`: how many pages listen now."""

    def __init__(
        self,
        database: Database,
        city: City,
        clock: Timekeeper,
        profile: str,
        rules: RuleBook,
        rules_may_change: bool,
    ) -> None:
        self.database, self.city, self._clock = database, city, clock
        self.profile, self.rules_may_change = profile, rules_may_change
        self.atlas = atlas_of(city)
        self.show_rules(rules)
        self.pages = Pages(city, self.atlas, profile)
        self.live = Live(self._board, self.moment)
        self.streams = 0

    def show_rules(self, rules: RuleBook) -> None:
        """What the rules in force say from now on."""
        self.rules, self.viewer = rules, Viewer(self.city, self.atlas, rules)

    def moment(self) -> Moment:
        return Moment(self._clock.now_ms(), wall_ms(), self._clock.speed, self._clock.over)

    def _board(self, at: Moment) -> Board:
        with self.database.reading() as connection:
            situation = queries.read_situation(connection, at.now_ms)
        return self.viewer.board(situation, at)


def create_app(
    database: Database,
    city: City,
    clock: Timekeeper,
    profile: str,
    rules: RuleBook = NO_RULES,
    rules_may_change: bool = False,
) -> FastAPI:
    """The page of a city, read from a database that `Database.migrate` has prepared. `clock`: the one that ingest ticks
    by; `profile`: "embedded" says so on the page; `rules`: what the rules in force say, until others are handed to
    `app.state.show_rules`; `rules_may_change`: whether it brings others into force, for anybody who reaches it.

    A server that is told to stop does so at once if it calls `app.state.hang_up()` first: pages listen for ever.
    """
    console = Console(database, city, clock, profile, rules, rules_may_change)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        poller = asyncio.create_task(console.live.run())
        yield
        poller.cancel()
        with suppress(asyncio.CancelledError):
            await poller

    app = FastAPI(title="前哨", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.state.console = console
    app.state.hang_up = console.live.end
    app.state.show_rules = console.show_rules
    app.include_router(router)
    app.include_router(rule_router)
    app.include_router(version_router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(HTTPException, _refuse)
    for error in UNREADABLE:
        app.add_exception_handler(error, _unreadable)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(SecureHeaders)
    return app


router = APIRouter()


def _console(request: Request) -> Console:
    console: Console = request.app.state.console
    return console


@router.get("/", response_class=HTMLResponse)
async def board(request: Request) -> str:
    console = _console(request)
    return console.pages.board(await console.live.look())


@router.get("/pieces")
async def pieces(request: Request, have: str = "") -> Response:
    """Pieces that are not among `have`: versions with commas between them, as the page's elements carry them."""
    console = _console(request)
    look = await console.live.look()
    known = set(have[:HAVE_LENGTH].split(","))
    new = {name: console.pages.piece(name, look) for name in PIECES if look.versions[name] not in known}
    answer = {"notice": console.live.notice(), "pieces": new}
    return Response(msgspec.json.encode(answer), media_type="application/json")


@router.get("/stream")
async def stream(request: Request) -> StreamingResponse:
    console = _console(request)
    if console.streams >= MOST_STREAMS:
        raise HTTPException(503)
    return StreamingResponse(_events(console), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def _events(console: Console) -> AsyncIterator[bytes]:
    console.streams += 1
    try:
        async for notice in console.live.notices():
            yield b"data: " + msgspec.json.encode(notice) + b"\n\n"
    finally:
        console.streams -= 1


@router.get("/api/state")
async def state(request: Request) -> State:
    """How the district stands, as data. Times are ms UTC, by the clock that `now_ms` is of unless they say wall."""
    console = _console(request)
    return state_of(console.city, await console.live.look())


@router.get("/incidents/{incident_id}", response_class=HTMLResponse)
def incident(request: Request, incident_id: str) -> str:
    console = _console(request)
    at = console.moment()
    with console.database.reading() as connection:
        dossier = read_dossier(connection, incident_id)
    if dossier is None:
        raise HTTPException(404)
    viewer = console.viewer
    return console.pages.page(
        "incident.html",
        at,
        dossier=dossier,
        line=dossier.line,
        row=viewer.row(dossier.line, at.now_ms),
        route=viewer.route_words(dossier.line),
        subject_words=viewer.subject_words,
        rules=viewer.rules,
        merged=[viewer.row(line, at.now_ms) for line in dossier.merged],
    )


@router.get("/areas/{area_id}", response_class=HTMLResponse)
def area(request: Request, area_id: str) -> str:
    console = _console(request)
    at = console.moment()
    found = console.city.areas.get(area_id)
    if found is None:
        raise HTTPException(404)
    with console.database.reading() as connection:
        still, past = queries.read_area(connection, area_id)
    return console.pages.page(
        "area.html",
        at,
        area=found,
        drawing=console.atlas.areas.get(area_id),
        street=console.city.street_of(found.admin),
        still=[console.viewer.row(line, at.now_ms) for line in still],
        past=[console.viewer.row(line, at.now_ms) for line in past],
    )


@router.get("/dead-letters", response_class=HTMLResponse)
def dead_letters(request: Request, reason: str | None = None) -> str:
    console = _console(request)
    at = console.moment()
    with console.database.reading() as connection:
        counts = queries.read_refused(connection, at.now_ms)
        letters = queries.read_letters(connection, reason)
    return console.pages.page("letters.html", at, counts=counts, letters=letters, reason=reason)


@router.get("/healthz")
def healthz(request: Request) -> JSONResponse:
    """200 with the newest log time and the age of the newest checkpoint; 503 when the database cannot be read."""
    console = _console(request)
    try:
        with console.database.reading() as connection:
            shards = queries.read_shards(connection)
    except UNREADABLE as error:
        return JSONResponse({"database": False, "error": type(error).__name__}, 503)
    saved_wall_ms = max((line.saved_wall_ms for line in shards), default=None)
    return JSONResponse(
        {
            "database": True,
            "shards": len(shards),
            "log_ms": max((line.log_ms for line in shards if line.log_ms is not None), default=None),
            "checkpoint_age_s": None if saved_wall_ms is None else round((wall_ms() - saved_wall_ms) / 1000, 1),
        }
    )


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title, detail = REFUSED.get(error.status_code, ("现在不能办理", f"服务器答复 {error.status_code}。"))
    return _plain(request, error.status_code, title, detail)


async def _unreadable(request: Request, _error: Exception) -> Response:
    return _plain(request, 503, "读不到数据库", "页面上没有任何可信的数据。请立即通知运维, 并改用其他手段值守。")


def _plain(request: Request, status: int, title: str, detail: str) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": title, "detail": detail}, status)
    console = _console(request)
    return HTMLResponse(console.pages.page("plain.html", console.moment(), title=title, detail=detail), status)
