"""The routes: a path and a query string in, a document of ``answers`` out.

Everything is read from memory but the past, a champion's files and its bars, which are read in a thread. Errors that
a person can mend are told as JSON with their line; nothing else of us is ever told to a client.
"""

import asyncio
import hashlib
import mimetypes
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from swarmd import __version__
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.state.units import millis_of_iso
from swarmd.supervisor.dashboard.answers import Answers, past_document, whole_document
from swarmd.supervisor.dashboard.bar_files import BARS_MAX
from swarmd.supervisor.dashboard.certificate import certificate_html
from swarmd.supervisor.dashboard.controls import asked_of, controls
from swarmd.supervisor.dashboard.guard import Keys
from swarmd.supervisor.dashboard.niche import fills, niche_document
from swarmd.supervisor.dashboard.pages import Asked
from swarmd.supervisor.dashboard.sheets import ROWS_MAX, csv_of
from swarmd.supervisor.dashboard.stream import Stream
from swarmd.supervisor.dashboard.studies import ledger_rows, study_document
from swarmd.supervisor.metrics import CONTENT_TYPE, Watched, metrics_text
from swarmd.supervisor.presence import ask, daemon_of

Row = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]

PAGES = ("/", "/assets", "/champion", "/search", "/incidents", "/time", "/inbox")
STATIC = Path(__file__).with_name("static")
_ANSWERED_WITHIN_S = 10.0
_LOOK_EVERY_S = 0.1
# A certificate's page brings its own styles and pictures, and nothing else: no script, no address.
_CERTIFICATE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file of the page, held in memory: what is not in the table is not there, whatever its path says."""

    content: bytes
    kind: str
    etag: str


def static_files() -> dict[str, StaticFile]:
    """``/static/…`` and the favicon, by path."""
    found = {}
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            kind = mimetypes.guess_type(path.name)[0] or "text/plain"
            if kind.startswith("text/"):
                kind += "; charset=utf-8"
            name = f"/static/{path.relative_to(STATIC).as_posix()}"
            found[name] = StaticFile(content, kind, f'"{hashlib.sha256(content).hexdigest()[:20]}"')
    found["/favicon.ico"] = found["/static/favicon.svg"]
    return found


class Site:
    """The home's answers, the stream to all pages, and what is served of them."""

    def __init__(self, home: Home, keys: Keys, *, read_only: bool = False, clients_max: int | None = None) -> None:
        self.home = home
        self.answers = Answers(home)
        self.stream = Stream(self.answers, **({} if clients_max is None else {"clients_max": clients_max}))
        self._keys = keys
        self._read_only = read_only
        self._files = static_files()
        self._past_turn = asyncio.Semaphore(1)
        self._asking = asyncio.Semaphore(4)

    def app(self) -> Starlette:
        routes = [
            *(Route(path, self.shell) for path in PAGES),
            Route("/static/{path:path}", self.static),
            Route("/favicon.ico", self.static),
            Route("/events", self.events),
            Route("/metrics", self.metrics),
            Route("/certificate/{niche}", told(self.certificate)),
            Route("/api/session", told(self.session)),
            Route("/api/now", told(self.now)),
            Route("/api/history", told(self.history)),
            Route("/api/explain", told(self.explain)),
            Route("/api/champions/{niche}", told(self.champion)),
            Route("/api/champions/{niche}/bars", told(self.bars)),
            Route("/api/search", told(self.search)),
            Route("/api/ledger", told(self.ledger)),
            Route("/api/time", told(self.span)),
            Route("/api/at", told(self.at)),
            Route("/api/actions", told(self.act), methods=["POST"]),
            Route("/api/table/{topic}", told(self.table)),
            Route("/api/csv/{topic}", told(self.sheet)),
        ]
        return Starlette(routes=routes)

    # -- the page itself ------------------------------------------------------------------------------------------

    async def shell(self, request: Request) -> Response:
        return self._file(request, "/static/index.html")

    async def static(self, request: Request) -> Response:
        return self._file(request, request.url.path)

    def _file(self, request: Request, name: str) -> Response:
        file = self._files.get(name)
        if file is None:
            return json_response({"error": f"there is no {request.url.path[:100]} here"}, 404)
        # Asked for again at each load, and mostly answered by "as it was": a new version shows at once.
        headers = {"etag": file.etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.kind, headers=headers)

    async def events(self, request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if self.stream.is_full:
            self.stream.refuse()
            text = f"{self.stream.n_clients} pages are open already, which is the limit; close one, or ask /api/now"
            return json_response({"error": text}, 503, {"retry-after": "10"})
        frames = self.stream.frames(request.headers.get("last-event-id", ""))
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(frames, media_type="text/event-stream", headers=headers)

    async def metrics(self, request: Request) -> Response:
        self.answers.look()
        watched = Watched(self.stream.n_clients, self.stream.n_refused, len(self.answers.book))
        body = metrics_text(self.answers.picture, self.answers.facts, self.home, watched)
        return Response(body, media_type=CONTENT_TYPE)

    # -- documents --------------------------------------------------------------------------------------------------

    async def session(self, request: Request) -> Row:
        return {
            "csrf": "" if self._read_only else self._keys.csrf,
            "read_only": self._read_only,
            "version": __version__,
            "home": str(self.home.root),
            "controls": [] if self._read_only else controls(),
        }

    async def now(self, request: Request) -> Row:
        self.answers.look()
        return self.answers.now()

    async def history(self, request: Request) -> Row:
        self.answers.look()
        return self.answers.history()

    async def table(self, request: Request) -> Row:
        return self._page(request, Asked.of(lambda name: request.query_params.get(name, "")))

    async def sheet(self, request: Request) -> Response:
        """The table as a file, in the order and with the filter that the page shows."""
        asked = Asked.of(lambda name: request.query_params.get(name, ""))
        page = self._page(request, replace(asked, limit=ROWS_MAX))
        name = f"{request.path_params['topic']}.csv"
        headers = {
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "no-store",
            "x-total-rows": str(page["total"]),
        }
        body = await asyncio.to_thread(csv_of, page["rows"])
        return Response(body, media_type="text/csv; charset=utf-8", headers=headers)

    def _page(self, request: Request, asked: Asked) -> Row:
        if request.path_params["topic"] in ("trials", "studies"):
            self.answers.read_trials()
        self.answers.look()
        return self.answers.page(request.path_params["topic"], asked)

    async def explain(self, request: Request) -> Row:
        return await asyncio.to_thread(self.answers.explain, _word(request, "id"))

    async def champion(self, request: Request) -> Row:
        self.answers.look()
        return niche_document(self.home, self.answers.picture, self.answers.facts, request.path_params["niche"])

    async def bars(self, request: Request) -> Row:
        """Bars of a stretch, with the champion's fills in it."""
        self.answers.look()
        picture, niche = self.answers.picture, request.path_params["niche"]
        row = picture.get("champion", niche)
        if row is None:
            raise OperatorError(f"there is no champion {niche!r}")
        campaign = picture.get("campaign", row["campaign"])
        if campaign is None:
            raise OperatorError(f"campaign {row['campaign']} is not on record here, and it knew where the bars lie")
        since, until = (_millis(request, name) for name in ("from", "to"))
        most = Asked.of(lambda name: "" if name != "limit" else request.query_params.get("limit", "")[:4]).limit
        root = campaign["settings"]["data"]["root"]

        def read() -> Row:
            found = self.answers.bar_files.drawn(root, row["symbol"], since, until, min(most, BARS_MAX))
            return found | {"fills": fills(self.home, picture, niche)}

        return await asyncio.to_thread(read)

    async def certificate(self, request: Request) -> Response:
        picture, niche = self.answers.picture, request.path_params["niche"]
        row = picture.get("champion", niche)
        if row is None:
            raise OperatorError(f"there is no champion {niche!r}")
        async with self._past_turn:
            page = await asyncio.to_thread(certificate_html, self.home, niche, row["checksum"])
        return Response(page, media_type="text/html", headers={"content-security-policy": _CERTIFICATE_POLICY})

    async def search(self, request: Request) -> Row:
        self.answers.read_trials()
        self.answers.look()
        picture = self.answers.picture
        job = picture.get("job", _word(request, "job"))
        if job is None:
            raise OperatorError(f"there is no job {_word(request, 'job')[:100]!r}")
        return study_document(self.home, picture, self.answers.book, job)

    async def ledger(self, request: Request) -> Row:
        return {"rows": await asyncio.to_thread(ledger_rows, self.home)}

    async def span(self, request: Request) -> Row:
        self.answers.look()
        return self.answers.span()

    async def at(self, request: Request) -> Row:
        at = _millis(request, "at")
        if at is None:
            raise OperatorError("say which instant: ?at=2026-01-31T09:30:00Z")
        if (known := self.answers.known_past(at)) is not None:
            return known
        self.answers.look()
        if self.answers.facts.is_alive and at >= millis_of_iso(self.answers.reader.last_at):
            return whole_document(self.answers.picture, self.answers.facts)  # nothing was written since: it is now
        async with self._past_turn:
            document = await asyncio.to_thread(past_document, self.home, at)
        self.answers.keep_past(at, document)
        return document

    # -- actions ----------------------------------------------------------------------------------------------------

    async def act(self, request: Request) -> Row:
        """Ask the daemon, and give back how it stands once it has answered."""
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            raise OperatorError('an action is a JSON object like {"verb": "pause"}') from None
        verb, more = asked_of(body)
        if daemon_of(self.home) is None:
            raise OperatorError(
                f"no daemon runs: there is nobody to {verb.replace('_', ' ')}; start it: `swarmd start`"
            )
        async with self._asking:
            id = ask(self.home, verb, asked_by="dashboard", **more)
            answered = await self._answer_to(id)
        self.stream.tell()
        return {
            "request": id,
            "status": answered.get("status", "pending"),
            "answer": answered.get("answer") or "the daemon has not answered yet; the request stands",
            "refused": answered.get("is_refused", False),
            "now": self.answers.now(),
        }

    async def _answer_to(self, id: str) -> Row:
        """The request once it is answered, or as it stands when the time is up or the daemon has left."""
        until = time.monotonic() + _ANSWERED_WITHIN_S
        row: Row = {}
        while time.monotonic() < until:
            self.answers.look()
            row = self.answers.picture.get("request", id) or {}
            if row.get("status") == "answered" or not self.answers.facts.is_alive:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        return row


def told(handler: Callable[[Request], Awaitable[Row | Response]]) -> Handler:
    """The document as JSON, and what a person can mend as a line of it."""

    async def route(request: Request) -> Response:
        try:
            answer = await handler(request)
        except OperatorError as wrong:
            return json_response({"error": str(wrong)}, 400)
        except OutsideError as trouble:
            return json_response({"error": str(trouble)}, 503)
        return answer if isinstance(answer, Response) else json_response(answer)

    return route


def json_response(document: Row, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
    return Response(body, status, {"cache-control": "no-store", **(headers or {})}, media_type="application/json")


def _word(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if not value or len(value) > 300 or not value.isprintable():
        raise OperatorError(f"say which: ?{name}=…")
    return value


def _millis(request: Request, name: str) -> int | None:
    """An instant in milliseconds, or as ISO-8601."""
    text = request.query_params.get(name, "")
    if not text:
        return None
    try:
        at = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else millis_of_iso(text)
    except (ValueError, OverflowError):
        raise OperatorError(f"{name} {text[:40]!r} is not a time; write it like 2026-01-31T09:30:00Z") from None
    if not 0 <= at < 253_402_300_800_000:
        raise OperatorError(f"{name} {text[:40]!r} is out of range")
    return at
