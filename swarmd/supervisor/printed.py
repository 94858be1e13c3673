"""What came about, printed line by line where there is no terminal to draw on. Used by `swarmd start`.

By a thread of its own: a reader who stops reading (a pager, a terminal after Ctrl-S, a line that is down) would hold up
whoever writes, and with him every lane.
"""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Full, Queue

import click

from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.changes import changes

# So many lines wait for a reader; what comes then is left out, and counted.
LINES_MAX = 1_000
# For what is still to be printed when the daemon has left.
_ENDS_WITHIN_S = 2.0


@contextmanager
def printed_changes() -> Iterator[Callable[[View, Millis], None]]:
    """For the daemon to call after each cycle: one line with its time for each change is printed.

    What it gives raises OSError once nobody is there any more who could read.
    """
    before: list[View] = []
    printer = _Printer()

    def on_cycle(view: View, now: Millis) -> None:
        for line in changes(before[-1] if before else None, view, now):
            printer.say(line)
        before[:] = [view]

    try:
        yield on_cycle
    finally:
        printer.end()


class _Printer:
    def __init__(self) -> None:
        self._lines: Queue[str | None] = Queue(LINES_MAX)
        self._n_left_out = 0
        self._trouble: OSError | None = None
        self._thread = threading.Thread(target=self._print, name="print", daemon=True)
        self._thread.start()

    def say(self, line: str) -> None:
        if self._trouble is not None:
            raise self._trouble
        if self._n_left_out:
            line = f"(left out, for nobody read them: {self._n_left_out} lines)\n{line}"
        try:
            self._lines.put_nowait(line)
        except Full:
            self._n_left_out += 1
        else:
            self._n_left_out = 0

    def end(self) -> None:
        with contextlib.suppress(Full):
            self._lines.put_nowait(None)
            self._thread.join(_ENDS_WITHIN_S)

    def _print(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                _write(line)
            except OSError as trouble:
                self._trouble = trouble
                return


def _write(line: str) -> None:
    """Past Python's own buffer: the interpreter could not leave while a thread that waits for a reader holds that."""
    try:
        descriptor = sys.stdout.fileno()
    except (io.UnsupportedOperation, AttributeError):
        click.echo(line)
        return
    rest = memoryview(f"{line}\n".encode(sys.stdout.encoding or "utf-8", "backslashreplace"))
    while rest:
        rest = rest[os.write(descriptor, rest) :]
