"""A home to look at, and the application over it without a server: the guard, the routes, and httpx's own client."""

from collections.abc import AsyncIterator

import httpx
import pytest
from dashboard_home import KEYS, TOKEN, Client, told_home

from swarmd.state.store.files import Home
from swarmd.supervisor.dashboard.app import Site
from swarmd.supervisor.dashboard.guard import Guard

URL = "http://127.0.0.1:8787"


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One home for all who only look."""
    return told_home(tmp_path_factory.mktemp("seen"))


@pytest.fixture
async def site(seen: Home) -> Site:
    site = Site(seen, KEYS)
    site.answers.look()
    while site.answers.book.look():
        pass
    return site


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    """``client()`` may look; ``client(None)`` brings no token; ``client(home=…)`` looks at another home."""
    opened: list[httpx.AsyncClient] = []

    def made(token: str | None = TOKEN, *, home: Home | None = None, read_only: bool = False) -> httpx.AsyncClient:
        shown = site if home is None and not read_only else Site(home or site.home, KEYS, read_only=read_only)
        guard = Guard(shown.app(), KEYS, names=["box.lan"], read_only=read_only)
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        one = httpx.AsyncClient(transport=httpx.ASGITransport(app=guard), base_url=URL, headers=headers)
        opened.append(one)
        return one

    yield made
    for one in opened:
        await one.aclose()
