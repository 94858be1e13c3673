"""A user's own strategy file where it does not lie under its name: a node of a cluster has a copy of it elsewhere.

The name stays the one that was asked for, since results bear it.
"""

import os
from pathlib import Path

# The path that the name gives, a line break, and where its copy lies on this machine.
COPY_VARIABLE = "SWARMD_STRATEGY_COPY"


def copy_of(path: Path) -> Path:
    """Where that file lies here: the path itself, unless the environment names a copy of it."""
    named, _, copy = os.environ.get(COPY_VARIABLE, "").partition("\n")
    return Path(copy) if copy and str(path) == named else path
