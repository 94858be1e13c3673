"""Compiled kernels are kept by the digest of their sources: numba alone would go on using stale ones."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from swarmd.engine import compiled


def imported(**environment: str) -> str:
    """Where a fresh process keeps its kernels."""
    kept = {name: value for name, value in os.environ.items() if name != compiled.CACHE_VARIABLE}
    code = "import swarmd.engine, numba; print(numba.config.CACHE_DIR)"
    run = subprocess.run([sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True)
    return run.stdout.strip()


def test_kernels_lie_in_the_folder_of_their_sources():
    assert imported() == str(compiled.kernel_folder())
    assert compiled.kernel_folder().name == f"kernels-{compiled.sources_digest()}"


def test_a_folder_named_by_the_environment_stands():
    assert imported(NUMBA_CACHE_DIR="/tmp/elsewhere") == "/tmp/elsewhere"


def test_a_change_in_any_kernel_file_asks_for_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for part in ("kernel", "indicators"):
        shutil.copytree(compiled._ENGINE / part, tmp_path / part)
    before = compiled.sources_digest()
    monkeypatch.setattr(compiled, "_ENGINE", tmp_path)
    assert compiled.sources_digest() == before
    with (tmp_path / "kernel" / "drawdown.py").open("a") as source:
        source.write("# mended\n")
    assert compiled.sources_digest() != before


def test_where_the_package_may_not_be_written_to_kernels_go_to_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compiled.os, "access", lambda path, mode: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiled.kernel_folder().parent == tmp_path / "swarmd"
