"""The chain: whatever is done to the lines but cutting them off at the end is found, and the line is named."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.state.errors import OperatorError
from swarmd.state.store.chain import Chain
from swarmd.state.store.ledger_files import FileLines


def a_chain(path: Path, name: str = "one") -> Chain:
    return Chain(
        FileLines(path), name=name, of="number", without="it is gone", is_sound=lambda told: isinstance(told["n"], int)
    )


def content_of(path: Path, n_lines: int, name: str = "one") -> list[bytes]:
    chain = a_chain(path, name)
    for n in range(n_lines):
        chain.append(lambda links, n=n: {"n": n, "said": 'é\u2028,"digest"'})
    return path.read_bytes().split(b"\n")[:-1]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return content_of(tmp_path_factory.mktemp("chain") / "a.jsonl", 6)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoilt") / "a.jsonl"


def read(path: Path, lines: list[bytes]) -> list[int]:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return [link.told["n"] for link in a_chain(path).read()]


def test_what_is_sealed_is_read_back_whatever_it_says(path: Path, lines: list[bytes]) -> None:
    assert read(path, lines) == [0, 1, 2, 3, 4, 5]
    assert a_chain(path).read()[0].told["said"] == 'é\u2028,"digest"'


@given(data=st.data())
@settings(deadline=None)
def test_any_changed_byte_of_any_line_is_found(path: Path, lines: list[bytes], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number]) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != lines[number][at]))
    changed = lines[number][:at] + bytes([byte]) + lines[number][at + 1 :]
    with pytest.raises(OperatorError, match=rf"a\.jsonl line {number + 1}: "):
        read(path, [*lines[:number], changed, *lines[number + 1 :]])


@given(order=st.lists(st.integers(0, 5), max_size=8))
@settings(deadline=None)
def test_of_all_selections_of_lines_only_beginnings_are_read(path: Path, lines: list[bytes], order: list[int]) -> None:
    chosen = [lines[index] for index in order]
    if order == list(range(len(order))):
        assert read(path, chosen) == order
        return
    first = next(index for index, number in enumerate(order) if number != index)
    with pytest.raises(OperatorError, match=rf"line {first + 1}: it follows"):
        read(path, chosen)


@given(kept=st.integers(0, 10_000))
@settings(deadline=None)
def test_cut_anywhere_the_whole_lines_are_left_and_the_next_one_follows_them(
    path: Path, lines: list[bytes], kept: int
) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    path.write_bytes(whole[:kept])
    left = [link.told["n"] for link in a_chain(path).read()]
    assert left == list(range(whole[:kept].count(b"\n")))
    a_chain(path).append(lambda links: {"n": 99})
    assert [link.told["n"] for link in a_chain(path).read()] == [*left, 99]


def test_lines_of_another_file_are_not_taken_for_this_ones(tmp_path: Path) -> None:
    content_of(tmp_path / "a.jsonl", 2, name="two")
    with pytest.raises(OperatorError, match="line 1: it follows"):
        a_chain(tmp_path / "a.jsonl").read()


def test_nothing_is_written_where_nothing_is_decided(tmp_path: Path) -> None:
    content_of(tmp_path / "a.jsonl", 2)
    before = (tmp_path / "a.jsonl").read_bytes()
    assert len(a_chain(tmp_path / "a.jsonl").append(lambda links: None)) == 2
    assert (tmp_path / "a.jsonl").read_bytes() == before


def test_a_sealed_line_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    Chain(FileLines(path), "one", "text", "it is gone", is_sound=lambda told: True).append(
        lambda links: {"n": "no number"}
    )
    with pytest.raises(OperatorError, match=r"line 1: it is sealed and yet no number; .* then it is gone"):
        a_chain(path).read()
    assert json.loads(path.read_bytes())["n"] == "no number"
