"""Who may follow whom: the backups of a niche, the way back to one of them, and the end of a champion's reign.

Used by `champion rollback` and `champion monitor`, which hold the niche meanwhile. Every change is a line in
`changes.jsonl` first, and what was in force is in `backup/` before it goes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.engine.champions.champion import (
    BACKUP,
    ChampionFile,
    back_up,
    champion_of_bytes,
    content_at,
    content_of,
    digest_of,
    write_champion,
)
from swarmd.engine.champions.changes import Change, append_change, dethroning_of
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import atomic_write, sync_directory

_DIGEST = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Backup:
    """One that was in force: `champion` is None where the file no longer holds, and `damaged` says why."""

    digest: str
    path: Path
    left_at: str | None
    champion: ChampionFile | None
    damaged: str | None


def backups_of(path: Path, changes: Iterable[Change]) -> tuple[Backup, ...]:
    """The backups of a niche, the one that was in force last first.

    In the order in which they left, as the changes have it; those from before there were changes are the oldest, by the
    time of their files.
    """
    left = {change.before: (number, change.at) for number, change in enumerate(changes) if change.niche == path.stem}
    found = []
    for place in (path.parent / BACKUP).glob(f"{path.stem}_*.json"):
        digest = place.stem.removeprefix(f"{path.stem}_")
        if _DIGEST.fullmatch(digest):
            number, at = left.get(digest, (-1, None))
            found.append(((number, place.stat().st_mtime_ns, digest), _backup(place, digest, at, path.stem)))
    return tuple(backup for _, backup in sorted(found, key=lambda each: each[0], reverse=True))


def way_back(
    path: Path, backups: Iterable[Backup], changes: Iterable[Change], *, asked: str | None, current: str | None
) -> Backup:
    """The backup that a rollback leads to: the one asked for by its digest, else the last whose claim is another one
    and that was not dethroned. `current` is the claim in force.

    Raises
    ------
    OperatorError
        If there is none, or the digest names none or several; lists those there are.
    """
    backups, changes = tuple(backups), tuple(changes)
    there = ", ".join(backup.digest for backup in backups) or "none at all"
    if asked is not None:
        meant = [backup for backup in backups if backup.digest.startswith(asked.lower())]
        if len(meant) != 1:
            raise OperatorError(f"{path.stem}: {len(meant)} backups are named {asked!r}; there is: {there}")
        if meant[0].champion is None:
            raise OperatorError(f"{meant[0].damaged}; choose another one: {there}")
        return meant[0]
    for backup in backups:
        if backup.champion is None or backup.champion.claim == current:
            continue
        if dethroning_of(changes, path.stem, backup.champion.claim) is None:
            return backup
    raise OperatorError(
        f"{path.stem}: no backup to go back to that is whole, other than the champion in force and not dethroned; "
        f"name one with --to: {there}"
    )


def put_back(
    path: Path, backup: Backup, *, at: str, reason: str, evidence: Mapping[str, Any] | None = None
) -> ChampionFile:
    """A backup in force again, as a rollback with its reason; the one in force goes to `backup/`."""
    if backup.champion is None:
        raise OperatorError(f"{backup.damaged}; choose another backup")
    again = backup.champion.model_copy(update={"origin": "rollback", "note": reason})
    return write_champion(path, again, at=at, reason=reason, evidence=evidence)


def dethrone(
    path: Path, fallen: ChampionFile, successor: Backup | None, *, at: str, reason: str, evidence: Mapping[str, Any]
) -> ChampionFile | None:
    """The end of a reign: the file goes to `backup/`, the successor (if any) is put in its place, else the niche is
    empty. Killed after its line is written the loader already refuses the fallen one, and the next call ends the work.
    """
    heir = None
    if successor is not None and successor.champion is not None:
        note = f"follows one that was dethroned: {reason}"
        heir = successor.champion.model_copy(update={"origin": "rollback", "note": note}).sealed()
    old = content_at(path)
    content = None if heir is None else content_of(heir)
    append_change(
        path.parent,
        Change(
            at=at,
            niche=path.stem,
            change="dethroned",
            before=digest_of(old),
            after=digest_of(content),
            claim=fallen.claim,
            reason=reason,
            evidence=dict(evidence),
        ),
    )
    back_up(path, old)
    if content is not None:
        atomic_write(path, content, sync=True)
    elif old is not None:
        try:
            path.unlink()
            sync_directory(path.parent)
        except OSError as cause:
            raise OutsideError(f"cannot remove {path}: {cause.strerror}") from cause
    return heir


def _backup(place: Path, digest: str, left_at: str | None, niche: str) -> Backup:
    content = content_at(place)
    try:
        champion = champion_of_bytes(content or b"", where=str(place))
        if champion.niche != niche:
            raise OperatorError(f"{place}: it is the champion of {champion.niche}")
        if digest_of(content) != digest:
            raise OperatorError(f"{place}: its content has digest {digest_of(content)}, so it was changed")
    except OperatorError as refusal:
        return Backup(digest, place, left_at, None, str(refusal))
    return Backup(digest, place, left_at, champion, None)
