"""The digest of the rules in force: the same for the same sources, another one for a changed rule."""

import shutil
from pathlib import Path

import pytest

import swarmd
from swarmd.supervisor.rules_digest import rules_digest


def copied(folder: Path) -> Path:
    root = folder / "swarmd"
    shutil.copytree(Path(swarmd.__file__).parent, root, ignore=shutil.ignore_patterns("engine", "__pycache__"))
    return root


def test_a_changed_rule_changes_it_and_what_decides_nothing_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rules_digest()
    root = copied(tmp_path)
    monkeypatch.setattr(swarmd, "__file__", str(root / "__init__.py"))
    assert rules_digest() == before
    with (root / "supervisor/screen.py").open("a") as file:
        file.write("# drawn otherwise\n")
    assert rules_digest() == before
    with (root / "agents/worker_sentry.py").open("a") as file:
        file.write("# another rule\n")
    assert rules_digest() != before


def test_without_sources_it_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swarmd, "__file__", str(tmp_path / "__init__.pyc"))
    assert rules_digest() == ""
