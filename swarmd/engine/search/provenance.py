"""Where a result comes from: digests of the data and of the code, beside seed and count.

Every result file carries these fields; equal fields promise equal results. Pure but for reading our own source and the
checkout's head, both once per process.
"""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import swarmd
from swarmd.engine.strategies.registry import strategy_file

_ENGINE = Path(swarmd.__file__).parent / "engine"
# What turns bars and parameters into numbers; commands, lanes and pages do not.
_PARTS = (
    "arrays.py", "backtest.py", "indicators", "kernel", "market", "metrics", "search", "strategies", "guards",
    "validation",
)  # fmt: skip
# backtest.cuh and portable.h turn bars into numbers as well.
_SUFFIXES = (".py", ".cuh", ".h")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Said of data and code; `tried` and `seed` are the result's own."""

    data_snapshot_id: str
    data_sha256: str
    code_version: str
    git_sha: str | None

    def document(self, *, seed: int | None, tried: int) -> dict[str, str | int | None]:
        return {
            "data_snapshot_id": self.data_snapshot_id,
            "data_sha256": self.data_sha256,
            "code_version": self.code_version,
            "git_sha": self.git_sha,
            "seed": seed,
            "tried": tried,
        }


def provenance(*, snapshot_id: str, sha256: str, strategy_name: str) -> Provenance:
    """Of results of that strategy; one in a file of the user's own counts as code, and its digest is added."""
    version = code_version()
    own = strategy_file(strategy_name)
    if own is not None:
        version += f".{hashlib.sha256(own.read_bytes()).hexdigest()[:12]}"
    return Provenance(snapshot_id, sha256, version, git_sha())


@functools.cache
def code_version() -> str:
    """Version and digest of the engine's sources: `0.1.0+3f2a…`, another one as soon as a line of it changes."""
    digest = hashlib.sha256()
    for part in _PARTS:
        place = _ENGINE / part
        for source in sorted(p for p in place.rglob("*") if p.suffix in _SUFFIXES) if place.is_dir() else [place]:
            digest.update(str(source.relative_to(_ENGINE)).encode() + b"\0" + source.read_bytes() + b"\0")
    return f"{swarmd.__version__}+{digest.hexdigest()[:12]}"


@functools.cache
def git_sha() -> str | None:
    """The commit the package was checked out at; None for an installed one. Read, not asked of git: runs start fast."""
    git = _ENGINE.parent.parent / ".git"
    try:
        if git.is_file():
            git = (git.parent / git.read_text().removeprefix("gitdir:").strip()).resolve()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref:"):
            return head or None
        name = head.removeprefix("ref:").strip()
        common = git / "commondir"
        root = (git / common.read_text().strip()).resolve() if common.is_file() else git
        loose = root / name
        if loose.is_file():
            return loose.read_text().strip() or None
        for line in (root / "packed-refs").read_text().splitlines():
            sha, _, packed = line.partition(" ")
            if packed == name:
                return sha
    except OSError:
        return None
    return None
