"""The door: who is let in, from where, with what; and that nothing gives the token away."""

from collections.abc import AsyncIterator

import httpx
import pytest
from dashboard_home import KEYS, TOKEN, Client, a_living_home

from swarmd.supervisor.dashboard.guard import BODY_BYTES, HEADERS, host_name

PLACES = ["/", "/assets", "/api/now", "/api/table/lanes", "/events", "/metrics", "/static/js/main.js", "/nowhere"]
COOKIE = {"cookie": f"{KEYS.cookie_name}={KEYS.cookie}"}
OWN = {"origin": "http://127.0.0.1:8787"}
CSRF = {"x-csrf-token": KEYS.csrf}
PAUSE = {"verb": "pause"}


@pytest.mark.parametrize("place", PLACES)
async def test_nothing_is_shown_without_the_token(client: Client, place: str) -> None:
    answer = await client(None).get(place)
    assert answer.status_code == 401
    assert "swarmd status" in answer.text


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "t", "é" * 43, KEYS.cookie])
async def test_another_token_opens_nothing(client: Client, token: str) -> None:
    headers = {"authorization": f"Bearer {token}".encode()}
    assert (await client(None).get("/api/now", headers=headers)).status_code == 401
    assert (await client(None).get("/", params={"token": token})).status_code == 401
    cookie = {"cookie": f"{KEYS.cookie_name}={token}".encode()}
    if token != KEYS.cookie:
        assert (await client(None).get("/api/now", headers=cookie)).status_code == 401


async def test_the_favicon_alone_is_for_everybody(client: Client) -> None:
    answer = await client(None).get("/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


async def test_one_visit_with_the_token_leaves_a_strict_cookie_and_an_address_without_it(client: Client) -> None:
    browser = client(None)
    came = await browser.get("/search", params={"token": TOKEN, "job": "a b"})
    assert came.status_code == 200
    assert came.headers["refresh"] == "0; url=/search?job=a+b"
    cookie = came.headers["set-cookie"]
    assert cookie.startswith(f"{KEYS.cookie_name}={KEYS.cookie};")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert TOKEN not in came.text + str(came.headers)
    assert (await browser.get("/api/now")).status_code == 200


async def test_a_visit_never_sends_on_to_another_host(client: Client) -> None:
    answer = await client(None).get("http://127.0.0.1:8787//evil.example/", params={"token": TOKEN})
    assert answer.headers["refresh"] == "0; url=/evil.example/"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8787", "127.0.0.1.evil.example", "10.0.0.7", "", "[::2]"]
)
async def test_a_name_that_is_not_ours_is_refused_though_the_token_is_right(client: Client, host: str) -> None:
    assert (await client().get("/api/now", headers={"host": host})).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8787", "localhost:9000", "LOCALHOST", "[::1]:8787", "box.lan"])
async def test_loopback_by_any_port_and_names_that_were_allowed_are_answered(client: Client, host: str) -> None:
    assert (await client().get("/api/now", headers={"host": host})).status_code == 200


