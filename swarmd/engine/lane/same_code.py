"""Whether two machines would compute the same: a digest of what a run imports of ours and of the libraries beneath.

Asked by courier and outpost before a lane begins on a node. Read as text, so that neither imports what it digests.
"""

import functools
import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import swarmd

_PARTS = ("engine", "state")
_SUFFIXES = (".py", ".cuh", ".h")
# Another release of one of these may change the last bit of a figure.
_LIBRARIES = ("numpy", "numba", "optuna", "scipy", "pyarrow")


@functools.cache
def code_digest() -> str:
    """Of the sources and the versions of what computes; hex."""
    digest = hashlib.sha256(f"{swarmd.__version__} {platform.python_version()}\n".encode())
    for name in _LIBRARIES:
        try:
            digest.update(f"{name} {version(name)}\n".encode())
        except PackageNotFoundError:
            digest.update(f"{name} none\n".encode())
    package = Path(swarmd.__file__).parent
    for part in _PARTS:
        for source in sorted(path for path in (package / part).rglob("*") if path.suffix in _SUFFIXES):
            digest.update(str(source.relative_to(package)).encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()
