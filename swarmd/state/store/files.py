"""Where everything lies, and the three safe ways to touch it: replace a whole file, hold a lock, ask who holds one.

Every command, the daemon and the runs find their paths through ``Home``. Locks are ``flock``: they are inherited by
a child together with the descriptor and vanish with the last holder, so a stale one cannot exist.
"""

import contextlib
import fcntl
import json
import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from swarmd.state.errors import OperatorError, OutsideError

_DIRECTORY = 0o700
_FILE = 0o600
_PARTS = ("state", "logs", "results")
# A prober holds a shared lock for microseconds; only a storm of probes outlasts so many looks.
_LOOKS_PAST_PROBERS = 200


@dataclass(frozen=True)
class Home:
    """The directory of one swarm. The three ``*_root`` fields move a part elsewhere; its paths keep their names.

    Each directory's path is put together once: a cycle asks for them some hundred times a lane.
    """

    root: Path
    state_root: Path | None = None
    logs_root: Path | None = None
    results_root: Path | None = None

    # -- directories --------------------------------------------------------------------------------------------

    @cached_property
    def state(self) -> Path:
        return self.state_root or self.root / "state"

    @cached_property
    def logs(self) -> Path:
        return self.logs_root or self.root / "logs"

    @cached_property
    def lane_logs(self) -> Path:
        return self.logs / "lanes"

    @cached_property
    def results(self) -> Path:
        return self.results_root or self.root / "results"

    @cached_property
    def champions(self) -> Path:
        return self.root / "champions"

    @cached_property
    def exports(self) -> Path:
        return self.root / "exports"

    @cached_property
    def docs(self) -> Path:
        return self.root / "docs" / "reference"

    @cached_property
    def cache(self) -> Path:
        return self.root / "cache"

    @cached_property
    def journal(self) -> Path:
        return self.state / "journal"

    @cached_property
    def outbox(self) -> Path:
        return self.state / "outbox"

    @cached_property
    def inbox(self) -> Path:
        return self.state / "inbox"

    @cached_property
    def run_dir(self) -> Path:
        """Locks, work orders, sockets and the page of progress counters."""
        return self.state / "run"

    # -- files --------------------------------------------------------------------------------------------------

    @cached_property
    def beats_path(self) -> Path:
        return self.run_dir / "beats"

    @cached_property
    def daemon_lock(self) -> Path:
        """Held (flock) by the daemon for as long as it lives; its content says who that is."""
        return self.run_dir / "daemon.lock"

    def order_path(self, run: str) -> Path:
        return self.run_dir / f"{run}.order.json"

    def lock_path(self, run: str) -> Path:
        return self.run_dir / f"{run}.lock"

    def log_path(self, run: str) -> Path:
        return self.lane_logs / f"{run}.log"

    def outbox_of(self, run: str) -> Path:
        return self.outbox / run

    def results_of(self, campaign: str, symbol: str = "", mode: str = "") -> Path:
        """``results/<campaign>/<SYMBOL>/<mode>``; empty parts are left out."""
        return self.results.joinpath(*(part for part in (campaign, symbol, mode) if part))

    # -- the home itself ----------------------------------------------------------------------------------------

    def prepare(self) -> list[Path]:
        """Make what is missing, readable by its owner alone, and give it back. Directories that exist keep their
        permissions. Raises OperatorError where that cannot be, or may not be written in."""
        made = []
        for directory in (
            self.root, self.state, self.logs, self.results, self.champions, self.exports, self.docs, self.cache,
            self.journal, self.outbox, self.inbox, self.run_dir, self.lane_logs,
        ):  # fmt: skip
            try:
                if _make_directory(directory):
                    made.append(directory)
            except OSError as cause:
                raise OperatorError(
                    f"cannot make the directory {directory}: {cause.strerror}; "
                    "choose a place you may write to with --home DIR or $SWARMD_HOME"
                ) from cause
            if not os.access(directory, os.W_OK | os.X_OK):
                raise OperatorError(
                    f"may not write in {directory}; give yourself the right with `chmod u+rwx {directory}`, "
                    "or choose another place with --home DIR or $SWARMD_HOME"
                )
        return made

    def relative(self, path: Path) -> str:
        """The name records use: relative to the home, a moved part under its ordinary name. Refuses a stranger."""
        absolute = Path(os.path.normpath(path if path.is_absolute() else self.root / path))
        for part in _PARTS:
            place = getattr(self, part)
            if absolute.is_relative_to(place):
                return str(Path(part) / absolute.relative_to(place))
        if absolute.is_relative_to(self.root):
            return str(absolute.relative_to(self.root))
        raise OperatorError(f"{path} lies outside the home {self.root}; name a path inside it")

    def inside(self, path: str | Path) -> Path:
        """The absolute path of a name ``relative`` gave; refuses one that leaves the home, through a link as well."""
        first, *rest = Path(self.relative(Path(path))).parts or (".",)
        place: Path = getattr(self, first) if first in _PARTS else self.root / first
        absolute = place.joinpath(*rest)
        grounds = [ground.resolve() for ground in (self.root, self.state, self.logs, self.results)]
        if not any(absolute.resolve().is_relative_to(ground) for ground in grounds):
            raise OperatorError(f"{path} leads out of the home {self.root} through a link; name a path inside it")
        return absolute


