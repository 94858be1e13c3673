#!/usr/bin/env python3
"""What another machine is like: the question ``scripts/deploy`` asks it, its answer understood and judged.

Pure: the text of a shell script out, the text it printed in, a table out.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]

MIB, GIB = 1 << 20, 1 << 30
_MEMORY_MIN, _MEMORY_GOOD = 512 * MIB, 2 * GIB
# What the lock pins takes some 600 MB installed and as much again while it is being fetched.
_DISK_INSTALL, _DISK_GOOD, _DISK_MIN = 2 * GIB, 10 * GIB, 256 * MIB
# Codes of the checkout's place: not there or empty, put there by us, a checkout made by hand, something else.
EMPTY, OURS, BY_HAND, STRANGE = "empty", "ours", "by hand", "strange"


@dataclass(frozen=True, slots=True)
class Box:
    """``gpu`` is what nvidia-smi says, a card a line; ``marks`` the first line of the manifest a former copy left."""

    home: str
    user: str
    system: str
    release: str
    cores: int
    memory_bytes: int
    disk_bytes: int
    python: str
    rsync: str
    tmux: str
    gpu: tuple[str, ...]
    gpu_trouble: str
    place: str
    is_installed: bool


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    level: Level
    found: str
    fix: str = ""


def question(dest: str, python: str) -> str:
    """A script for the other side's ``sh``: it changes nothing, and prints a line a fact."""
    chosen = shlex.quote(python) if python else "python3 python3.14 python3.13 python3.12 python3.11"
    return f"""
say() {{ printf '%s=%s\\n' "$1" "$2"; }}
say home "$HOME"; say user "$(id -un)"; say system "$(uname -s)"; say release "$(uname -r)"
say cores "$(nproc 2>/dev/null)"
say memory_kib "$(awk '/^MemTotal:/ {{print $2}}' /proc/meminfo 2>/dev/null)"
dest={shlex.quote(dest)}
above=$dest
while [ ! -d "$above" ]; do above=$(dirname -- "$above"); done
say disk_kib "$(df -Pk "$above" 2>/dev/null | awk 'NR == 2 {{print $4}}')"
for each in {chosen}; do
  if "$each" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1; then
    say python "$("$each" -c 'import sys; print(*sys.version_info[:3], sep=".")') ($(command -v "$each"))"
    break
  fi
done
say rsync "$(rsync --version 2>/dev/null | head -n 1)"
say tmux "$(tmux -V 2>/dev/null)"
if command -v nvidia-smi >/dev/null 2>&1; then
  if told=$(timeout 20 nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>&1); then
    printf '%s\\n' "$told" | while IFS= read -r line; do say gpu "$line"; done
  else
    say gpu_trouble "$(printf '%s' "$told" | tail -n 1)"
  fi
fi
if [ -e "$dest/.deployed" ]; then say place ours
elif [ -e "$dest/.git" ]; then say place "by hand"
elif [ -z "$(ls -A "$dest" 2>/dev/null | grep -v -x .venv)" ]; then say place empty
else say place strange; fi
[ ! -e "$dest/.venv/.installed" ] || say is_installed yes
"""


def understood(answer: str) -> Box:
    """Lines of others (a greeting of the log-in shell) are passed over. Raises ValueError where it is no answer."""
    said: dict[str, list[str]] = {}
    for line in answer.splitlines():
        name, found, rest = line.partition("=")
        if found:
            said.setdefault(name, []).append(rest.strip())
    if "home" not in said or "place" not in said:
        raise ValueError("it did not say what it is like")

    def one(name: str) -> str:
        return said.get(name, [""])[0]

    return Box(
        home=one("home"),
        user=one("user"),
        system=one("system"),
        release=one("release"),
        cores=_number(said, "cores"),
        memory_bytes=_number(said, "memory_kib") * 1024,
        disk_bytes=_number(said, "disk_kib") * 1024,
        python=one("python"),
        rsync=one("rsync"),
        tmux=one("tmux"),
        gpu=tuple(each for each in said.get("gpu", []) if each),
        gpu_trouble=one("gpu_trouble"),
        place=one("place"),
        is_installed=one("is_installed") == "yes",
    )


def judged(box: Box, dest: str) -> tuple[Finding, ...]:
    """A table: what was found, and where something is amiss what to do about it."""
    return tuple(_findings(box, dest))


def _findings(box: Box, dest: str) -> Iterator[Finding]:
    system = f"{box.system} {box.release}, as {box.user}"
    too_old = box.system == "Linux" and _version(box.release) < (5, 4)
    is_fit = box.system == "Linux" and not too_old
    yield Finding("system", "ok" if is_fit else "fail", system, "" if is_fit else "take a box with Linux 5.4 or newer")
    if box.python:
        yield Finding("python", "ok", box.python)
    else:
        fix = (
            "install Python 3.11 to 3.14 there (`apt-get install -y python3 python3-venv`), or name one: --python PATH"
        )
        yield Finding("python", "fail", "none from 3.11 to 3.14", fix)
    if box.rsync:
        yield Finding("rsync", "ok", box.rsync)
    else:
        yield Finding("rsync", "fail", "not installed", "install it there: `apt-get install -y rsync`")
    yield _measured(
        "disk", box.disk_bytes, f"free at {dest}", _DISK_MIN if box.is_installed else _DISK_INSTALL, _DISK_GOOD,
        least="take another --dest, or a larger disk", better="a long campaign writes some GiB; see docs/deploy.md",
    )  # fmt: skip
    yield _measured(
        "memory", box.memory_bytes, "in all", _MEMORY_MIN, _MEMORY_GOOD,
        least="take a larger box", better="few lanes fit: some 400 MiB each",
    )  # fmt: skip
    yield Finding("cores", "ok" if box.cores else "warn", str(box.cores or "unknown"))
    if box.gpu:
        yield Finding("gpu", "ok", "; ".join(box.gpu))
    elif box.gpu_trouble:
        yield Finding("gpu", "warn", f"nvidia-smi: {box.gpu_trouble}", "mend the driver; lanes compute on the CPU")
    else:
        yield Finding("gpu", "ok", "none (no nvidia-smi): lanes compute on the CPU")
    told = (
        box.tmux or "not installed (as root it is, with the rest; everything but the monitors' windows works without)"
    )
    yield Finding("tmux", "ok", told)
    if box.place in (EMPTY, OURS):
        yield Finding("place", "ok", f"{dest} {'holds a former copy' if box.place == OURS else 'is free'}")
    elif box.place == BY_HAND:
        fix = "`git pull` there, or name another --dest"
        yield Finding("place", "fail", f"{dest} is a git checkout made by hand", fix)
    else:
        yield Finding("place", "fail", f"{dest} holds something else", "name another --dest; nothing is overwritten")


def _measured(name: str, found: int, what: str, at_least: int, good: int, *, least: str, better: str) -> Finding:
    told = f"{sized(found)} {what}"
    if found < at_least:
        return Finding(name, "fail", f"{told}; {sized(at_least)} is the least", least)
    return Finding(name, "warn", told, better) if found < good else Finding(name, "ok", told)


def sized(number: int) -> str:
    return f"{number / GIB:.1f} GiB" if number >= GIB else f"{number / MIB:.0f} MiB"


def _number(said: Mapping[str, list[str]], name: str) -> int:
    text = said.get(name, [""])[0]
    return int(text) if text.isdecimal() else 0


def _version(release: str) -> tuple[int, ...]:
    """(5, 15) of ``5.15.0-91-generic``."""
    parts = release.split("-")[0].split(".")[:2]
    return tuple(int(part) for part in parts if part.isdecimal())
