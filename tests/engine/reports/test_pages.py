"""The pages of an asset and of a campaign: whole, honest about what is missing, and safe with any text."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from certificate_builders import certificate
from report_builders import FIRST_MS, HOSTILE, PAGES, a_search, a_stretch, hostile, material, rows_of

from swarmd.engine.reports.asset_page import asset_page
from swarmd.engine.reports.asset_text import asset_text
from swarmd.engine.reports.campaign import campaign_page, campaign_text
from swarmd.engine.reports.market_charts import chosen, gathered
from swarmd.engine.reports.material import DEVELOPMENT, VAULT, Stretch
from swarmd.engine.reports.shell import SCRIPT
from swarmd.engine.reports.tearsheet import figures_of, tearsheet_page

VOID = {"meta", "br", "link"}


class Page(HTMLParser):
    """A strict reading: every element closed in turn, its words and attributes kept."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def exact(self) -> set[float]:
        return {float(value) for tag, name, value in self.attributes if (tag, name) == ("data", "value")}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("made_of", [material, hostile], ids=["plain", "hostile"])
def test_every_element_is_closed_and_every_name_stands_for_one_thing(name: str, made_of: Any):
    page = Page(PAGES[name](made_of()))
    ids = [value for _, attribute, value in page.attributes if attribute == "id"]
    assert len(ids) == len(set(ids))
    pointed = [value for _, attribute, value in page.attributes if attribute == "aria-labelledby"]
    assert {each for value in pointed for each in value.split()} <= set(ids)
    assert {value[1:] for tag, attribute, value in page.attributes if (tag, attribute) == ("use", "href")} <= set(ids)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_that_others_have_named_is_live(name: str):
    """One script, ours; no handler of events; links to files beside the page alone; no text turned around."""
    told = PAGES[name](hostile())
    page = Page(told)
    assert page.scripts == [SCRIPT]
    assert not [attribute for _, attribute, _ in page.attributes if attribute.startswith("on")]
    links = [value for tag, attribute, value in page.attributes if tag == "a" and attribute == "href"]
    assert all(re.fullmatch(r"[\w%./~-]+\.(html|md|csv|json)", link) for link in links)
    assert {tag for tag, attribute, _ in page.attributes if attribute in ("src", "srcset")} == set()
    assert not re.search(r"https?:|//[a-z]|url\(|@import", told)
    assert "\u202e" not in told
    assert "\x1b" not in told
    assert "alert(1)" in page.text


@pytest.mark.parametrize("name", PAGES)
def test_the_policy_lets_nothing_in_but_our_own_script(name: str):
    page = Page(PAGES[name](material()))
    (policy,) = [value for tag, attribute, value in page.attributes if attribute == "content" and "default" in value]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert re.search(r"script-src 'sha256-[\w+/]+='$", policy)


def test_markdown_of_others_is_no_markup_in_ours():
    told = asset_text(hostile()) + campaign_text(HOSTILE, rows_of(hostile()), HOSTILE)
    from markdown_it import MarkdownIt

    live = MarkdownIt("commonmark", {"html": True}).enable("table").parse(told)
    kinds = {each.type for token in live for each in (token, *(token.children or ()))}
    assert not kinds & {"html_block", "html_inline", "link_open", "image"}
    assert "\u202e" not in told
    assert "\x1b" not in told


@pytest.mark.parametrize("verdict", ["gold", "champion", "no"])
def test_the_verdict_and_why_stand_first_on_page_and_in_text(verdict: str):
    of = material(verdict=verdict)
    page, text = Page(asset_page(of)), asset_text(of)
    told = {"gold": "Gold champion", "champion": "Champion", "no": "Not a champion"}[verdict]
    assert page.text.index(told) < page.text.index("Equity and drawdown")
    assert text.splitlines()[0] == f"# BTCUSDT 5m, mtf_ema balanced: {told}"


def test_the_figures_on_the_page_are_those_of_the_documents():
    of = material()
    exact = Page(asset_page(of)).exact
    for stretch in (DEVELOPMENT, VAULT):
        metrics = of.certificate[stretch]["metrics"]
        assert {value for value in metrics.values() if value is not None} <= exact
    assert of.certificate["evidence"]["p"]["adjusted"] in exact
    shown = {each.return_ for each in of.stretches[1].trades[:12]}
    assert shown <= exact


