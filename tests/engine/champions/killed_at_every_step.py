"""A program of its own: makes a change of a niche again and again, each time killed one step later, until it survives.

Steps are what Python's audit hooks see: every open, rename, remove, truncate and lock. Killed is SIGKILL, by the
process itself at that very step. Prints how many kills there were; what must hold after each is asserted here.
"""

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from swarmd.engine.champions.champion import content_at, read_champion, write_champion
from swarmd.engine.champions.changes import read_changes
from swarmd.engine.champions.loader import ChampionLoader
from swarmd.engine.champions.niche import alone_with
from swarmd.engine.champions.succession import backups_of, dethrone, put_back, way_back
from tests.champion_builders import a_champion

AT = "2026-05-01T00:00:00.000Z"


def set_by_hand(path: Path) -> None:
    with alone_with(path):
        write_champion(path, a_champion(score=3.0, origin="manual", note="why"))


def roll_back(path: Path) -> None:
    with alone_with(path):
        changes = read_changes(path.parent)
        current = read_champion(path)
        assert current is not None
        if current.origin != "rollback":
            backup = way_back(path, backups_of(path, changes), changes, asked=None, current=current.claim)
            put_back(path, backup, at=AT, reason="why")


def end_a_reign(path: Path, *, has_heir: bool) -> None:
    with alone_with(path):
        fallen = read_champion(path)
        if fallen is None or fallen.score != 2.0:
            return
        before = next(b for b in backups_of(path, read_changes(path.parent)) if b.champion and b.champion.score == 1.0)
        dethrone(path, fallen, before if has_heir else None, at=AT, reason="its days", evidence={})


CHANGES: dict[str, Callable[[Path], None]] = {
    "set": set_by_hand,
    "rollback": roll_back,
    "dethroned": lambda path: end_a_reign(path, has_heir=True),
    "emptied": lambda path: end_a_reign(path, has_heir=False),
}


def a_niche(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    path = folder / "BTCUSDT_5m.json"
    for score in (1.0, 2.0):
        write_champion(path, a_champion(score=score))
    return path


def survived(change: Callable[[Path], None], path: Path, step: int) -> bool:
    """Make the change in a process that kills itself at this step; False where it was killed."""
    child = os.fork()
    if child == 0:
        seen = itertools.count(1)

        def hook(event: str, arguments: object) -> None:
            if event.partition(".")[0] in ("open", "os", "fcntl") and event != "os.kill" and next(seen) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        change(path)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return not os.WIFSIGNALED(status)


def main(name: str, folder: Path) -> None:
    change = CHANGES[name]
    path = a_niche(folder)
    before = content_at(path)
    change(path)
    wanted = content_at(path)
    assert wanted != before
    for step in itertools.count(1):
        path = a_niche(folder)
        is_through = survived(change, path, step)
        now = content_at(path)
        assert now in (before, wanted), f"step {step}: half of a champion"
        assert now is None or read_champion(path) is not None
        backups = [place.read_bytes() for place in (folder / "backup").glob("*.json")]
        assert before in (now, *backups), f"step {step}: the champion before is lost"
        lines = read_changes(folder)
        assert now == before or len(lines) == 3, f"step {step}: a change that nobody wrote down"
        loaded = ChampionLoader(folder).load("BTCUSDT", "5m")
        if lines[-1].change == "dethroned":
            assert loaded.champion is None or loaded.champion.score != 2.0, f"step {step}: the dethroned one is loaded"
        # Whoever comes next finds the niche free, and ends what was begun.
        change(path)
        assert content_at(path) == wanted
        if is_through:
            print(step - 1)
            return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
