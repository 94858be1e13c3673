"""What of a home may go: files of runs long ended, and the journal's segments that a snapshot stands for.

Found for ``swarmd clean``, which removes them. Nothing here that a living run, an open incident, a job still to do or a
champion needs, and nothing the daemon writes; champions and results of campaigns are not looked at, at all, and results
of experiments only where they are asked for.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from swarmd.state.records.job import JobStatus
from swarmd.state.records.run import RunEnded
from swarmd.state.records.session import SessionStatus
from swarmd.state.store.compaction import Removable, removable
from swarmd.state.store.files import Home, is_locked
from swarmd.state.units import Millis, iso
from swarmd.state.view import View

# ``atomic_write`` names its temporary file so; one that is old belongs to a process that was killed.
_HALF_WRITTEN = re.compile(r"^\..+\.\d+-[0-9a-f]+$")
_LOG_ENDINGS = (".evidence.txt", ".log")


@dataclass(slots=True)
class Findings:
    """``going`` maps a kind to paths that may go (a folder with all in it); ``staying`` counts the old ones kept."""

    going: dict[str, list[Path]] = field(default_factory=dict)
    staying: dict[str, int] = field(default_factory=dict)
    segments: Removable = field(default_factory=lambda: Removable((), (), (), "there is no journal"))

    def weigh(self, kind: str, path: Path, why_not: str) -> None:
        if why_not:
            self.staying[why_not] = self.staying.get(why_not, 0) + 1
        else:
            self.going.setdefault(kind, []).append(path)


def find(home: Home, view: View, *, older_than: Millis, now: Millis) -> Findings:
    """``now`` is the wall clock, which wrote the times of the files."""
    found = Findings()
    before = now - older_than
    for path in _old(home.outbox.iterdir() if home.outbox.is_dir() else (), before):
        found.weigh("outboxes", path, why_a_run_stays(home, view, path.name))
    lanes = home.lane_logs
    for path in _old(lanes.iterdir() if lanes.is_dir() else (), before):
        ending = next((ending for ending in _LOG_ENDINGS if path.name.endswith(ending)), "")
        if ending:
            kind = "lane logs" if ending == ".log" else "evidence"
            found.weigh(kind, path, why_a_run_stays(home, view, path.name.removesuffix(ending)))
    open_sessions = {session.id for session in view.sessions.values() if session.status is SessionStatus.OPEN}
    for path in _old(home.state.glob("session_state_bt-*.jsonl*"), before):
        is_open = path.name.partition(".")[0].removeprefix("session_state_") in open_sessions
        found.weigh("session heartbeats", path, "their session is open" if is_open else "")
    rotated = (*home.logs.glob("*.log.[0-9]"), *home.state.glob("session_state_manager_events.jsonl.[0-9]"))
    for path in _old(iter(rotated), before):
        found.weigh("rotated logs", path, "")
    for folder in (home.state, home.run_dir, home.champions, home.docs):
        for path in _old((p for p in folder.glob(".*") if _HALF_WRITTEN.match(p.name)), before):
            found.weigh("half-written files", path, "")
    if home.journal.is_dir():
        found.segments = removable(home.journal, iso(before))
        journal = [*found.segments.leftovers, *found.segments.segments]
        if journal:
            found.going["journal segments"] = journal
        if found.segments.copies:
            found.going["quarantined copies"] = list(found.segments.copies)
    return found


def old_experiments(home: Home, view: View, found: Findings, *, before: Millis) -> None:
    """Result folders of experiments (``swarmd run``) in which nothing was written since; those put aside as well."""
    for folder in sorted(home.results.iterdir() if home.results.is_dir() else ()):
        if folder.is_symlink() or not folder.is_dir() or not _is_experiment(folder):
            continue
        with contextlib.suppress(OSError):
            newest = max(each.lstat().st_mtime for each in (folder, *folder.rglob("*")))
            if newest * 1000 < before:
                found.weigh("experiments", home.inside(folder), _why_an_experiment_stays(folder, view))


def _is_experiment(folder: Path) -> bool:
    """Told by its own page: a folder without one, or with one that cannot be read, is nobody's to remove."""
    try:
        meta = json.loads((folder / "run_meta.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(meta, dict) and meta.get("kind") == "experiment"


def _why_an_experiment_stays(folder: Path, view: View) -> str:
    if is_locked(folder / ".lock"):
        return "their experiment runs"
    if any(champion.campaign == folder.name for champion in view.champions.values()):
        return "a champion came of them"
    return ""


def why_a_run_stays(home: Home, view: View, run: str) -> str:
    """Who still needs what the run wrote; empty where nobody does."""
    known = view.runs.get(run)
    if known is not None and not isinstance(known, RunEnded):
        return "their run lives"
    if is_locked(home.lock_path(run)):
        return "their run lives"
    if any(run == incident.subject or run in " ".join(incident.evidence) for incident in view.open_incidents()):
        return "an open incident is about them"
    job = view.jobs.get(known.job if known is not None else run.rpartition("-a")[0])
    if job is None:
        return ""
    if job.status is JobStatus.QUEUED:
        return "their job is still to do"
    if job.status is JobStatus.QUARANTINED:
        return "their job is quarantined, and they are its evidence"
    if any((each.campaign, each.symbol) == (job.campaign, job.symbol) for each in view.champions.values()):
        return "a champion came of them"
    return ""


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; what is gone meanwhile counts nothing."""
    with contextlib.suppress(OSError):
        return sum(_bytes(inner) for inner in path.rglob("*")) if path.is_dir() else _bytes(path)
    return 0


def _bytes(path: Path) -> int:
    try:
        return path.lstat().st_size if not path.is_dir() else 0
    except OSError:
        return 0


def _old(paths: Iterator[Path] | tuple[()], before: Millis) -> Iterator[Path]:
    """Those in which nothing was written since; a link is a stranger's and is left alone."""
    for path in sorted(paths):
        with contextlib.suppress(OSError):
            inner = path.iterdir() if path.is_dir() else ()
            newest = max(each.lstat().st_mtime for each in (path, *inner))
            if newest * 1000 < before and not path.is_symlink():
                yield path
