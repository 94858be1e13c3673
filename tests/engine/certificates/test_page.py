"""The page of a certificate: whole, honest about what is missing, safe with any text, and never fetching anything."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from certificate_builders import certificate, gate
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.certificates.figures import day, percent, plain
from swarmd.engine.certificates.page import certificate_page
from swarmd.engine.certificates.style import STYLE
from swarmd.engine.certificates.text import WIDTH, certificate_text

VOID = {"meta", "br"}
VERDICTS = ("gold", "champion", "no")
HOSTILE = "<script>alert(1)</script>\"' onload=x &amp; \x1b[2J"


class Page(HTMLParser):
    """A strict reading: every element closed in turn, its words and its attributes kept."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def values(self, tag: str, name: str) -> list[str]:
        return [value or "" for of, named, value in self.attributes if of == tag and named == name]


def numbers_in(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from numbers_in(each, (*path, str(name)))
    elif isinstance(value, list):
        for each in value:
            yield from numbers_in(each, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, float(value)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_element_is_closed_and_every_name_stands_for_one_thing(verdict: str):
    page = Page(certificate_page(certificate(verdict=verdict)))
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    labelled = " ".join(value or "" for _, name, value in page.attributes if name == "aria-labelledby").split()
    assert set(labelled) <= set(ids)
    assert page.tags.count("svg") == 7
    assert page.values("html", "lang") == ["en"]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_figure_of_the_document_stands_on_the_page(verdict: str):
    document = certificate(verdict=verdict)
    page = Page(certificate_page(document))
    exact = {float(value) for value in page.values("data", "value")}
    # The curves are drawn, and the regimes' bars stand in their table.
    drawn = {("curves", "development"), ("curves", "vault"), ("regimes", "bars_in_market")}
    missing = [
        (path, figure)
        for path, figure in numbers_in(document)
        if path[:2] not in drawn
        and path[:3] != ("evidence", "dsr", "curve")
        and figure not in exact
        and not any(told in page.text for told in (plain(figure), percent(figure), day(figure)))
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("verdict", "name", "word"),
    [
        ("gold", "Gold champion", "so does every gate"),
        ("champion", "Champion", "1 of 199"),
        ("no", "Not a champion", "3 evidence gates of 10 fail"),
    ],
)
def test_the_verdict_comes_first_with_its_reason(verdict: str, name: str, word: str):
    text = Page(certificate_page(certificate(verdict=verdict))).text
    first = text[: text.index("Evidence")]
    assert name in first
    assert word in first
    assert ("Expect an annual Sharpe ratio" in first) == (verdict != "no")


def test_a_vault_on_whose_days_was_searched_is_not_called_unseen():
    assert "On the vault, which no search has seen, it made" in certificate_page(certificate())
    document = certificate()
    document["evidence"]["gates"][1] |= {"figure": 1_200.0, "pass": False}
    assert "On the vault, on days of which 1,200 vectors had been tried, it made" in certificate_page(document)
    del document["evidence"]["gates"][1]
    assert "no search has seen" not in certificate_page(document)


def test_two_engines_that_made_no_trade_are_not_said_to_have_made_the_same():
    document = certificate()
    document["second_opinion"] |= {"trades": 0, "their_trades": 0}
    assert "nothing was compared" in certificate_page(document)
    assert "on the vault: the same trades" not in certificate_page(document)


def test_what_the_strict_table_misses_is_said_of_a_champion():
    assert "It misses 2 gates of the strict table" in Page(certificate_page(certificate())).text


def test_a_verdict_of_no_whose_evidence_passes_blames_the_table_that_was_asked_too():
    document = certificate() | {"verdict": "no", "crown_on": "both"}
    assert "The evidence passes; the strict table, which was asked too, fails" in certificate_page(document)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_nothing_is_fetched_and_nothing_is_run(verdict: str):
    html = certificate_page(certificate(verdict=verdict))
    assert not re.search(r"https?:|//[a-z]|url\(|@import|javascript:", html)
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "form", "a", "base"} & set(page.tags)
    assert not any(name.startswith("on") or name in ("src", "href", "style") for _, name, _ in page.attributes)


def hostile(value: Any) -> Any:
    """The document with every text, and every name of a parameter, replaced by one that would like to be markup."""
    if isinstance(value, dict):
        return {name: hostile(each) for name, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return HOSTILE if isinstance(value, str) else value


@pytest.mark.parametrize("verdict", VERDICTS)
def test_hostile_texts_are_text(verdict: str):
    document = hostile(certificate(verdict=verdict)) | {"verdict": verdict}
    document["params"] = {HOSTILE: 3, "b": HOSTILE, "c": [HOSTILE]}
    document["stress"] = {HOSTILE: {"what": HOSTILE}}
    html = certificate_page(document)
    page = Page(html)
    assert "<script" not in html
    assert "script" not in page.tags
    assert not any(name == "onload" for _, name, _ in page.attributes)
    assert "<script>alert(1)</script>" in page.text
    told = certificate_text(document)
    assert "\x1b" not in told
    assert max(map(len, told.splitlines())) <= WIDTH


@pytest.mark.parametrize("name", sorted(certificate()))
@pytest.mark.parametrize("nothing", ["absent", None, [], float("nan"), {"undefined_because": "too few days"}])
def test_a_part_that_is_missing_breaks_nothing(name: str, nothing: Any):
    document = certificate()
    if nothing == "absent":
        del document[name]
    else:
        document[name] = nothing
    page = Page(certificate_page(document))
    assert "nan" not in page.text.lower().split()
    assert "None" not in page.text
    assert certificate_text(document)


@pytest.mark.parametrize(
    ("path", "card"),
    [
        (("surrogates",), "the document has no surrogates"),
        (("neighbourhood",), "the document has no neighbourhood"),
        (("curves", "vault"), "the document has no curves vault"),
        (("evidence", "dsr"), "the document has no evidence dsr"),
        (("evidence", "forecast"), "the document has no evidence forecast"),
        (("walk_forward", "windows"), "the document has no walk forward windows"),
        (("regimes",), "the document has no regimes"),
        (("stress",), "the document has no stress"),
        (("second_opinion",), "the document has no second opinion"),
        (("reproduce",), "the document has no reproduce"),
    ],
)
def test_what_is_missing_is_said(path: tuple[str, ...], card: str):
    document = certificate()
    at = document
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = None
    assert f"Not shown: {card}." in Page(certificate_page(document)).text
    if path[-1] != "reproduce":
        at[path[-1]] = {"undefined_because": "too few days"}
        assert "Not shown: too few days." in Page(certificate_page(document)).text


def test_an_empty_document_is_a_page_that_promises_nothing():
    text = Page(certificate_page({})).text
    assert "The document carries no verdict." in text
    assert "Expect" not in text
    assert "pass" not in text


def test_an_undefined_figure_fails_its_gate_in_words():
    document = certificate()
    document["evidence"]["gates"] = [gate("pbo", "probability of backtest overfitting", None, "<=", 0.7)]
    page = Page(certificate_page(document))
    assert "undefined" in page.text
    assert "✗ fail" in page.text


def test_a_pass_that_is_only_like_true_is_no_pass():
    document = certificate()
    for each in document["evidence"]["gates"]:
        each["pass"] = "yes"
    assert "0 of 10 pass" in Page(certificate_page(document)).text


def test_a_second_opinion_that_differs_warns_and_names_the_trades():
    document = certificate()
    document["second_opinion"] |= {
        "agrees": False,
        "apart": 3,
        "differences": [{"what": "only here", "side": "long", "entry": "2025-03-04 10:05", "exit": "2025-03-05 01:00"}],
    }
    text = Page(certificate_page(document)).text
    assert "does not agree: do not trade it before it is known why" in text
    assert "Apart: 3 trades" in text
    assert "2025-03-04 10:05" in text
    assert "DOES NOT AGREE" in certificate_text(document)
    document["second_opinion"] = {"not_asked_because": "backtesting.py is not installed"}
    assert "Not shown: backtesting.py is not installed." in Page(certificate_page(document)).text


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def places_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name, each in value.items():
            yield from places_of(each, (*path, name))
    elif isinstance(value, list):
        for at, each in enumerate(value[:3]):
            yield from places_of(each, (*path, at))


PLACES = [path for path in places_of(certificate()) if path]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=6))
def test_whatever_stands_anywhere_in_the_document_there_is_a_page(changes: list[tuple[tuple[Any, ...], Any]]):
    document: Any = certificate()
    for path, value in changes:
        at = document
        try:
            for name in path[:-1]:
                at = at[name]
            at[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue  # an earlier change took the place away
    Page(certificate_page(document))
    assert max(map(len, certificate_text(document).splitlines())) <= WIDTH


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(certificate())), JSON))
def test_whatever_the_document_is_there_is_a_page(document: dict[str, Any]):
    Page(certificate_page(document))
    certificate_text(document)


