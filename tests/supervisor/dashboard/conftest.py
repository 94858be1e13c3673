"""A home to look at, and the application over it without a server: the guard, the routes, and httpx's own client."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from dashboard_browser import CHROMIUM, WITHIN_S, Server, Tab
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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Of each file: a driver holds a loop in its thread, which other tests want for themselves."""
    playwright = pytest.importorskip("playwright.sync_api", reason="install playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Any) -> Iterator[Callable[..., Tab]]:
    """``tab(server)`` comes with the token, as a person does."""
    opened: list[tuple[Any, Tab]] = []

    def made(server: Server, *, path: str = "/", **looks: Any) -> Tab:
        context = chromium.new_context(**({"viewport": {"width": 1280, "height": 800}} | looks))
        context.set_default_timeout(WITHIN_S * 1000)
        one = Tab(context.new_page(), server)
        one.watch()
        opened.append((context, one))
        one.page.goto(f"{server.address.url.rstrip('/')}{path}?token={server.address.token}")
        one.page.wait_for_selector("#page[data-page]")
        return one

    yield made
    for context, one in opened:
        context.close()
        assert one.faults == []
