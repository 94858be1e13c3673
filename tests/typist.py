"""Somebody who types command lines into bash, as they stand but for what is agreed, and reads what is said."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from documented_commands import Instead

CTRL_C = "\x03"
# No measure of anything: what takes so long on the busiest machine hangs.
_WITHIN_S = 600.0
# As swarmd leaves at Ctrl-C, as ssh does, and as what is ended while it still starts.
_LEFT = (0, 130, 255, -signal.SIGINT)


class Typist:
    """In a folder with a home `swarm` in it. ``words`` fill in what is between braces in the agreed replacements."""

    def __init__(self, folder: Path, instead: Sequence[Instead] = (), **words: object) -> None:
        self.folder = folder
        self.instead, self.words = instead, dict(words)
        self.needless = list(instead)
        self.typed: list[str] = []
        moved = ("STATE_ROOT", "LOGS_ROOT", "RESULTS_ROOT", "SWARMD_NO_VERIFY")
        self.environment = {name: value for name, value in os.environ.items() if name not in moved}
        self.environment |= {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SWARMD_HOME": str(folder / "swarm"),
            "SWARMD_NO_VERIFY": "1",
            "TERM": "xterm",
        }

    def replaced(self, text: str) -> str:
        for each in self.instead:
            if re.search(each.said, text):
                text = re.sub(each.said, each.typed.format(**self.words), text)
                self.needless = [other for other in self.needless if other != each]
        return text

    def type(self, text: str, *, code: int = 0) -> str:
        """What it says, of both kinds; it must end with this exit code."""
        self.typed.append(text)
        done = subprocess.run(
            self._bash(text), cwd=self.folder, env=self.environment, text=True, timeout=_WITHIN_S, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == code, f"$ {text}\n$ {self.replaced(text)}\nexit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def once(self, text: str) -> None:
        """What has been typed already, in these or in other words, is not typed again."""
        if self.replaced(text) not in map(self.replaced, self.typed):
            self.type(text)
        else:
            self.typed.append(text)

    @contextmanager
    def staying(self, text: str, says: str, *, leave: str = CTRL_C, insists: bool = False) -> Iterator[str]:
        """On a terminal until it has said this, and for as long as the block lasts; then these keys end it.

        Who ``insists`` presses them again until it is over: tmux takes keys that come at once for pasted text.
        """
        self.typed.append(text)
        here, there = pty.openpty()
        process = subprocess.Popen(
            self._bash(text), cwd=self.folder, env=self.environment, stdin=there, stdout=there, stderr=there,
            start_new_session=True, preexec_fn=_take_terminal,
        )  # fmt: skip
        os.close(there)
        try:
            seen = _read_until(here, says, self.replaced(text))
            yield seen
            os.write(here, leave.encode())
            after = _read_to_end(here, again=leave.encode() if insists else b"")
            assert process.wait(60) in _LEFT, f"$ {self.replaced(text)}\n{seen}{after}"
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(here)

    def _bash(self, text: str) -> list[str]:
        return ["bash", "-euo", "pipefail", "-c", self.replaced(text)]


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Tests that are begun in a shell's background are deaf to Ctrl-C, and so would be whatever they start.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _read_until(terminal: int, says: str, text: str) -> str:
    seen, until = b"", time.monotonic() + _WITHIN_S
    while not re.search(says, seen.decode(errors="replace")):
        more = _read(terminal)
        assert more is not None, f"$ {text}\nended before it said {says!r}:\n{seen.decode(errors='replace')}"
        assert time.monotonic() < until, f"$ {text}\nhas not said {says!r}:\n{seen.decode(errors='replace')}"
        seen += more
    return seen.decode(errors="replace")


def _read_to_end(terminal: int, *, again: bytes) -> str:
    seen, until = b"", time.monotonic() + _WITHIN_S
    while (more := _read(terminal)) is not None and time.monotonic() < until:
        seen += more
        if again and not more:
            os.write(terminal, again)
    return seen.decode(errors="replace")


def _read(terminal: int) -> bytes | None:
    """Nothing within a second is no bytes; None where nobody holds the other end any more."""
    if not select.select([terminal], [], [], 1.0)[0]:
        return b""
    try:
        return os.read(terminal, 65536) or None
    except OSError:  # EIO: the last process with this terminal has ended
        return None
