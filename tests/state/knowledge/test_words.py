"""Terms: what a text is found by, and what a mistyped word may have meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmd.state.knowledge.domains import DOMAINS, alternatives, pointed_at, resolved
from swarmd.state.knowledge.question import MOST_WORDS, domain_tag, groups_of, last_look, looks
from swarmd.state.knowledge.words import forms, nearest, terms


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("evaluate_many", {"evaluate_many", "evaluate", "many"}),
        ("request.security", {"request.security", "request", "security"}),
        ("ReplayBuffer", {"replaybuffer", "replay", "buffer"}),
        ("getHTTPResponse", {"gethttpresponse", "get", "http", "response"}),
        ("a.evaluate_many", {"a.evaluate_many", "a", "evaluate_many", "evaluate", "many"}),
        ("BTCUSDT", {"btcusdt"}),
        ("__init__", {"__init__", "init"}),
        ("3.14", {"3.14"}),
        ("Überprüfung", {"uberprufung"}),
        ("classes", {"class"}),
        ("entries", {"entry"}),
        ("status", {"status"}),
        ("_", set()),
        ("⑴", {"1"}),
    ],
)  # fmt: skip
def test_a_word_stands_for_itself_and_a_symbol_for_its_parts_too(token: str, expected: set[str]) -> None:
    assert set(forms(token)) == expected


@given(st.text(max_size=400))
def test_terms_hold_nothing_that_any_query_syntax_means(text: str) -> None:
    for term in terms(text):
        assert term
        assert all(letter.isalnum() or letter in "_." for letter in term), term
        assert len(term) <= 160


def test_a_flood_of_words_is_cut() -> None:
    assert len(terms("word " * 100_000)) == 20_000
    assert len(forms("x" * 1_000_000)[0]) == 80


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("shrapes", {"sharpe": 3, "grapes": 1}, "sharpe"),
        ("sharpes", {"sharpe": 3}, "sharpe"),
        ("gpus", {"gpu": 1, "cpu": 100}, "gpu"),
        ("vaul", {"vault": 2, "vaults": 1}, "vault"),
        ("bollinger", {"balloon": 5}, None),
        ("abcd", {}, None),
    ],
)
def test_the_nearest_word_is_the_fewest_mistakes_away(word: str, known: dict[str, int], meant: str | None) -> None:
    assert nearest(word, known) == meant


def test_words_of_the_language_count_only_where_there_are_no_others() -> None:
    assert groups_of("what is the drawdown") == groups_of("drawdown")
    assert len(groups_of("what is the")) == 3
    assert len(groups_of(" ".join(f"w{n}" for n in range(99)))) == MOST_WORDS


def test_a_domain_has_other_names_and_words_that_point_at_it() -> None:
    assert resolved(" CUDA ") == "gpu"
    assert resolved("pine") == "export"
    assert resolved("mine") == "mine"
    assert pointed_at({"cuda", "vram", "lane"}, set()) == ("gpu",)
    assert pointed_at({"lane"}, {"lane"}) == ("ops",)
    assert set(alternatives("memory", "gpu")) == {"vram", "oom"}
    assert alternatives("memory", None) == ()


def test_every_name_of_a_domain_leads_to_one_domain() -> None:
    names = [name for domain, it in DOMAINS.items() for name in (domain, *it.aliases)]
    assert sorted(names) == sorted(set(names))
    assert all(resolved(name) in DOMAINS for name in names)


def test_the_cheap_looks_come_first_and_common_words_are_looked_for_in_titles() -> None:
    (rare,), (common,) = groups_of("rare"), groups_of("common")
    counts = {"rare": 10, "common": 9_000}
    both, some = looks((common, rare), counts, 100_000, ("§kind.note",), many=1_000)
    assert (both.groups, both.is_any, both.tags) == ((rare, common), False, ("§kind.note",))
    assert (some.groups, some.is_any) == ((rare,), True)
    first, second = looks((common,), counts, 100_000, (), many=1_000)
    assert first.in_titles
    assert second.is_recent
    assert looks(groups_of("unheard"), counts, 100_000, (), many=1_000) == []
    (last,) = last_look((common, rare), counts, ())
    assert (last.groups, last.is_recent) == ((rare,), True)


def test_a_tag_is_no_word_of_any_text() -> None:
    assert terms(domain_tag("gpu")) != [domain_tag("gpu")]
    assert domain_tag('a"b c') == "§near.a.b.c"
