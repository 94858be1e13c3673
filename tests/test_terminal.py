"""The recorded terminal: what is committed can be shown anywhere, and what is drawn is what stood in the pane."""

import json
import re
import sys
from typing import Any
from xml.etree import ElementTree

import pytest
from repository import ROOT

IMAGES = ROOT / "docs" / "images"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    import terminal_drawn

    return terminal_drawn


def frame(lasts_s: float, *lines: str) -> Any:
    from terminal_scenes import Frame

    return Frame(lasts_s, list(lines), "")


@pytest.mark.parametrize("name", ["terminal.svg", "terminal-still.svg", "architecture.svg", "swarmd.svg"])
def test_a_picture_of_the_readme_is_one_file_without_script_and_without_address(name: str) -> None:
    text = (IMAGES / name).read_text()
    assert len(text.encode()) < 500_000
    tree = ElementTree.fromstring(text)
    assert not any(element.tag in (f"{SVG}script", f"{SVG}image", f"{SVG}foreignObject") for element in tree.iter())
    assert re.findall(r"(?:https?:)?//[\w.]+", text.replace("http://www.w3.org/2000/svg", "")) == []
    assert not any(key.lower().startswith("on") for element in tree.iter() for key in element.attrib)


def test_the_recording_shows_a_lane_killed_and_a_champion_crowned_and_nothing_of_who_recorded_it() -> None:
    told = "".join(ElementTree.fromstring((IMAGES / "terminal.svg").read_text()).itertext())
    for words in ("swarmd start --demo", "kill -9", "killed by SIGKILL", "CHAMPION", "0 differences"):
        assert words in told, words
    assert re.findall(r"/(?:work|root|home)/|token=|Traceback", told) == []


def test_the_cast_has_the_pictures_of_the_film() -> None:
    head, *events = [json.loads(line) for line in (IMAGES / "terminal.cast").read_text().splitlines()]
    assert head["version"] == 2
    times = [at for at, kind, _ in events]
    assert times == sorted(times)
    assert {kind for _, kind, _ in events} == {"o"}
    film = (IMAGES / "terminal.svg").read_text()
    seconds = re.search(r"animation:play ([\d.]+)s", film)
    assert seconds is not None
    assert times[-1] == pytest.approx(float(seconds[1]), abs=0.01)
    assert len(events) - 1 == film.count('<g transform="translate(0 ')


def test_words_keep_their_columns_and_colours_and_are_no_markup(drawn: Any) -> None:
    tree = ElementTree.fromstring(drawn.still([frame(1.0, "plain  \x1b[1;31mred & <b>\x1b[0m   \x1b[7mback\x1b[0m")]))
    texts = {element.text: element for element in tree.iter(f"{SVG}text")}
    assert float(texts["plain"].attrib["x"]) == 0
    red = texts["red & <b>"]
    assert float(red.attrib["x"]) == pytest.approx(7 * drawn.COLUMN, abs=0.1)
    assert float(red.attrib["textLength"]) == pytest.approx(9 * drawn.COLUMN, abs=0.1)
    assert (red.attrib["fill"], red.attrib["font-weight"]) == ("#f27b82", "bold")
    assert texts["back"].attrib["fill"] == drawn.PAPER


def test_a_row_of_several_frames_is_drawn_once_and_each_frame_has_its_time(drawn: Any) -> None:
    film = drawn.film([frame(1.0, "same"), frame(3.0, "same", "other")])
    assert film.count(">same</text>") == 1
    assert "animation:play 4.00s step-end infinite" in film
    assert "0.000%{transform:translateY(0px)}25.000%{" in film
    assert "prefers-reduced-motion" in film
