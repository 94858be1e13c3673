"""Which rules decide: a digest of the sources that turn a View into what is journalled.

Recorded with every session, so that ``swarmd replay`` can tell a decision that was changed from one that other rules
made: a version number stays the same through many changes of a rule.
"""

import hashlib
from pathlib import Path

import swarmd

# All that ``replay`` runs again: the agents with their order, what they look at, and what is written of a verdict.
_DECIDING = (
    "agents",
    "state",
    "supervisor/roster.py",
    "supervisor/verdict_records.py",
    "supervisor/effects/records.py",
)


def rules_digest() -> str:
    """Twelve hexadecimal digits, in 4 ms; empty where swarmd was installed without its sources."""
    root = Path(swarmd.__file__).parent
    digest = hashlib.sha256()
    n_files = 0
    for place in _DECIDING:
        path = root / place
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if source.is_file():
                digest.update(source.relative_to(root).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
                n_files += 1
    return digest.hexdigest()[:12] if n_files else ""
