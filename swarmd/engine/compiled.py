"""Where compiled kernels are kept: one folder per version of the kernels' sources.

numba looks at the file a function is written in and not at the files of the functions it calls. With one folder for
all versions, a mended `drawdown.py` under an untouched `batch.py` would go on running its old code, in results that
bear the new code's digest. Called once, when the engine is imported and before numba is.
"""

import hashlib
import os
import sys
from pathlib import Path

CACHE_VARIABLE = "NUMBA_CACHE_DIR"
_ENGINE = Path(__file__).parent
# Only here do compiled functions call those of other files.
_SOURCES = ("kernel", "indicators")
_SUFFIXES = (".py", ".cuh", ".h")


def keep_kernels_apart() -> None:
    """Point numba to the folder of these sources, unless the environment names one."""
    if os.environ.get(CACHE_VARIABLE):
        return
    folder = str(kernel_folder())
    os.environ[CACHE_VARIABLE] = folder
    if "numba" in sys.modules:
        # Somebody imported it before us; it has read its environment already.
        sys.modules["numba"].config.CACHE_DIR = folder


def kernel_folder() -> Path:
    """Beside the sources, or in the user's cache where those may not be written to."""
    beside = _ENGINE / "__pycache__"
    if not os.access(beside if beside.is_dir() else _ENGINE, os.W_OK):
        beside = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "swarmd"
    return beside / f"kernels-{sources_digest()}"


def sources_digest() -> str:
    """Twelve hex digits of the kernels' sources."""
    digest = hashlib.sha256()
    for source in sorted(path for part in _SOURCES for path in (_ENGINE / part).iterdir() if path.suffix in _SUFFIXES):
        digest.update(f"{source.parent.name}/{source.name}\0".encode() + source.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
