"""Documents into the knowledge base: what is new is read, what is as it was costs a look, what vanished is forgotten.

A file counts as the same by size and time of change, else by the digest of its bytes. Batches of 1,600 sections
are written in one short transaction each, so that a daemon never waits long, and a break costs only the batch at hand.
While one batch is written the next is read and made ready: a store on a server of its own works beside us.
"""

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from swarmd.state.errors import OperatorError
from swarmd.state.knowledge import documents
from swarmd.state.knowledge.contract import KnowledgeBase
from swarmd.state.knowledge.entry import Changed, FileMark, FileRead
from swarmd.state.knowledge.prepared import BY_ITS_WORDS, PreparedFile, prepared_file
from swarmd.state.knowledge.walk import MOST_BYTES, Found, Passed, Skipped, files_below, read, shown

BATCH_SECTIONS, BATCH_FILES = 1_600, 200
_NAMED = 20  # of each reason; the rest is counted


@dataclass(slots=True)
class Outcome:
    """What came of it, counted; ``named`` are some of what was passed over, ``troubles`` files read as plain text."""

    read: int = 0
    same: int = 0
    forgotten_files: int = 0
    forgotten: int = 0
    changed: Changed = field(default_factory=Changed)
    passed: Counter[Skipped] = field(default_factory=Counter)
    named: list[Passed] = field(default_factory=list)
    troubles: list[tuple[str, str]] = field(default_factory=list)
    n_troubles: int = 0

    @property
    def failed(self) -> int:
        return self.passed["unreadable"]

    def note(self, passed: Passed) -> None:
        self.passed[passed.why] += 1
        if passed.why not in ("hidden", "other-kind") and self.passed[passed.why] <= _NAMED:
            self.named.append(passed)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be ingested: a place at or below a root, as which domain, and how large a file may be."""

    place: Path
    root: Path
    domain: str = BY_ITS_WORDS
    most_bytes: int = MOST_BYTES

    @property
    def how(self) -> str:
        return f"{documents.VERSION} {self.domain}"


def asked(place: Path, *, root: Path | None, domain: str | None, most_bytes: int = MOST_BYTES) -> Asked:
    """Checked and without links: a place a person names may be a link, nothing below it. Raises OperatorError."""
    try:
        real = place.expanduser().resolve(strict=True)
        ground = root.expanduser().resolve(strict=True) if root else real if real.is_dir() else real.parent
    except (OSError, RuntimeError) as cause:  # a loop of links is the latter before Python 3.13
        said = getattr(cause, "strerror", None) or str(cause)
        raise OperatorError(f"cannot ingest {place}: {said}; name a file or folder that is there") from None
    if not ground.is_dir():
        raise OperatorError(f"--root {root} is no folder")
    if not real.is_relative_to(ground):
        raise OperatorError(f"{place} lies outside the root {ground} (it is {real}); name a place inside it")
    return Asked(real, ground, domain or BY_ITS_WORDS, most_bytes)


def ingest(base: KnowledgeBase, it: Asked, told: Callable[[Outcome], None] = lambda _: None) -> Outcome:
    """Everything at the place. What was kept of it and is no more is forgotten, unless its folder could not be read."""
    below = shown(it.place)
    known = base.known_files(below)
    outcome, seen, closed = Outcome(), set[str](), list[str]()
    with _batches(base, outcome, told) as batch:
        for found in files_below(it.place, it.most_bytes):
            if isinstance(found, Passed):
                outcome.note(found)
                if found.why == "unreadable":
                    closed.append(shown(found.path))
                continue
            path = shown(found.path)
            if _take(batch, it, found, path, known.get(path)) in ("kept", "unreadable"):
                seen.add(path)
    vanished = [path for path in known if path not in seen and not _any_below(path, closed)]
    outcome.forgotten += base.forget_files(vanished)
    outcome.forgotten_files += len(vanished)
    told(outcome)
    return outcome


def update(base: KnowledgeBase, it: Asked, paths: Iterable[Path]) -> Outcome:
    """These files only, as they are now: for a watcher that was told which ones changed."""
    known = base.known_files(shown(it.place))
    outcome, vanished = Outcome(), []
    with _batches(base, outcome, lambda _: None) as batch:
        for place in paths:
            if not place.is_relative_to(it.place) or _is_hidden(place, it.place):
                continue
            path = shown(place)
            found = next(iter(files_below(place, it.most_bytes))) if not place.is_dir() else None
            if isinstance(found, Found) and documents.reader_for(place.name) is not None:
                _take(batch, it, found, path, known.get(path))
            elif path in known:
                vanished.append(path)
    outcome.forgotten += base.forget_files(vanished)
    outcome.forgotten_files += len(vanished)
    return outcome


def _take(batch: "_Batch", it: Asked, found: Found, path: str, known: FileMark | None) -> str:
    """One file into the batch if it says something new; what became of it in a word."""
    mark = FileMark(path, shown(it.root), found.size, found.mtime_ns, known.digest if known else "", it.how)
    if mark == known:
        batch.outcome.same += 1
        return "kept"
    data = read(found, it.most_bytes)
    if isinstance(data, Passed):
        batch.outcome.note(data)
        return data.why
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    mark = FileMark(path, mark.root, found.size, found.mtime_ns, digest, it.how)
    if known is not None and (known.digest, known.how, known.root) == (digest, it.how, mark.root):
        batch.redated(mark)
        return "kept"
    name = os.path.relpath(path, mark.root)
    said = documents.said(data, path, name, found.reader, domain=it.domain, at=found.mtime_ns // 1_000_000)
    if said.trouble:
        batch.outcome.n_troubles += 1
        if batch.outcome.n_troubles <= _NAMED:
            batch.outcome.troubles.append((path, said.trouble))
    batch.add(FileRead(mark, said.entries, said.links))
    return "kept"


@contextlib.contextmanager
def _batches(base: KnowledgeBase, outcome: Outcome, told: Callable[[Outcome], None]) -> Iterator["_Batch"]:
    """At the end all is written; after a fault what was under way."""
    with ThreadPoolExecutor(1, thread_name_prefix="knowledge") as writer:
        batch = _Batch(base, writer, outcome, told)
        yield batch
        batch.write()
        batch.finish()


@dataclass(slots=True)
class _Batch:
    """Files made ready and not yet written, and what is being written meanwhile: one batch, never more."""

    base: KnowledgeBase
    writer: ThreadPoolExecutor
    outcome: Outcome
    told: Callable[[Outcome], None]
    files: list[PreparedFile] = field(default_factory=list)
    marks: list[FileMark] = field(default_factory=list)
    sections: int = 0
    under_way: Future[tuple[Changed, int]] | None = None

    def add(self, file: FileRead) -> None:
        self.files.append(prepared_file(file))
        self.sections += len(file.entries)
        if self.sections >= BATCH_SECTIONS or len(self.files) >= BATCH_FILES:
            self.write()

    def redated(self, mark: FileMark) -> None:
        self.outcome.same += 1
        self.marks.append(mark)
        if len(self.marks) >= BATCH_FILES:
            self.write()

    def write(self) -> None:
        self.finish()
        if self.files or self.marks:
            self.under_way = self.writer.submit(_written, self.base, self.files, self.marks)
        self.files, self.marks, self.sections = [], [], 0

    def finish(self) -> None:
        """Wait for what is being written; its error comes out here."""
        if self.under_way is None:
            return
        changed, n_files = self.under_way.result()
        self.under_way = None
        self.outcome.changed += changed
        self.outcome.read += n_files
        self.told(self.outcome)


def _written(base: KnowledgeBase, files: list[PreparedFile], marks: list[FileMark]) -> tuple[Changed, int]:
    if marks:
        base.mark_files(marks)
    return base.keep_prepared(files) if files else Changed(), len(files)


def is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _any_below(path: str, folders: list[str]) -> bool:
    return any(is_below(path, folder) for folder in folders)


def _is_hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(root).parts)


# -- as it changes ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def changes(it: Asked) -> Iterator[Callable[[float], set[Path] | None]]:
    """A function that waits some seconds for changes below the place and gives the files; None means: look at all."""
    import queue

    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    told: queue.SimpleQueue[Path | None] = queue.SimpleQueue()

    class Teller(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in ("opened", "closed_no_write"):
                return
            if event.is_directory:
                if event.event_type != "modified":
                    told.put(None)
                return
            for path in (event.src_path, event.dest_path):
                if path:
                    told.put(Path(os.fsdecode(path)))

    folder = it.place if it.place.is_dir() else it.place.parent
    observer = Observer()
    try:
        observer.schedule(Teller(), str(folder), recursive=it.place.is_dir())
        observer.start()
    except OSError as cause:
        raise OperatorError(
            f"cannot watch {folder}: {cause.strerror}; raise fs.inotify.max_user_watches, or run ingest from cron"
        ) from None

    def wait(seconds: float) -> set[Path] | None:
        found: set[Path] = set()
        with contextlib.suppress(queue.Empty):
            one = told.get(timeout=seconds)
            while True:
                if one is None:
                    return None
                found.add(one)
                # An editor writes a file in several steps: one more is waited for, as long as they follow quickly.
                one = told.get(timeout=0.2)
        return found

    try:
        yield wait
    finally:
        observer.stop()
        observer.join(timeout=5)
