"""The documentation as a site: built strictly, whole, and asking nothing of any other host."""

import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest
from repository import ROOT

DOCS = ROOT / "docs"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
one_worker = pytest.mark.xdist_group("site")

# What a browser fetches without being asked, and in which attribute it says so. A link to follow is none of these.
FETCHED = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "embed": "src",
    "object": "data", "use": "href",
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`--strict`: a link that leads nowhere and a page that no menu has are errors."""
    out = tmp_path_factory.mktemp("site") / "built"
    words = [sys.executable, str(ROOT / "scripts" / "make_site"), "--strict", "--out", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


class Assets(HTMLParser):
    """Every address a page fetches by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "link" and not {"canonical", "next", "prev", "alternate"} & set((told.get("rel") or "").split()):
            self.found.append(told.get("href") or "")
        if tag in FETCHED:
            self.found += [
                told.get(FETCHED[tag]) or "",
                *(part.split()[0] for part in (told.get("srcset") or "").split(",") if part),
            ]
        self.found += re.findall(r"url\(([^)]+)\)", told.get("style") or "")


def assets_of(page: Path) -> list[str]:
    reader = Assets()
    reader.feed(page.read_text())
    return [address for address in reader.found if address]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing about it."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def is_remote(address: str) -> bool:
    return re.match(r"[\"']?(?:[a-z]+:)?//", address) is not None


@one_worker
def test_every_page_of_docs_is_a_page_of_the_site(site: Path) -> None:
    pages = {page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")}
    assert pages <= {page.relative_to(site) for page in site.rglob("*.html")}
    assert len(pages) > 40
    assert (site / "search" / "search_index.json").stat().st_size > 100_000


@one_worker
def test_no_page_fetches_anything_from_another_host_and_all_it_fetches_is_there(site: Path) -> None:
    for page in site.rglob("*.html"):
        addresses = assets_of(page)
        assert addresses, page
        assert [address for address in addresses if is_remote(address)] == [], page
        if page.name == "404.html":
            continue  # it is served for any address, so that its own begin at the root
        for address in addresses:
            if not address.startswith(("data:", "#")):
                assert (page.parent / address.partition("#")[0].partition("?")[0]).exists(), f"{page}: {address}"
    for sheet in site.rglob("*.css"):
        named = re.findall(r"(?:url\(|@import )\s*[\"']?([^\"')]+)", sheet.read_text())
        assert [address for address in named if is_remote(address)] == [], sheet


@pytest.mark.parametrize(
    "mark",
    [
        '<script src="https://unpkg.com/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.googleapis.com/css">',
        '<img srcset="https://example.org/a.png 2x">',
        '<p style="background: url(https://example.org/a.png)">',
    ],
)
def test_a_remote_asset_would_be_found(mark: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(mark)
    assert any(is_remote(address) for address in assets_of(tmp_path / "page.html"))


@one_worker
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; scripts/setup test installs it (apt-get install chromium)")
def test_a_browser_reads_and_searches_it_and_never_leaves_it(site: Path) -> None:
    from playwright.sync_api import sync_playwright

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as driver:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}/"
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.set_default_timeout(60_000)
        asked: list[str] = []
        faults: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        for name in ("index", "records", "reference/cli", "reference/campaign", "BENCHMARKS", "architecture"):
            page.goto(f"{here}{name}.html")
            page.wait_for_load_state("networkidle")
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, f"{name} is wider than a phone: {width}"
        page.set_viewport_size({"width": 1280, "height": 860})
        page.locator("input.md-search__input").click()
        page.keyboard.type("surrogate")
        page.wait_for_selector(".md-search-result__link")
        assert "surrogate" in page.locator(".md-search-result__item").first.inner_text().lower()
        browser.close()
        server.shutdown()
    assert [url for url in asked if not url.startswith((here, "data:", "blob:"))] == []
    assert faults == []
