"""The freshness of what the swarm publishes and of the screens it keeps: present, missing, damaged.

A published file is a view of the journal, so losing one loses nothing; it is noticed, told, and made anew.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from swarmd.state.records.record import Record
from swarmd.state.records.source import Source, SourceStatus
from swarmd.state.store.files import Home
from swarmd.state.store.published import Written
from swarmd.state.store.raw import Damage
from swarmd.state.units import Millis
from swarmd.state.view import View

# The disk under the journal, as a source: its note says what could not be written.
DISK = "disk/journal"


def observe_disk(view: View, lost: tuple[str, Millis] | None, *, now: Millis) -> list[Record]:
    """``lost`` says what could not be recorded, and since when; without it the disk takes everything again."""
    if lost is None:
        return _moved(view, DISK, SourceStatus.FRESH, "the journal is written again", now)
    known = view.sources.get(DISK)
    if known is not None and known.status is SourceStatus.DAMAGED:
        return []
    note, since = lost
    return [Source(id=DISK, at=now, status=SourceStatus.DAMAGED, since=since, note=note)]


def observe_published(view: View, home: Home, published: Mapping[str, Written], *, now: Millis) -> list[Record]:
    """``published`` are the files the last cycle left, relative to ``state/``: one that was touched since is read."""
    seen: list[Record] = []
    for name, left in published.items():
        path = os.path.join(home.state, name)  # noqa: PTH118
        try:
            if Written.of(os.stat(path)) != left:  # noqa: PTH116
                orjson.loads(Path(path).read_bytes())
            status, note = SourceStatus.FRESH, "published and readable"
        except FileNotFoundError:
            status, note = SourceStatus.MISSING, f"{name} was there after the last cycle and is gone"
        except (OSError, ValueError) as error:
            status, note = SourceStatus.DAMAGED, f"{name} is not readable as JSON: {error}"
        seen += _moved(view, f"state/{name}", status, note, now)
    return seen


def observe_monitors(view: View, states: Mapping[str, bool], *, now: Millis) -> list[Record]:
    """``states`` says of each tmux window whether it is there; empty where monitors are off or tmux is missing."""
    seen: list[Record] = []
    for name, is_there in states.items():
        status = SourceStatus.FRESH if is_there else SourceStatus.MISSING
        note = "its tmux window is there" if is_there else "its tmux window is gone"
        seen += _moved(view, f"monitor/{name}", status, note, now)
    return seen


def journal_damages(damages: Sequence[Damage], *, now: Millis) -> list[Record]:
    """What opening the journal found and mended: one source per damaged place, so each is an incident of its own."""
    return [
        Source(
            id=f"journal/{damage.segment}:{damage.line}@{now}",
            at=now,
            status=SourceStatus.DAMAGED,
            since=now,
            note=damage.reason,
        )
        for damage in damages
    ]


def moved_source(view: View, name: str, status: SourceStatus, note: str, *, now: Millis) -> list[Record]:
    """Of what always is there, and so is not spoken of before it was not."""
    if status is SourceStatus.FRESH and name not in view.sources:
        return []
    return _moved(view, name, status, note, now)


def _moved(view: View, name: str, status: SourceStatus, note: str, now: Millis) -> list[Record]:
    last = view.sources.get(name)
    if last is not None and last.status is status:
        return []
    return [Source(id=name, at=now, caused_by=(name,) if last else (), status=status, since=now, note=note)]
