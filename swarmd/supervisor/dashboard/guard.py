"""Who may ask the dashboard what: the one door in front of every route.

Loopback is no wall: any page in the same browser can send requests there, and a name can be made to point there. So a
request must name a host of ours (DNS rebinding), bring the token (cookie or ``Authorization: Bearer``), and to change
anything also come from our own page (Origin) with a word only that page can read (CSRF). Plain ASGI, so that a stream
passes through it untouched. Nothing here logs; a token never stands in an answer.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_BYTES = 16 << 10
_QUERY_BYTES = 4 << 10
_HEADER_BYTES = 32 << 10
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_OPEN_PATHS = frozenset({"/favicon.ico"})
_COOKIE_FOR_S = 90 * 24 * 3600
_METHODS = ("GET", "HEAD", "POST")

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
     b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens the door. The cookie is not the token: it reaches every port of the same host name."""

    token: str
    port: int

    def _derived(self, purpose: str) -> str:
        return hmac.new(self.token.encode(), purpose.encode(), hashlib.sha256).hexdigest()

    @property
    def cookie_name(self) -> str:
        return f"swarmd_{self.port}"

    @property
    def cookie(self) -> str:
        return self._derived("cookie")

    @property
    def csrf(self) -> str:
        return self._derived("csrf")


class Refusal(Exception):  # noqa: N818  (it is an answer)
    """A status and one line that says what to do."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(told)
        self.status = status
        self.told = told


class Guard:
    """Wraps the application; ``names`` may stand in the Host header, with any port."""

    def __init__(self, app: App, keys: Keys, *, names: Iterable[str] = (), read_only: bool = False) -> None:
        self._app = app
        self._keys = keys
        self._names = LOOPBACK_NAMES | {name.lower() for name in names}
        self._read_only = read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            self._check_place(scope, headers)
            query = scope["query_string"].decode("latin-1")
            if scope["path"] not in _OPEN_PATHS:
                given = parse_qs(query).get("token", [""])[0]
                if given and scope["method"] == "GET":
                    await self._let_in(scope, query, given, send)
                    return
                is_bearer = self._check_token(headers)
                if scope["method"] == "POST":
                    self._check_write(headers, is_bearer=is_bearer)
                    receive = await _whole_body(headers, receive)
        except Refusal as refusal:
            await _answer(send, refusal.status, _told(scope, refusal))
            return
        await self._app(scope, receive, _with_headers(send))

    # -- the checks, in their order -------------------------------------------------------------------------------

    def _check_place(self, scope: Scope, headers: MutableMapping[str, str]) -> None:
        if sum(name == b"host" for name, _ in scope["headers"]) != 1 or host_name(headers["host"]) not in self._names:
            raise Refusal(421, "this server does not answer to that name; open it by the address that `swarmd status` "
                          "tells, or name the host with `swarmd serve --allow-host NAME`")  # fmt: skip
        if scope["method"] not in _METHODS:
            raise Refusal(405, f"{scope['method'][:10]} is not answered here; use GET, or POST for an action")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > _HEADER_BYTES:
            raise Refusal(431, f"the headers are longer than {_HEADER_BYTES >> 10} KiB")
        if len(scope["query_string"]) > _QUERY_BYTES:
            raise Refusal(414, f"the address is longer than {_QUERY_BYTES} bytes")

    def _check_token(self, headers: MutableMapping[str, str]) -> bool:
        """Whether it came as a bearer token, which no browser adds by itself."""
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _is_same(bearer.strip(), self._keys.token):
            return True
        if _is_same(_cookie(headers.get("cookie", ""), self._keys.cookie_name), self._keys.cookie):
            return False
        raise Refusal(401, "this needs the token of the home: open the address that `swarmd status` prints, or send "
                      "`Authorization: Bearer` with what stands in state/run/dashboard.token")  # fmt: skip

    def _check_write(self, headers: MutableMapping[str, str], *, is_bearer: bool) -> None:
        if self._read_only:
            raise Refusal(403, "this dashboard was started with --read-only: it shows, and changes nothing")
        origin = headers.get("origin")
        if origin is not None and not _is_own(origin, headers["host"]):
            raise Refusal(403, "an action must come from this dashboard's own page")
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refusal(403, "an action must come from this dashboard's own page")
        if is_bearer:
            return
        if origin is None:
            raise Refusal(403, "an action by cookie must say where it comes from (Origin)")
        if not _is_same(headers.get("x-csrf-token", ""), self._keys.csrf):
            raise Refusal(403, "an action by cookie needs the page's X-CSRF-Token; load the page again")

    async def _let_in(self, scope: Scope, query: str, given: str, send: Send) -> None:
        """The cookie for the token, and on to the same address without it.

        A page that sends itself on, and no redirect: coming from a link in a mail, a redirect would still count as
        from there, and a strict cookie would stay behind.
        """
        if not _is_same(given, self._keys.token):
            raise Refusal(
                401, "that token does not open this home; `swarmd status` prints the address with the right one"
            )
        left = {name: values for name, values in parse_qs(query).items() if name != "token"}
        path = "/" + scope["path"].lstrip("/")  # never //host
        target = path + (f"?{urlencode(left, doseq=True)}" if left else "")
        cookie = (
            f"{self._keys.cookie_name}={self._keys.cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age={_COOKIE_FOR_S}"
        )
        more = [(b"set-cookie", cookie.encode()), (b"refresh", f"0; url={target}".encode("latin-1", "replace"))]
        await _answer(
            send, 200, (b"text/html; charset=utf-8", b"<!DOCTYPE html><title>swarmd</title><p>Opening\n"), more
        )


def host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _is_own(origin: str, host: str) -> bool:
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.strip().lower()


def _is_same(given: str, wanted: str) -> bool:
    """In constant time, whatever is given."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


def _cookie(header: str, name: str) -> str:
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


async def _whole_body(headers: MutableMapping[str, str], receive: Receive) -> Receive:
    """The body read here, up to the limit, and given on as one piece."""
    told = headers.get("content-length", "")
    if told.isdigit() and int(told[:20]) > BODY_BYTES:
        raise Refusal(413, f"an action has at most {BODY_BYTES} bytes")
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            raise Refusal(413, f"an action has at most {BODY_BYTES} bytes")
        if not message.get("more_body", False):
            break
    is_given = False

    async def given() -> MutableMapping[str, Any]:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return given


# -- answers of the door itself ---------------------------------------------------------------------------------------


def _told(scope: Scope, refusal: Refusal) -> tuple[bytes, bytes]:
    if scope["path"].startswith(("/api/", "/events", "/metrics")):
        return b"application/json", orjson.dumps({"error": refusal.told})
    page = f"<!DOCTYPE html><html lang=en><title>swarmd</title><h1>{refusal.status}</h1><p>{refusal.told}</p></html>\n"
    return b"text/html; charset=utf-8", page.encode()


async def _answer(send: Send, status: int, told: tuple[bytes, bytes], more: Iterable[tuple[bytes, bytes]] = ()) -> None:
    kind, body = told
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    if status == 413:
        headers.append((b"connection", b"close"))  # its rest is not read
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *more, *HEADERS]})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message.get("headers", ())}
            message["headers"] = [*message.get("headers", ()), *(each for each in HEADERS if each[0] not in own)]
        await send(message)

    return sent
