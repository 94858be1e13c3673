"""Lines about what came about, for a reader who may stop reading, or leave."""

import itertools
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from builders import a_campaign, a_view, an_incident

from swarmd.state.view import View
from swarmd.supervisor.printed import LINES_MAX, printed_changes

LONG = 10_000


def picture(number: int) -> View:
    """Each is one change after the other: one long line."""
    return a_view(incidents=[an_incident(f"r{number}", cause="x" * LONG)])


@contextmanager
def a_pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What is printed goes into it; gives its other end."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as printed, monkeypatch.context() as there:
        there.setattr(sys, "stdout", printed)
        yield reader


def test_each_change_is_a_line_when_the_block_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_pipe(monkeypatch) as reader:
        with printed_changes() as on_cycle:
            on_cycle(a_view(campaigns=[a_campaign(reason="started – now")]), 0)
        told = os.read(reader, 1 << 16).decode().splitlines()
        assert told[0] == "1970-01-01T00:00:00Z campaign majors: active (started – now)"
        assert len(told) == 2
    os.close(reader)


def test_who_stops_reading_holds_up_nobody_and_is_told_how_much_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_pipe(monkeypatch) as reader:
        with printed_changes() as on_cycle:
            n_said = LINES_MAX + 20  # and a pipe takes 64 KiB
            for number in range(n_said):
                on_cycle(picture(number), 0)
            told = b""
            while b"left out" not in told:
                told += os.read(reader, 1 << 20)
                n_said += 1
                on_cycle(picture(n_said), 0)
        assert told.splitlines()[2].startswith(b"1970-01-01T00:00:00Z incident r1/crash: xxx")
        assert b"\n(left out, for nobody read them: " in told
    os.close(reader)


def test_where_nobody_can_read_any_more_the_daemon_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_pipe(monkeypatch) as reader:
        os.close(reader)
        with printed_changes() as on_cycle:

            def go_on() -> None:
                for number in itertools.count():
                    on_cycle(picture(number), 0)
                    time.sleep(0.001)

            with pytest.raises(BrokenPipeError):
                go_on()