def test_the_campaigns_table_has_the_figures_of_the_documents():
    of = material()
    exact = Page(campaign_page("majors", rows_of(of))).exact
    assert {of.certificate["vault"]["metrics"][name] for name in ("annual_sharpe", "max_drawdown")} <= exact
    assert {of.certificate["score"], float(of.certificate["tried"]), 12.5} <= exact


def test_the_tearsheet_has_the_figures_it_tells():
    account = a_stretch()
    exact = Page(tearsheet_page("x", account, 10_000.0)).exact
    assert {value for value in figures_of(account, 10_000.0).values() if value is not None} <= exact


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"certificate": {}}, "The search chose trial 3"),
        ({"certificate": {}, "search": a_search(finalist=None)}, "None of 60 trials meets the constraints"),
        ({"certificate": {}, "search": {}}, "None of 5,000 screened vectors meets the constraints"),
        ({"certificate": {}, "search": {}, "prescreen": {}}, "no search has ended yet"),
        (
            {
                "certificate": {},
                "search": {},
                "prescreen": {},
                "preflight": {"verdict": "fail", "problems": ["a hole"]},
            },
            "The preflight refused the data: a hole.",
        ),
        ({"certificate": {}, "search": {}, "prescreen": {}, "preflight": {}}, "No phase has left anything here."),
    ],
)
def test_an_asset_without_a_champion_says_how_far_it_came(fields: dict[str, Any], said: str):
    of = material(**fields, stretches=(), prices=None, importance=None, missing={"run": "the bars are gone"})
    assert said in Page(asset_page(of)).text
    assert said in asset_text(of)
    assert "Not shown: the bars are gone." in Page(asset_page(of)).text
    assert said in campaign_text("c", rows_of(of))


@pytest.mark.parametrize("schema", ["guards", "screen"])
def test_what_the_screen_or_the_guards_have_judged_is_told_by_its_gates(schema: str):
    whole = certificate(verdict="no")
    gates = whole["strict"]["gates"]
    judged = {**whole, "verdict": "fail", "gates": gates, "stands_for_the_vault": "the last third"}
    of = material(**{"certificate": {}, schema: judged})
    page = Page(asset_page(of)).text
    lost = [gate["meaning"] for gate in gates if not gate["pass"]]
    assert f"It fails {len(lost)} of {len(gates)} gates" in page
    assert lost[0] in page
    assert "the vault itself stays shut" in page


def test_a_run_of_no_trade_and_one_of_a_single_day_are_told_too():
    nothing = Stretch(VAULT, ("2024-01-01",), (1.0,), (), FIRST_MS)
    of = material(stretches=(nothing,))
    page = Page(asset_page(of)).text
    assert "Not shown: there is no trade on the vault." in page
    assert "Not shown: the account was never below a peak." in page
    assert asset_text(of).startswith("# BTCUSDT")


def test_a_broken_document_still_gives_its_pages():
    broken: dict[str, Any] = {"verdict": "gold", "evidence": 3, "vault": [], "trials": None, "params": {"a": None}}
    of = material(certificate=broken, search={"trials": 7, "space": []}, prescreen={"top": {}}, champion={"a": 1})
    Page(asset_page(of))
    Page(campaign_page("c", rows_of(of)))
    assert asset_text(of).startswith("# BTCUSDT")


def test_slower_bars_hold_the_bars_they_are_made_of():
    prices = material().prices
    assert prices is not None
    slow = gathered(prices, 0, prices.open_time.size, 100)
    assert slow.begin.size <= 101
    assert slow.minutes % prices.interval_minutes == 0
    assert (slow.open[0], slow.close[-1]) == (prices.open[0], prices.close[-1])
    assert slow.high.max() == prices.high.max()
    assert slow.low.min() == prices.low.min()


def test_the_windows_show_each_trade_once_and_those_of_the_vault():
    of = material()
    picked = chosen(of.stretches)
    numbers = [trade.number for _, _, trade in picked]
    assert len(numbers) == len(set(numbers)) <= 6
    assert {stretch.name for _, stretch, _ in picked} == {VAULT}
    assert picked[0][2].return_ == max(each.return_ for each in of.stretches[1].trades)


def test_champions_come_first_in_a_campaign():
    of = [material(verdict=verdict, symbol=verdict.upper()) for verdict in ("no", "champion", "gold")]
    told = campaign_text("c", rows_of(*of))
    assert "3 assets and modes, 3 judged, 2 passed: GOLD balanced, CHAMPION balanced." in told
    assert told.index("| GOLD") < told.index("| CHAMPION") < told.index("| NO")
