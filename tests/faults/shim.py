"""The compiled shim of ``shim.c``: what it can be told from outside. ``conftest`` builds it once a session."""

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


def built(folder: Path) -> Path | None:
    """The shared object, or None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    made = folder / "shim.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(made), str(HERE / "shim.c"), "-ldl"],
        check=True,
    )
    return made


def step_clock(file: Path, seconds: int) -> None:
    """The wall clock of every process that maps this file is so far ahead from now on. In place: it is mapped."""
    with file.open("r+b" if file.exists() else "wb") as clock:
        clock.write(seconds.to_bytes(8, "little", signed=True))