def test_the_name_in_a_host_header_is_read_without_its_port() -> None:
    assert [host_name(host) for host in ("a:1", "A", "[::1]:8", "[::1]", "a:1:2")] == ["a", "a", "[::1]", "[::1]", "a"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (CSRF | OWN, 401),
        (COOKIE, 403),
        (COOKIE | OWN, 403),
        (COOKIE | CSRF, 403),
        (COOKIE | OWN | {"x-csrf-token": "x"}, 403),
        (COOKIE | CSRF | {"origin": "http://evil.example"}, 403),
        (COOKIE | CSRF | {"origin": "http://127.0.0.1:9999"}, 403),
        (COOKIE | CSRF | {"origin": "null"}, 403),
        (COOKIE | CSRF | OWN | {"sec-fetch-site": "cross-site"}, 403),
        ({"authorization": f"Bearer {TOKEN}", "origin": "http://evil.example"}, 403),
        ({"authorization": f"Bearer {TOKEN}", "sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_nothing_is_asked_from_elsewhere_or_without_the_pages_own_word(
    client: Client, headers: dict[str, str], status: int
) -> None:
    answer = await client(None).post("/api/actions", json=PAUSE, headers=headers)
    assert answer.status_code == status


async def test_a_page_with_all_three_and_a_script_with_its_token_may_ask(client: Client) -> None:
    """It is told that nobody is there to answer: it came through the door."""
    for headers in (COOKIE | OWN | CSRF, COOKIE | OWN | CSRF | {"sec-fetch-site": "same-origin"}):
        answer = await client(None).post("/api/actions", json=PAUSE, headers=headers)
        assert (answer.status_code, "no daemon runs" in answer.json()["error"]) == (400, True)
    assert (await client().post("/api/actions", json=PAUSE)).status_code == 400


async def test_who_is_read_only_takes_no_action_and_gives_no_word_for_one(client: Client) -> None:
    looking = client(read_only=True)
    assert (await looking.post("/api/actions", json=PAUSE)).status_code == 403
    session = (await looking.get("/api/session")).json()
    assert (session["csrf"], session["controls"], session["read_only"]) == ("", [], True)


async def test_a_long_body_is_refused_whether_it_tells_its_length_or_not(client: Client) -> None:
    long = b"x" * (BODY_BYTES + 1)

    async def in_pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(long), 4096):
            yield long[at : at + 4096]

    assert (await client().post("/api/actions", content=long)).status_code == 413
    assert (await client().post("/api/actions", content=in_pieces())).status_code == 413
    lying = {"content-length": "99999999999999999999"}
    assert (await client().post("/api/actions", content=b"{}", headers=lying)).status_code == 413


async def test_a_long_address_and_other_methods_are_refused(client: Client) -> None:
    assert (await client().get("/api/now?x=" + "y" * 5000)).status_code == 414
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"):
        assert (await client().request(method, "/api/now")).status_code == 405
    assert (await client().get("/api/actions")).status_code == 405


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd", "/static/js/",
     "/static/js/main.js%00.css", "/static/....//app.py", "/../../etc/passwd", "/certificate/..%2f..%2fetc%2fpasswd",
     "/api/champions/..%2f..%2fsecret", "/api/champions/..%2fx/bars"],
)  # fmt: skip
async def test_no_path_leads_out_of_the_files_of_the_page(client: Client, path: str) -> None:
    answer = await client().send(httpx.Request("GET", httpx.URL("http://127.0.0.1:8787", raw_path=path.encode()),
                                               headers={"authorization": f"Bearer {TOKEN}"}))  # fmt: skip
    assert answer.status_code in (400, 404)
    assert "root:" not in answer.text
    assert "import" not in answer.text


@pytest.mark.parametrize("place", ["/", "/api/now", "/nowhere", "/metrics"])
async def test_every_answer_bears_the_headers_that_keep_others_out(client: Client, place: str) -> None:
    for answer in (await client().get(place), await client(None).get(place)):
        for name, value in HEADERS:
            assert answer.headers[name.decode()] == value.decode()
    assert "'unsafe" not in dict(HEADERS)[b"content-security-policy"].decode()


async def test_no_answer_holds_the_token(client: Client) -> None:
    for place in [*PLACES[:4], "/api/session", "/metrics", "/"]:
        answer = await client().get(place)
        assert TOKEN not in answer.text + str(answer.headers), place


async def test_what_is_asked_is_answered_by_the_daemon_and_shown_at_once(client: Client, tmp_path: object) -> None:
    with a_living_home(tmp_path) as living:  # type: ignore[arg-type]
        asking = client(home=living.home)
        told = (await asking.post("/api/actions", json=PAUSE)).json()
        assert (told["status"], told["now"]["campaign"]["status"]) == ("answered", "paused")
        told = (await asking.post("/api/actions", json={"verb": "resume"})).json()
        assert told["now"]["campaign"]["status"] == "active"
        rows = (await asking.get("/api/table/requests")).json()["rows"]
        assert [(row["verb"], row["asked_by"]) for row in rows] == [("resume", "dashboard"), ("pause", "dashboard")]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "JSON object"),
        (b"[]", "JSON object"),
        (b'{"verb": "explode"}', "'explode' is no action"),
        (b'{"verb": ["stop"]}', "is no action"),
        (b'{"verb": "pause", "force": 1}', "and no force"),
        (b'{"verb": "kill"}', "which lane"),
        (b'{"verb": "pause", "subject": "x"}', "leave the subject out"),
        (b'{"verb": "kill", "subject": "a\\nb"}', "is a text"),
        (b'{"verb": "prioritise", "subject": "BTC", "place": "middle"}', "first or last"),
    ],
)
async def test_an_action_that_is_none_is_told_what_is_wrong(client: Client, body: bytes, said: str) -> None:
    answer = await client().post("/api/actions", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
