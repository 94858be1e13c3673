"""A disk that fails, or a process that dies, at a chosen call: real processes, real files, one preloaded C file.

``faulty_disk.c`` is compiled when first asked for. A ``FaultyDisk`` is what it does in the processes that were started
with its ``environment``; it can be told otherwise at any time, also while they run.
"""

import contextlib
import errno
import mmap
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

OPEN, WRITE, SYNC, RENAME, TRUNCATE, UNLINK, MKDIR = 1, 2, 4, 8, 16, 32, 64
ALL = 127
BEFORE, HALFWAY, AFTER = 0, 1, 2

_SOURCE = Path(__file__).with_suffix(".c")
_PAGE = struct.Struct("=8i")


@cache
def shared_object() -> Path:
    """The compiled file; skips the test where there is no C compiler."""
    compiler = next((path for name in ("cc", "gcc", "g++") if (path := shutil.which(name))), None)
    if compiler is None:
        pytest.skip("no C compiler to build the faulty disk with")
    made = Path(tempfile.mkdtemp(prefix="faulty-disk-")) / "faulty_disk.so"
    command = [compiler, "-xc", "-O1", "-fPIC", "-shared", "-o", str(made), str(_SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return made


class FaultyDisk:
    """Everything under one folder, for the processes with this ``environment``. Sound until told otherwise."""

    def __init__(self, page: Path, under: Path) -> None:
        page.write_bytes(bytes(_PAGE.size))
        with page.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _PAGE.size)
        self.environment = {
            "LD_PRELOAD": str(shared_object()),
            "FAULTY_DISK_PAGE": str(page),
            "FAULTY_DISK_UNDER": str(under),
        }

    def heal(self) -> None:
        self._page[:] = bytes(_PAGE.size)

    def die(self, at: int, moment: int) -> None:
        """SIGKILL at the call of that number, counted from now: before it, half through it, or after it."""
        self._put(kill_at=at, moment=moment)

    def refuse(self, error: int, kinds: int = ALL, *, at: int = 0, is_partial: bool = False) -> None:
        """From now on these kinds of call fail; with ``at`` only the one of that number."""
        self._put(refused=kinds, error=error, fail_at=at, is_partial=is_partial)

    @property
    def calls(self) -> int:
        return int(_PAGE.unpack(self._page[:])[0])

    @property
    def n_refused(self) -> int:
        return int(_PAGE.unpack(self._page[:])[6])

    def _put(
        self,
        *,
        kill_at: int = 0,
        moment: int = BEFORE,
        refused: int = 0,
        error: int = errno.EIO,
        fail_at: int = 0,
        is_partial: bool = False,
    ) -> None:
        self._page[:] = _PAGE.pack(0, kill_at, moment, refused, error, fail_at, 0, is_partial)


class Nursery:
    """One process that has imported everything and forks a child per question: a real process in ten milliseconds.

    ``program`` defines ``life(words: list[str]) -> None``; what it prints is its answer.
    """

    def __init__(self, program: str, disk: FaultyDisk) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", program + _FORKING],
            env={**os.environ, **disk.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live(self, *words: object) -> tuple[int, list[str]]:
        """How a child of these words ended (as Popen tells it), and what it said before."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        said = []
        for line in self._process.stdout:
            if line.startswith("ended "):
                return int(line.split()[1]), said
            said.append(line.rstrip("\n"))
        raise AssertionError("the nursery died")

    def close(self) -> None:
        self._process.communicate(timeout=30)


_FORKING = """
import os, sys, traceback
for line in iter(sys.stdin.readline, ""):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            life(line.split())
            code = 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes: the kernel refuses, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def descriptors_left(number: int) -> Iterator[None]:
    """This process may open so many more files and not one beyond: the kernel refuses."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    try:
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 16, before[1]))
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        for _ in range(number):
            os.close(taken.pop())
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
