"""The pages in a real Chromium: nothing asked for, nothing complained of, no wider than a phone, sorted by a click."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_builders import PAGES, Watched, a_stretch, browser, hostile, material, rows_of

from swarmd.engine.reports.campaign import campaign_page

pytestmark = pytest.mark.xdist_group("chromium")


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, page_of in PAGES.items():
        (folder / f"{name}.html").write_text(page_of(material()))
        (folder / f"{name}-hostile.html").write_text(page_of(hostile()))
    return folder


@pytest.mark.parametrize("width", [380, 1200])
@pytest.mark.parametrize("name", [*PAGES, *(f"{name}-hostile" for name in PAGES)])
def test_a_page_asks_for_nothing_runs_nothing_of_others_and_fits_its_window(
    opened: Any, written: Path, name: str, width: int
):
    watched = Watched(opened, written / f"{name}.html", width=width)
    assert watched.asked == []
    assert watched.complaints == []
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    outside = (
        "[...document.querySelectorAll('svg.wide')].filter(e => e.getBoundingClientRect().right > innerWidth).length"
    )
    assert watched.page.evaluate(outside) == 0


def test_a_page_follows_the_scheme_and_its_letters_stay_readable(opened: Any, written: Path):
    contrast = """() => {
        const light = colour => { const [r, g, b] = colour.match(/[\\d.]+/g).map(each => {
            each /= 255; return each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4});
            return 0.2126 * r + 0.7152 * g + 0.0722 * b};
        const of = (ink, ground) => { const [low, high] = [light(ink), light(ground)].sort((a, b) => a - b);
            return (high + 0.05) / (low + 0.05)};
        const card = getComputedStyle(document.querySelector('.card')).backgroundColor;
        return [...document.querySelectorAll('.card p,.card td,.card th,figcaption,.won,.lost')]
            .map(each => of(getComputedStyle(each).color, card)).reduce((a, b) => Math.min(a, b))}"""
    grounds = []
    for scheme in ("light", "dark"):
        watched = Watched(opened, written / "asset.html", scheme=scheme)
        grounds.append(watched.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert watched.page.evaluate(contrast) >= 4.5
    assert grounds[0] != grounds[1]


def test_a_click_on_a_head_sorts_by_the_exact_value_and_back(opened: Any, tmp_path: Path):
    of = [material(symbol=name, stretches=(a_stretch(seed=at),)) for at, name in enumerate(("AAA", "CCC", "BBB"))]
    rows = [row for each in of for row in rows_of(each)]
    for at, row in enumerate(rows):
        row.material.certificate["vault"]["metrics"]["annual_sharpe"] = (9.5, -3.0, 10.25)[at]
    path = tmp_path / "c.html"
    path.write_text(campaign_page("c", rows))
    watched = Watched(opened, path)
    head = watched.page.locator("table.sortable thead th", has_text="Sharpe vault")
    head.locator("button").click()
    assert [each[:3] for each in watched.column("table.sortable", 0)] == ["CCC", "AAA", "BBB"]
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").press("Enter")
    assert [each[:3] for each in watched.column("table.sortable", 0)] == ["BBB", "AAA", "CCC"]
    assert head.get_attribute("aria-sort") == "descending"
    watched.page.locator("table.sortable thead th button").first.click()
    assert [each[:3] for each in watched.column("table.sortable", 0)] == ["AAA", "BBB", "CCC"]


def test_without_a_script_all_is_there_and_no_head_pretends(opened: Any, written: Path):
    watched = Watched(opened, written / "asset.html", scripts=False)
    assert watched.page.locator("th button").count() == 0
    assert watched.page.locator("table.sortable tbody tr").count() > 20
    assert watched.page.locator("svg.wide").count() >= 8
