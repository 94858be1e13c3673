"""What a node keeps of the homes that it works for: a folder of its own, readable by its owner alone.

``inputs/<sha256>/<name>`` are files that came over the network once and serve every later run; ``homes/<run>-…`` is the
scratch home of one run, whose lock is held for as long as anybody works in it. Whoever comes next sweeps up after those
that were killed.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from swarmd.state.cluster import NODE_DIR_VARIABLE
from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home, atomic_write, is_locked

_INPUTS_MAX_BYTES = 8 << 30
_LOCK = "lane.lock"


@dataclass(frozen=True, slots=True)
class NodePlace:
    root: Path

    @classmethod
    def found(cls) -> "NodePlace":
        """That of this machine and user, made where it is not there. OutsideError where it is somebody else's."""
        asked = os.environ.get(NODE_DIR_VARIABLE)
        root = Path(asked) if asked else Path(tempfile.gettempdir()) / f"swarmd-node-{os.getuid()}"
        place = cls(root)
        try:
            for folder in (root, place.inputs, place.homes, place.cache):
                folder.mkdir(mode=0o700, parents=folder == root, exist_ok=True)
            seen = root.lstat()
        except OSError as cause:
            raise OutsideError(f"the node's folder {root} cannot be made: {cause.strerror}") from cause
        # In a folder that all may write to, anybody could have been there first.
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or stat.S_IMODE(seen.st_mode) & 0o077:
            raise OutsideError(f"{root} is not this user's alone; remove it, or name another by ${NODE_DIR_VARIABLE}")
        return place

    @property
    def inputs(self) -> Path:
        return self.root / "inputs"

    @property
    def homes(self) -> Path:
        return self.root / "homes"

    @property
    def cache(self) -> Path:
        """Of decoded bars, shared by all runs on the node."""
        return self.root / "cache"

    def input_of(self, sha256: str, name: str) -> Path:
        return self.inputs / sha256 / name

    def accept(self, content: bytes, *, sha256: str, name: str) -> Path:
        """Keep a file that came over the network. OutsideError where it is not what it was said to be."""
        if hashlib.sha256(content).hexdigest() != sha256 or Path(name).name != name:
            raise OutsideError(f"the file {name!r} did not come over whole")
        path = self.input_of(sha256, name)
        atomic_write(path, content)
        self._drop_oldest(path.parent)
        return path

    def make_home(self, run: str) -> tuple[Home, int]:
        """A fresh scratch home, and the descriptor of its lock: held until every process that has it is gone."""
        with self._alone():
            self._sweep()
            root = Path(tempfile.mkdtemp(prefix=f"{run}-", dir=self.homes))
            home = Home(root)
            descriptor = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        (root / "cache").symlink_to(self.cache, target_is_directory=True)
        home.prepare()
        return home, descriptor

    def _sweep(self) -> None:
        for folder in self.homes.iterdir():
            if not is_locked(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)

    def _drop_oldest(self, kept: Path) -> None:
        sizes: list[tuple[float, int, Path]] = []
        for folder in self.inputs.iterdir():
            with contextlib.suppress(OSError):
                size = sum(file.stat().st_size for file in folder.iterdir())
                sizes.append((folder.stat().st_mtime, size, folder))
        total = sum(size for _, size, _ in sizes)
        for _, size, folder in sorted(sizes):
            if total > _INPUTS_MAX_BYTES and folder != kept:
                shutil.rmtree(folder, ignore_errors=True)
                total -= size

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = os.open(self.root / "sweep.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
