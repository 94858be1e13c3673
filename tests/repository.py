"""The checkout as a whole: its committed files, for the tests that hold rules over all of them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def committed_files(*patterns: str) -> list[Path]:
    """Relative paths of what is committed and still there. Skips the test outside a git checkout."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--", *patterns], capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    paths = [Path(name) for name in listed.stdout.split("\0") if name]
    return [path for path in paths if (ROOT / path).exists()]


def committed_texts(*patterns: str) -> list[tuple[Path, str]]:
    """The same with their text; links are left out, and what is not text."""
    found = []
    for path in committed_files(*patterns):
        if not (ROOT / path).is_symlink() and (ROOT / path).is_file():
            try:
                found.append((path, (ROOT / path).read_text()))
            except UnicodeDecodeError:
                continue
    return found


def places(texts: Sequence[tuple[Path, str]], wrong: str) -> list[str]:
    """`path:line` of every line that holds the text, whatever its case."""
    return [
        f"{path}:{number}"
        for path, text in texts
        for number, line in enumerate(text.splitlines(), 1)
        if wrong in line.casefold()
    ]
