"""What every knowledge base keeps, finds and forgets: the same suite on SQLite and on a real Postgres."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from knowledge_builders import an_entry, ids, marked

from swarmd.state.errors import OutsideError
from swarmd.state.knowledge.contract import KnowledgeBase
from swarmd.state.knowledge.entry import Changed, Entry, FileMark, FileRead, Link, Totals
from swarmd.state.knowledge.words import TOKEN, forms
from swarmd.state.units import DAY

NOW = 1_000 * DAY
LAW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
ANY_TEXT = st.text(max_size=200)
ENTRIES = st.builds(
    Entry,
    id=st.from_regex(r"[a-z]{1,6}:[a-z0-9]{1,6}", fullmatch=True), domain=st.sampled_from(["gpu", "ops", "mine"]),
    kind=st.sampled_from(["document", "lesson", "failure", "hypothesis", "note"]), title=ANY_TEXT, text=ANY_TEXT,
    source=ANY_TEXT, evidence=st.lists(ANY_TEXT, max_size=3).map(tuple), at=st.integers(0, 1 << 50),
    strength=st.floats(0, 1), under=ANY_TEXT,
)  # fmt: skip


# -- keeping ----------------------------------------------------------------------------------------------------------


def test_what_is_put_comes_back_as_it_was(base: KnowledgeBase) -> None:
    entry = Entry(
        "lesson:a", "ops", "lesson", "Tïtle", "text\n\t'\"\\ \U0001f600", "src", ("r-1", "i-2"), 12345, 0.25, "up"
    )
    assert base.put([entry]) == Changed(added=1)
    assert base.entry("lesson:a") == entry
    assert base.entry("lesson:b") is None


@LAW
@given(entries=st.lists(ENTRIES, max_size=6))
def test_putting_twice_is_putting_once(base: KnowledgeBase, entries: list[Entry]) -> None:
    base.put(entries)
    n_ids = len({entry.id for entry in entries})
    assert base.put(entries) == Changed(same=n_ids)


@LAW
@given(entry=ENTRIES)
def test_an_entry_is_found_by_any_word_of_its_own(base: KnowledgeBase, entry: Entry) -> None:
    base.forget([each.id for each in base.entries(limit=1000)])
    base.put([entry])
    for word in TOKEN.findall(f"{entry.title}\n{entry.text}\n{entry.under}"):
        if forms(word):
            assert ids(base.search(word)) == [entry.id], word


@LAW
@given(question=st.one_of(st.text(max_size=300), st.from_regex(r'[a-z"*()\-:^{}+ NEARORANDT&|!<>\x27\\]{0,40}')))
@pytest.mark.parametrize("graph", [False, True])
def test_no_question_is_an_error(base: KnowledgeBase, question: str, graph: bool) -> None:
    base.put([an_entry(text="near and or not text"), an_entry("note:two", text='quote " star * minus - colon:')])
    base.search(question, graph=graph, domain=question or None)
    base.suggestion(question)


def test_a_change_is_a_change_and_the_old_words_find_nothing_more(base: KnowledgeBase) -> None:
    base.put([an_entry(text="before")])
    assert base.put([an_entry(text="afterwards"), an_entry("note:two", "new")]) == Changed(added=1, changed=1)
    assert ids(base.search("before")) == []
    assert ids(base.search("afterwards")) == ["note:one"]
    assert base.suggestion("befor") is None  # a word that nobody has any more is not suggested


def test_a_forgotten_entry_is_gone_with_its_words_and_links(base: KnowledgeBase) -> None:
    base.put([an_entry(text="word"), an_entry("note:two")], links=[Link("note:one", "links-to", "note:two")])
    assert base.forget(["note:one", "note:none"]) == 1
    assert base.search("word") == []
    assert base.totals() == Totals(entries=1, links=0, files=0)
    assert base.forget(["note:one"]) == 0


def test_what_no_store_can_keep_is_replaced_and_stays_the_same(base: KnowledgeBase) -> None:
    odd = an_entry(text="a\0b \ud800 c", title="\0")
    assert base.put([odd]) == Changed(added=1)
    assert base.put([odd]) == Changed(same=1)
    kept = base.entry("note:one")
    assert kept is not None
    assert kept.text == "a\N{REPLACEMENT CHARACTER}b ? c"


def test_a_very_long_text_is_kept_whole(base: KnowledgeBase) -> None:
    text = "needle " + " ".join(f"w{number}" for number in range(60_000)) + " x" * 50_000 + "y" * 1_000_000
    base.put([an_entry(text=text)])
    assert ids(base.search("needle")) == ["note:one"]
    kept = base.entry("note:one")
    assert kept is not None
    assert kept.text == text


@pytest.mark.parametrize(
    "fields",
    [{"id": " "}, {"id": "x" * 1001}, {"domain": ""}, {"strength": 1.5}, {"strength": float("nan")}, {"kind": "x"}],
)
def test_an_entry_that_makes_no_sense_is_refused_before_it_is_put(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"entry"):
        an_entry(**{"id": "note:one", **fields})  # type: ignore[arg-type]


def test_a_link_needs_its_entry(base: KnowledgeBase) -> None:
    with pytest.raises(ValueError, match="not among the entries"):
        base.put([an_entry()], links=[Link("note:other", "links-to", "note:one")])


def test_entries_are_walked_in_the_order_of_their_ids_a_page_at_a_time(base: KnowledgeBase) -> None:
    base.put([an_entry(f"note:{name}", domain="gpu") for name in ("b", "C", "a", "é", "_")])
    first = base.entries(limit=3)
    rest = base.entries(limit=3, after=first[-1].id)
    assert [entry.id for entry in (*first, *rest)] == ["note:C", "note:_", "note:a", "note:b", "note:é"]
    assert base.entries(domain="cuda", kind="note", limit=1) == first[:1]
    assert base.entries(kind="lesson") == []


# -- finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["evaluate_many", "evaluate", "many", "EVALUATE_MANY", "evaluateMany"])
def test_a_symbol_is_found_whole_and_by_its_parts(base: KnowledgeBase, question: str) -> None:
    base.put([an_entry(text="call evaluate_many(bars) once"), an_entry("note:two", "something else entirely")])
    assert ids(base.search(question)) == ["note:one"]


def test_who_writes_the_symbol_whole_comes_before_who_has_its_parts(base: KnowledgeBase) -> None:
    others = [an_entry(f"note:{n}", f"filler {n}") for n in range(20)]
    base.put(
        [
            an_entry("note:parts", "the request of the security desk"),
            an_entry("note:whole", "use request.security"),
            *others,
        ]
    )
    assert ids(base.search("request.security")) == ["note:whole", "note:parts"]


def test_a_word_in_the_title_counts_more_than_in_the_text(base: KnowledgeBase) -> None:
    others = [an_entry(f"note:{n}", f"filler {n}") for n in range(20)]
    base.put(
        [an_entry("note:text", "word of the embargo"), an_entry("note:title", "word of", title="Embargo"), *others]
    )
    assert ids(base.search("embargo")) == ["note:title", "note:text"]


def test_the_fresh_and_the_sure_come_first_among_equals(base: KnowledgeBase) -> None:
    others = [an_entry(f"note:{n}", f"filler {n}") for n in range(20)]
    base.put([
        an_entry("note:old", "same words", at=NOW - 400 * DAY), an_entry("note:new", "same words", at=NOW),
        an_entry("note:sure", "same words", at=NOW, strength=0.9), *others,
    ])  # fmt: skip
    assert ids(base.search("same words")) == ["note:sure", "note:new", "note:old"]


def test_a_domain_is_preferred_and_excludes_only_when_asked(base: KnowledgeBase) -> None:
    others = [an_entry(f"note:{n}", f"filler {n}") for n in range(20)]
    base.put([
        an_entry("note:ops", "the memory ran out", domain="ops"),
        an_entry("note:gpu", "the memory ran out", domain="gpu"), *others,
    ])  # fmt: skip
    assert ids(base.search("memory ran out", domain="gpu")) == ["note:gpu", "note:ops"]
    assert ids(base.search("memory ran out", domain="cuda", only=True)) == ["note:gpu"]
    assert ids(base.search("memory ran out", domain="ops")) == ["note:ops", "note:gpu"]


def test_within_a_domain_a_word_is_found_under_its_other_names(base: KnowledgeBase) -> None:
    base.put([an_entry(text="not enough vram", domain="gpu")])
    assert ids(base.search("memory")) == []
    assert ids(base.search("memory", domain="gpu")) == ["note:one"]


def test_a_kind_excludes_all_others(base: KnowledgeBase) -> None:
    base.put([an_entry(text="word"), an_entry("failure:x", "word", kind="failure")])
    assert ids(base.search("word", kind="failure")) == ["failure:x"]


def test_the_snippet_shows_the_words_that_were_asked_for(base: KnowledgeBase) -> None:
    base.put([an_entry(text="begin " + "filler " * 200 + "the needle is here, " + "more " * 200)])
    (hit,) = base.search("needles")
    assert "[needle] is here" in marked(hit)
    assert marked(hit).startswith("… ")
    assert len(marked(hit)) < 260


def test_words_that_everybody_has_still_find(base: KnowledgeBase) -> None:
    base.put([an_entry(f"note:{n:03}", f"the same common text {n}", at=NOW) for n in range(300)])
    assert len(base.search("the", limit=5)) == 5
    assert ids(base.search("common text 217", limit=1)) == ["note:217"]


def test_words_that_were_common_once_and_not_of_late_still_find(base: KnowledgeBase) -> None:
    """More than are ranked at once have them, and none of the last that are looked at."""
    base.put([an_entry(f"note:a{n}", "harbour quay") for n in range(5_100)])
    base.put([an_entry(f"note:b{n}", "meadow grass") for n in range(5_100)])
    assert ids(base.search("harbour quay", limit=1))[0].startswith("note:a")


def test_a_word_nobody_wrote_is_answered_with_the_nearest(base: KnowledgeBase) -> None:
    base.put([an_entry(text="deflated sharpe ratio")])
    assert base.suggestion("deflatde sharp") == "deflated sharpe"
    assert base.suggestion("deflated ratio") is None
    assert base.suggestion("zzzzzz") is None


def test_the_limit_holds_and_nothing_asked_is_nothing_found(base: KnowledgeBase) -> None:
    base.put([an_entry(f"note:{n}", "word") for n in range(9)])
    assert len(base.search("word", limit=4)) == 4
    assert base.search("word", limit=0) == base.search("", limit=4) == base.search("?!", limit=4) == []


# -- the graph --------------------------------------------------------------------------------------------------------


def test_the_graph_leads_from_a_hit_to_what_it_contains_links_to_and_mentions(base: KnowledgeBase) -> None:
    links = [
        Link("doc:page", "contains", "doc:page#a"), Link("doc:page#a", "links-to", "doc:other"),
        Link("doc:page#a", "mentions-symbol", "symbol:evaluate_many"),
        Link("doc:code", "defines", "symbol:evaluate_many"),
    ]  # fmt: skip
    entries = [
        an_entry(id, text)
        for id, text in (("doc:page", "x"), ("doc:page#a", "needle"), ("doc:other", "y"), ("doc:code", "z"))
    ]
    base.put(entries, links=links)
    found = {hit.entry.id: hit.path for hit in base.search("needle", graph=True)}
    assert found == {
        "doc:page#a": (),
        "doc:page": ("doc:page#a", "contained-in", "doc:page"),
        "doc:other": ("doc:page#a", "links-to", "doc:other"),
        "doc:code": ("doc:page#a", "mentions-symbol", "doc:code"),
    }


def test_a_circle_of_links_is_walked_once(base: KnowledgeBase) -> None:
    base.put(
        [an_entry("doc:a", "needle"), an_entry("doc:b"), an_entry("doc:c")],
        links=[
            Link("doc:a", "links-to", "doc:b"),
            Link("doc:b", "links-to", "doc:c"),
            Link("doc:c", "links-to", "doc:a"),
        ],
    )
    assert sorted(ids(base.search("needle", graph=True))) == ["doc:a", "doc:b", "doc:c"]


# -- files and several at once ----------------------------------------------------------------------------------------


def a_file(path: str, *texts: str, digest: str = "d") -> FileRead:
    entries = tuple(an_entry(f"doc:{path}#{n}", text, kind="document") for n, text in enumerate(texts))
    links = tuple(Link(entries[0].id, "contains", entry.id) for entry in entries[1:])
    return FileRead(FileMark(path, "/srv", 1, 2, digest, "1 ?"), entries, links)


def test_what_a_file_says_no_more_is_forgotten(base: KnowledgeBase) -> None:
    assert base.keep_files([a_file("/a", "one", "two"), a_file("/b", "three")]) == Changed(added=3)
    assert base.keep_files([a_file("/a", "one")]) == Changed(changed=1, gone=1)  # its link is gone as well
    assert ids(base.search("two")) == []
    assert base.contents(["/a", "/b"]) == [a_file("/a", "one"), a_file("/b", "three")]
    assert list(base.known_files("/")) == ["/a", "/b"]
    assert list(base.known_files("/b")) == ["/b"]
    assert base.known_files("/elsewhere") == {}
    assert base.forget_files(["/a", "/none"]) == 1
    assert base.totals() == Totals(entries=1, links=0, files=1)


def test_an_entry_of_no_file_is_loose(base: KnowledgeBase) -> None:
    base.keep_files([a_file("/a", "one")])
    base.put([an_entry()], links=[Link("note:one", "links-to", "doc:/a#0")])
    assert base.loose() == [(an_entry(), (Link("note:one", "links-to", "doc:/a#0"),))]


def test_two_who_hold_it_open_see_each_others_entries(opener) -> None:  # type: ignore[no-untyped-def]
    one, other = opener(), opener()
    one.put([an_entry(text="from one")])
    other.put([an_entry("note:two", text="from other")])
    assert sorted(ids(one.search("from"))) == sorted(ids(other.search("from"))) == ["note:one", "note:two"]
    assert one.totals() == other.totals() == Totals(entries=2, links=0, files=0)


def test_health_counts_what_there_is(base: KnowledgeBase) -> None:
    base.put([an_entry(), an_entry("failure:x", domain="ops", kind="failure")])
    found = base.health()
    assert found["problems"] == []
    assert (found["entries"], found["files"], found["links"]) == (2, 0, 0)
    assert found["domains"] == {"general": {"note": 1}, "ops": {"failure": 1}}
    assert found["bytes"] > 0


def test_a_closed_base_says_so_as_an_outside_error(opener) -> None:  # type: ignore[no-untyped-def]
    closed = opener()
    closed.close()
    with pytest.raises(OutsideError):
        closed.search("word")
    assert closed.health()["problems"] != []
