"""`swarmd knowledge embed` and what follows from it: search by meaning, upkeep at ingest, health, no model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from threadpoolctl import threadpool_limits

from swarmd.cli import cli, exit_code_of
from swarmd.state.knowledge.meaning.embedder import ADVICE, VARIABLE, why_not
from swarmd.state.knowledge.opening import VARIABLE as ADDRESS


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(ADDRESS, raising=False)
    with threadpool_limits(1):
        yield


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# CUDA\n\nThe kernel could not allocate VRAM: 2 GiB asked, 1 GiB free.\n")
    (folder / "b.md").write_text("# Disk\n\nNo space left on the device, delete old snapshots.\n")
    return folder


@pytest.fixture
def no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    return tmp_path / "none"


@pytest.fixture
def model() -> None:
    if why_not() is not None:
        pytest.skip(f"{why_not()}: {ADVICE}")


def run(home: Path, *words: str) -> Result:
    told = CliRunner().invoke(cli, ["--home", str(home), "knowledge", *words], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    return told


def asked(home: Path, *words: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(home, *words, "--json").stdout)
    return document


def refused(home: Path, capfd: pytest.CaptureFixture[str], *words: str) -> str:
    assert exit_code_of(["--home", str(home), "knowledge", *words]) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    return line


@pytest.mark.usefixtures("model")
def test_from_embedding_to_finding_to_switching_off(home: Path, docs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(home, "ingest", str(docs))
    question = "the graphics card ran out of memory"
    assert "begin with `swarmd knowledge embed`" in refused(home, capfd, "search", "--mode", "both", question)
    assert asked(home, "health")["meaning"] == {"state": "off", "do": "swarmd knowledge embed"}
    told = asked(home, "embed")
    assert (told["schema"], told["embedded"], told["model"]["dim"]) == ("swarmd.knowledge_embed/1", 2, 384)
    assert asked(home, "embed")["embedded"] == 0
    (hit,) = asked(home, "search", "--mode", "meaning", "--limit", "1", question)["hits"]
    assert (hit["title"], hit["found_by"]) == ("CUDA", ["meaning"])
    assert "by meaning" in run(home, "search", "--mode", "both", question).output
    # What is ingested from now on is embedded with it; what is put by somebody else is seen to be missing.
    (docs / "c.md").write_text("# Outage\n\nThe exchange was not reachable for an hour.\n")
    run(home, "ingest", str(docs))
    assert asked(home, "health")["meaning"]["state"] == "ready"
    assert asked(home, "search", "--mode", "meaning", "network down")["hits"][0]["title"] == "Outage"
    run(home, "add", "--title", "Note", "--text", "text")
    found = asked(home, "health")
    assert found["ready"]
    assert [(one["kind"], one["do"]) for one in found["findings"]] == [("meaning", "swarmd knowledge embed")]
    assert "stale" in run(home, "health").output
    assert asked(home, "embed", "--off") == {"schema": "swarmd.knowledge_embed/1", "model": None, "removed": 3}
    assert asked(home, "health")["meaning"]["state"] == "off"


@pytest.mark.usefixtures("no_model")
def test_without_a_model_words_work_as_ever_and_the_rest_says_what_to_install(
    home: Path, docs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "nothing is known yet" in refused(home, capfd, "embed")
    run(home, "ingest", str(docs))
    assert ADVICE in refused(home, capfd, "embed")
    assert asked(home, "health")["findings"] == []
    assert asked(home, "health")["meaning"] == {"state": "not installed", "do": ADVICE}
    found = asked(home, "search", "kernel")
    assert (found["mode"], found["hits"][0]["found_by"]) == ("words", ["words"])


@pytest.mark.usefixtures("model")
def test_a_model_that_went_is_told_and_hinders_no_ingest(
    home: Path, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run(home, "ingest", str(docs / "a.md"))
    run(home, "embed")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert exit_code_of(["--home", str(home), "knowledge", "ingest", str(docs)]) == 0
    assert "not embedded: " in capfd.readouterr().err
    (finding,) = asked(home, "health")["findings"]
    assert (finding["kind"], finding["do"]) == ("meaning", ADVICE)
    assert ADVICE in refused(home, capfd, "search", "--mode", "both", "kernel")
    assert asked(home, "search", "kernel")["hits"] != []
