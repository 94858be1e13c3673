"""What ``/proc`` shows of this process, written over in place: its words and its environment as of its start.

A spare is started before anybody knows which run it will be, and a run is found by others, the next daemon among them,
by the mark in ``/proc/PID/environ``. The kernel shows there a stretch of our own memory, filled at our start; nothing
else reads it any more. Room for what comes later is left by whoever starts us. Called by ``spare`` alone.
"""

import ctypes
from pathlib import Path

# Fields of /proc/self/stat behind the command's name: where arguments and environment begin and end.
_ARGUMENTS, _ENVIRONMENT = (45, 46), (47, 48)


def show_variable(name: str, value: str) -> None:
    """Another value of a variable that was there at our start. ValueError where it was not, or has no room."""
    shown, begins = _stretch(_ENVIRONMENT)
    at = (b"\0" + shown).find(f"\0{name}=".encode())
    if at < 0:
        raise ValueError(f"{name} was not in the environment at the start of this process; it cannot be shown there")
    at += len(name) + 1
    _write(begins + at, value.encode(), room=shown.index(b"\0", at) - at, what=name)


def show_argument(first: str, words: str) -> None:
    """Other words in place of the argument ``first`` and all behind it."""
    shown, begins = _stretch(_ARGUMENTS)
    at = shown.rfind(f"\0{first}\0".encode()) + 1
    if at == 0:
        raise ValueError(f"{first} is none of the words this process was started with")
    # One byte stays zero: a last word without an end would be read on into the environment.
    _write(begins + at, words.encode(), room=len(shown) - at - 1, what=f"the words from {first} on")


def _stretch(fields: tuple[int, int]) -> tuple[bytes, int]:
    # The command's name, second field, may hold blanks and parentheses: count from the last one.
    found = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begins, ends = (int(found[field]) for field in fields)
    return ctypes.string_at(begins, ends - begins), begins


def _write(place: int, content: bytes, *, room: int, what: str) -> None:
    if len(content) > room:
        raise ValueError(f"{what}: {len(content)} bytes do not fit into the {room} left for them at the start")
    ctypes.memmove(place, content.ljust(room, b"\0"), room)
