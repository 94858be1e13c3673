"""Which place a study is kept in, and what is said where that place cannot be had."""

import sys
from pathlib import Path

import pytest

from swarmd.engine.search.storages import connected, storage_of
from swarmd.state.errors import OperatorError
from swarmd.state.records.storage import StorageSettings
from swarmd.state.store.files import Home


@pytest.mark.parametrize(
    ("kind", "url", "package"), [("grpc", "grpc://h:1", "grpc"), ("postgres", "postgresql://h/d", "psycopg")]
)
def test_without_the_extra_one_is_told_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, url: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"swarmd.engine.search.storage_{kind}", raising=False)
    monkeypatch.delattr(f"swarmd.engine.search.storage_{kind}", raising=False)
    with pytest.raises(OperatorError, match=rf"storage kind {kind} needs the extra: pip install 'swarmd\[{kind}\]'"):
        connected(StorageSettings.model_validate({"kind": kind, "url": url}), Home(tmp_path))


def test_a_study_on_a_server_bears_the_digest_of_its_question_and_shows_no_password(tmp_path: Path) -> None:
    def place(settings: StorageSettings) -> str:
        journal = tmp_path / "study_d1.journal"
        return storage_of(
            settings, Home(tmp_path), journal=journal, name="c.A.refine", digest="d1", parameters=(), is_shared=True
        ).place

    assert place(StorageSettings()) == str(tmp_path / "study_d1.journal")
    url = "postgresql://me:s3cret@h/d"
    assert place(StorageSettings(kind="postgres", url=url)) == "study 'c.A.refine d1' on postgresql://me:***@h/d"
