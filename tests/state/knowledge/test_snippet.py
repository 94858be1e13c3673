"""Snippets: the right stretch of a text, and nothing of it that a terminal would obey."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmd.state.knowledge.snippet import plain, plain_lines, snippet


def told(text: str, *wanted: str) -> str:
    return "".join(f"[{piece.text}]" if piece.is_match else piece.text for piece in snippet(text, frozenset(wanted)))


def test_a_short_text_is_shown_whole_with_every_match_marked() -> None:
    assert told("One lane, two lanes.\n\nThree.", "lane") == "One [lane], two [lanes]. Three."
    assert told("", "lane") == ""


def test_of_a_long_text_the_stretch_with_the_most_different_words_is_shown() -> None:
    text = "alpha " + "x " * 300 + "alpha and beta together " + "y " * 300 + "beta"
    shown = told(text, "alpha", "beta")
    assert "[alpha] and [beta] together" in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")


def test_a_text_without_the_words_shows_its_beginning() -> None:
    assert told("first words " * 100, "absent").startswith("first words first")


@pytest.mark.parametrize(
    "hostile",
    ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07red", "\x9b31mred", "\x07red\x08", "\x1bPq\x1b\\red", "\u202ered", "red\r"],
)
def test_what_a_terminal_would_obey_is_gone(hostile: str) -> None:
    assert plain(hostile) == "red"
    assert told(hostile, "red") == "[red]"


@given(st.text(max_size=500))
def test_no_control_character_is_ever_printed(text: str) -> None:
    for shown in (plain(text), plain_lines(text).replace("\n", ""), told(text, "a")):
        assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in shown)
