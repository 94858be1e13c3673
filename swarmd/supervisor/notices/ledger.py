"""What became of every notice: HOME/state/notices.jsonl, one line a try, written by whoever delivers.

It is what makes a message arrive once over the death of any process, and the inbox of those that never did. A torn last
line is a try that is made again.
"""

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import orjson

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home, atomic_write, write_whole
from swarmd.state.units import Millis, iso, millis_of_iso
from swarmd.supervisor.notices.due import Message, Record, Tried

BEGUN = "begun"
_LINES_MAX, _LINES_KEPT = 6_000, 4_000

Line = dict[str, Any]


def path_of(home: Home) -> Path:
    return home.state / "notices.jsonl"


def lines(home: Home) -> list[Line]:
    """Whole lines, the oldest first; what cannot be read is left out."""
    try:
        raw = path_of(home).read_bytes().split(b"\n")
    except OSError:
        return []
    found: list[Line] = []
    for line in raw:
        try:
            said = orjson.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and {"channel", "notice", "status", "at"} <= said.keys():
            found.append(said)
    return found


def records(found: Iterable[Line]) -> dict[str, Record]:
    """By channel: what is known of it. The last line about a notice counts."""
    since: dict[str, Millis] = {}
    tried: dict[str, dict[str, Tried]] = {}
    sent: dict[str, dict[str, Millis]] = {}
    for line in found:
        channel, at = str(line["channel"]), millis_of_iso(line["at"])
        if line["status"] == BEGUN:
            since.setdefault(channel, at)
            continue
        tried.setdefault(channel, {})[line["notice"]] = Tried(line["status"], at, int(line.get("tries", 1)))
        if line["status"] == "sent":
            sent.setdefault(channel, {})[str(line.get("message", line["notice"]))] = at
    return {
        channel: Record(begun, tried.get(channel, {}), tuple(sent.get(channel, {}).values()))
        for channel, begun in since.items()
    }


def told(message: Message, status: str, why: str, now: Millis) -> list[Line]:
    """A line for each notice of a message; ``message`` holds those together that went as one."""
    first = message.notices[0].id
    return [
        {
            "channel": message.channel,
            "notice": each.id,
            "message": f"{first}+{len(message.notices) - 1}@{now}",
            "status": status,
            "at": iso(now),
            "tries": message.tries,
            "level": each.level,
            "event": each.event,
            "title": each.title,
            "text": each.text,
            "why": why,
        }
        for each in message.notices
    ]


def begun(channel: str, since: Millis) -> Line:
    return {"channel": channel, "notice": "", "status": BEGUN, "at": iso(since)}


def append(home: Home, more: Iterable[Line]) -> None:
    """On the disk when this returns. Raises OutsideError where the disk does not take it."""
    data = b"".join(orjson.dumps(line) + b"\n" for line in more)
    if not data:
        return
    try:
        file = os.open(path_of(home), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                data = b"\n" + data  # what a death tore stays a line of its own
            write_whole(file, data)
            os.fdatasync(file)
        finally:
            os.close(file)
    except OSError as cause:
        raise OutsideError(f"cannot write {path_of(home)}: {cause.strerror}") from cause


def is_long(found: list[Line]) -> bool:
    return len(found) > _LINES_MAX


def shortened(home: Home, found: list[Line], still: Collection[str]) -> None:
    """Keep the file small: where each channel began, the newest tries, and those of the notices that would be due
    ``still`` if nobody knew that they were told."""
    if is_long(found):
        old = [line for line in found[:-_LINES_KEPT] if line["status"] == BEGUN or line["notice"] in still]
        kept = old + found[-_LINES_KEPT:]
        atomic_write(path_of(home), b"".join(orjson.dumps(line) + b"\n" for line in kept))


def rows(home: Home) -> list[Line]:
    """For people: the last word on each notice and channel, the oldest first."""
    last: dict[tuple[str, str], Line] = {}
    for line in lines(home):
        if line["status"] != BEGUN:
            key = (line["channel"], line["notice"])
            last.pop(key, None)
            last[key] = line
    return [
        {"id": line["notice"], **{name: line[name] for name in line if name not in ("notice", "message")}}
        for line in last.values()
    ]