# -- looks ------------------------------------------------------------------------------------------------------------


def palettes() -> list[dict[str, str]]:
    """The colours of light, dark and paper, by their names."""
    blocks = re.findall(r":root\{([^}]*)\}", STYLE)
    assert len(blocks) == 3
    return [dict(re.findall(r"--([\w-]+):(#\w+)", block)) for block in blocks]


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", range(3))
def test_letters_can_be_read_on_their_ground_in_every_scheme(scheme: int):
    colours = palettes()[scheme]
    pairs = [(text, ground) for text in ("ink", "quiet", "good", "bad", "mark") for ground in ("card", "ground")]
    for text, ground in [*pairs, ("good", "good-ground"), ("bad", "bad-ground")]:
        light, dark = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)
    # Lines and bars: 3 to 1.
    for mark in ("accent", "mark", "dim"):
        light, dark = sorted((luminance(colours[mark]), luminance(colours["card"])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 2.4, mark


def test_the_terminal_has_it_on_one_screen():
    told = certificate_text(certificate())
    assert len(told.splitlines()) <= 42
    assert max(map(len, told.splitlines())) <= WIDTH
    for word in (
        "CHAMPION",
        "10 of 10 pass",
        "7 of 9 pass",
        "FAIL",
        "real market 2.31",
        "agrees",
        "swarmd champion verify",
    ):
        assert word in told
