"""What the door and the streams bear: two names at once, long headers, one page too many, a thousand pages."""

import asyncio
from pathlib import Path

import httpx
from dashboard_home import KEYS, TOKEN, Client, told_home

from swarmd.state.store.files import Home
from swarmd.supervisor.dashboard.app import Site
from swarmd.supervisor.dashboard.guard import Guard

OURS = {"authorization": f"Bearer {TOKEN}"}


async def test_a_request_with_two_hosts_or_none_is_refused_though_one_is_ours(client: Client) -> None:
    """A proxy and the page behind it could each read another one."""
    for hosts in ([b"127.0.0.1:8787", b"evil.example"], [b"127.0.0.1:8787"] * 2, []):
        sent: list[dict[str, object]] = []

        async def told(message: object) -> None:
            sent.append(dict(message))  # type: ignore[call-overload]  # noqa: B023

        async def nothing() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        guard = Guard(Site(Home(Path("/nowhere")), KEYS).app(), KEYS)
        headers = [*((b"host", host) for host in hosts), (b"authorization", OURS["authorization"].encode())]
        scope = {"type": "http", "method": "GET", "path": "/api/session", "query_string": b"", "headers": headers}
        await guard(scope, nothing, told)
        assert sent[0]["status"] == 421


async def test_long_headers_are_refused_before_anything_is_made_of_them(client: Client) -> None:
    assert (await client().get("/api/session", headers={"x-long": "y" * (33 << 10)})).status_code == 431
    assert (await client().get("/api/session", headers={"x-long": "y" * (31 << 10)})).status_code == 200


async def test_a_method_that_is_not_ours_is_refused_by_the_door_whoever_asks(client: Client) -> None:
    for method in ("PUT", "OPTIONS", "TRACE"):
        answer = await client(None).request(method, "/api/actions")
        assert (answer.status_code, "is not answered here" in answer.text) == (405, True)


async def test_a_page_too_many_is_told_to_come_back_and_counted(seen: Home) -> None:
    site = Site(seen, KEYS, clients_max=0)
    transport = httpx.ASGITransport(app=Guard(site.app(), KEYS))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8787", headers=OURS) as asked:
        answer = await asked.get("/events")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert "which is the limit" in answer.json()["error"]
        # Everything else is answered all the same, and Prometheus is told.
        assert (await asked.get("/api/now")).status_code == 200
        assert "swarmd_dashboard_streams_refused_total 1.0" in (await asked.get("/metrics")).text


async def test_a_thousand_pages_are_told_the_same_moment_by_one_frame(tmp_path: Path) -> None:
    site = Site(told_home(tmp_path), KEYS)
    site.answers.look()
    site.stream.tell()
    streams = [site.stream.frames("") for _ in range(1_000)]
    for stream in streams:
        assert (await anext(stream)).startswith(b"retry:")
        await anext(stream)
    assert site.stream.n_clients == 1_000
    assert not site.stream.is_full
    site.stream.tell()
    frames = await asyncio.gather(*(anext(stream) for stream in streams))
    assert len({id(frame) for frame in frames}) == 1  # made once, however many look on
    for stream in streams:
        await stream.aclose()
    assert site.stream.n_clients == 0
