"""Old segments made into one base: what they come to stays, the story they tell goes.

Called by ``swarmd clean``, with the daemon alive or dead: the daemon writes the last segment and the snapshot alone,
and neither is touched here. The base is on the disk and read back before the first segment goes; a clean that is
interrupted leaves segments that the base stands for already, and the next one removes them.
"""

from dataclasses import dataclass
from pathlib import Path

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import atomic_write, sync_directory
from swarmd.state.store.lines import line_of
from swarmd.state.store.raw import BASE, QUARANTINE, SNAPSHOT, Reading, read_segment, segments_by_name
from swarmd.state.store.snapshot import Reach, kept_tables, read_reach, read_snapshot, snapshot_bytes

_LAST_LINE_WITHIN = 1 << 20


@dataclass(frozen=True, slots=True)
class Removable:
    """``leftovers`` a former base stands for; ``segments`` need a new one; ``why_not_more`` says what ends them."""

    leftovers: tuple[Path, ...]
    segments: tuple[Path, ...]
    copies: tuple[Path, ...]
    why_not_more: str


def removable(directory: Path, before: str) -> Removable:
    """The oldest segments of sound lines that the snapshot covers, all older than ``before`` (ISO-8601, UTC).

    The first that must stay ends the row: history keeps one beginning and has no holes. The newest lines always stay,
    also where the snapshot was taken right after the last of them: who asks of the past finds something.
    """
    base = read_reach(directory / BASE)
    first_number = 0 if base is None else base.number
    paths = segments_by_name(directory)
    leftovers = tuple(path for path in paths if int(path.stem) <= first_number)
    covered = _covered(directory)
    seq = 0 if base is None else base.seq
    found: list[Path] = []
    why = "the rest holds the newest records"
    newest = next((path for path in reversed(paths) if path.stat().st_size), None)
    for path in paths[len(leftovers) :]:
        if path == newest:
            break
        if covered is None or int(path.stem) >= covered.number:
            why = "no sound snapshot covers the rest" if covered is None else "the snapshot does not cover the rest"
            break
        if (last := _last_at(path)) >= before:
            why = f"{path.name} holds records of {last}"
            break
        probe = Reading(seq=seq)
        read_segment(path, 0, False, probe)
        if probe.damages:
            why = f"{path.name} is damaged ({probe.damages[0].reason}) and is kept as evidence"
            break
        seq = probe.seq
        found.append(path)
    gone = {path.stem for path in (*leftovers, *found)}
    copies = tuple(copy for copy in (directory / QUARANTINE).glob("*.txt") if copy.name.partition("-")[0] in gone)
    return Removable(leftovers, tuple(found), copies, why)


def compact(directory: Path, what: Removable) -> None:
    """Write the base, then remove what it stands for. Raises OutsideError with every record still to be read."""
    if what.segments:
        _write_base(directory, what.segments)
    try:
        for path in (*what.leftovers, *what.segments, *what.copies):
            path.unlink(missing_ok=True)
        sync_directory(directory)
    except OSError as cause:
        raise OutsideError(f"cannot remove segments of {directory}: {cause.strerror}; ask again") from cause


def _write_base(directory: Path, segments: tuple[Path, ...]) -> None:
    reading = Reading()
    try:
        if (before := read_snapshot(directory / BASE)) is not None:
            reach, reading.tables = before
            reading.seq = reading.snapshot_seq = reach.seq
    except ValueError as flaw:
        raise OutsideError(f"{directory / BASE} stands for what is gone and is damaged: {flaw}") from None
    for path in segments:
        read_segment(path, 0, False, reading)
    if reading.damages:
        raise OutsideError(f"{directory} changed while it was read: {reading.damages[0].reason}; ask again")
    reach = Reach(reading.seq, segments[-1].name, segments[-1].stat().st_size, _last_at(segments[-1]))
    atomic_write(directory / BASE, snapshot_bytes(kept_tables(reading.folded()), reach), sync=True)
    try:
        written = read_snapshot(directory / BASE)
    except ValueError as flaw:
        raise OutsideError(f"{directory / BASE} cannot be read back: {flaw}; nothing was removed") from None
    if written is None or written[0] != reach:
        raise OutsideError(f"{directory / BASE} is not what was written; nothing was removed")


def _covered(directory: Path) -> Reach | None:
    """How far a snapshot reaches that can be trusted to the last byte."""
    try:
        found = read_snapshot(directory / SNAPSHOT)
    except ValueError:
        return None
    return None if found is None else found[0]


def _last_at(path: Path) -> str:
    """The instant of its last whole line; later than any instant where none can be read."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LAST_LINE_WITHIN))
        lines = file.read().split(b"\n")
    try:
        return line_of(lines[-2]).at
    except (ValueError, IndexError):
        return "9999"
