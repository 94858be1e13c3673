"""What a process does first that must not outlive the one that started it, and how the end of one is told."""

import contextlib
import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """The kernel kills this process when `parent`, its parent, ends in whatever way."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before it could be asked for
        os._exit(1)


def ending(code: int) -> str:
    """The end of a child process in words, by its return code."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"died by {signal.Signals(-code).name}"
    return f"ended with code {code}"