def home_from(option: str | None = None) -> Home:
    """``--home`` over ``$SWARMD_HOME`` over ``./swarm``; RESULTS_ROOT, STATE_ROOT and LOGS_ROOT move their part."""

    def moved(variable: str) -> Path | None:
        return _absolute(os.environ[variable]) if os.environ.get(variable) else None

    return Home(
        root=_absolute(option or os.environ.get("SWARMD_HOME") or "swarm"),
        state_root=moved("STATE_ROOT"),
        logs_root=moved("LOGS_ROOT"),
        results_root=moved("RESULTS_ROOT"),
    )


def _absolute(text: str) -> Path:
    return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100  (Path.absolute keeps "..")


def _make_directory(directory: Path) -> bool:
    """Like ``mkdir -p``, with every directory made 0700: ``Path.mkdir`` gives the mode to the last one only.

    Gives back whether it was missing.
    """
    if directory.is_dir():
        return False
    if directory.parent != directory:
        _make_directory(directory.parent)
    directory.mkdir(mode=_DIRECTORY, exist_ok=True)
    return True


# -- whole files ------------------------------------------------------------------------------------------------


def atomic_write(path: Path, data: bytes, *, sync: bool = False) -> os.stat_result:
    """Replace the file as a whole: readers see the old content or the new, never a part.

    ``sync`` also makes it outlast a power cut. Gives back what ``stat`` will say of the new file for as long as nobody
    else touches it, its time of change aside. Raises OutsideError with the old content still in place.
    """
    temporary = os.path.join(path.parent, f".{path.name}.{os.getpid()}-{time.monotonic_ns():x}")  # noqa: PTH118
    try:
        descriptor = _new_file(temporary, path.parent)
        try:
            write_whole(descriptor, data)
            if sync:
                os.fsync(descriptor)
            written = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)  # noqa: PTH105  (some ten files each cycle: half of what a still daemon costs)
        if sync:
            sync_directory(path.parent)
        return written
    except OSError as cause:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise OutsideError(f"cannot write {path}: {cause.strerror}; free space or mend the disk") from cause


def _new_file(path: str, directory: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, _FILE)
    except FileNotFoundError:
        _make_directory(directory)
        return os.open(path, flags, _FILE)


def write_whole(descriptor: int, data: bytes) -> None:
    """``write`` until all is written: a full disk may take a part first and refuse only the rest."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- locks ------------------------------------------------------------------------------------------------------


def lock_file(path: Path, holder: dict[str, Any]) -> int | None:
    """Hold the lock and say who holds it; None when another does. Closing the last copy of the descriptor frees it.

    Raises OutsideError where the file cannot be made at all.
    """
    descriptor: int | None = None
    try:
        _make_directory(path.parent)
        descriptor = _locked_descriptor(path)
        if descriptor is not None:
            # The first line counts: what a longer predecessor left behind it is cut off a moment later.
            line = json.dumps(holder).encode() + b"\n"
            os.pwrite(descriptor, line, 0)
            os.ftruncate(descriptor, len(line))
    except OSError as cause:
        if descriptor is not None:
            os.close(descriptor)  # else it stays held by nobody who knows of it, until this process ends
        raise OutsideError(f"cannot hold the lock {path}: {cause.strerror}") from cause
    return descriptor


def _locked_descriptor(path: Path) -> int | None:
    for _ in range(_LOOKS_PAST_PROBERS):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE)
        is_ours = False
        try:
            if not _take(descriptor, fcntl.LOCK_EX):
                # Either somebody holds it, or somebody only looks (``is_locked``) and is gone in a moment.
                if not _take(descriptor, fcntl.LOCK_SH):
                    return None
            else:
                # Removed and made anew between our open and our lock: then we hold a file nobody sees.
                with contextlib.suppress(FileNotFoundError):
                    is_ours = os.path.samestat(os.fstat(descriptor), path.stat())
                if is_ours:
                    return descriptor
                continue
        finally:
            if not is_ours:
                os.close(descriptor)
        time.sleep(0.0005)
    return None


def _take(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock now. Leaves no trace, and does not hinder ``lock_file`` of another process."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not _take(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def lock_holder(path: Path) -> dict[str, Any]:
    """What the last holder said about itself; empty where nothing readable was said."""
    try:
        first, _, _ = path.read_bytes().partition(b"\n")
        said = json.loads(first)
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
