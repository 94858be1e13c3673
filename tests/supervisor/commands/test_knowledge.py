"""`swarmd knowledge`: what a person types and reads, bad input included."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from postgres_server import ADVICE, postgres, programs

from swarmd.cli import cli, exit_code_of
from swarmd.state.knowledge.opening import VARIABLE, url_path
from swarmd.state.store.files import Home

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31mred \u202eevil"


@pytest.fixture(autouse=True)
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# Alpha page\n\nThe needle with `evaluate_many`.\n\n## Part\n\n[other](b.md)\n")
    (folder / "b.md").write_text(f"# Beta\n\n{HOSTILE} needle\n")
    return folder


def run(home: Path, *words: str, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), "knowledge", *words], input=text, catch_exceptions=False)


def asked(home: Path, *words: str, text: str | bytes | None = None) -> dict[str, Any]:
    told = run(home, *words, "--json", text=text)
    assert told.exit_code == 0, told.output
    document: dict[str, Any] = json.loads(told.stdout)
    return document


def refused(home: Path, capfd: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of an error that a person can mend."""
    assert exit_code_of(["--home", str(home), "knowledge", *words]) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0]


def test_ingest_then_search_then_show(home: Path, docs: Path) -> None:
    told = asked(home, "ingest", str(docs))
    assert told["schema"] == "swarmd.knowledge_ingest/1"
    assert told["files"] == {"read": 2, "same": 0, "forgotten": 0}
    assert told["sections"] == {"added": 3, "changed": 0, "same": 0, "forgotten": 0}
    assert asked(home, "ingest", str(docs))["files"] == {"read": 0, "same": 2, "forgotten": 0}
    found = asked(home, "search", "needle", "evaluate")
    assert found["schema"] == "swarmd.knowledge_search/1"
    assert found["hits"][0]["id"] == f"doc:{docs}/a.md"
    assert found["hits"][0]["snippet"] == "The «needle» with `«evaluate_many»`."
    assert found["did_you_mean"] is None
    shown = asked(home, "show", f"doc:{docs}/a.md")
    assert shown["neighbours"] == [{"how": "contains", "id": f"doc:{docs}/a.md#part"}]
    graph = asked(home, "search", "evaluate_many", "--graph")
    assert [hit["path"][1:] for hit in graph["hits"]] == [
        [], ["contains", f"doc:{docs}/a.md#part"],
        ["contains", f"doc:{docs}/a.md#part", "links-to", f"doc:{docs}/b.md"],
    ]  # fmt: skip


def test_nothing_of_a_document_reaches_the_terminal_raw(home: Path, docs: Path) -> None:
    run(home, "ingest", str(docs))
    for words in (("search", "evil"), ("show", f"doc:{docs}/b.md"), ("list",), ("search", "needle", "--graph")):
        told = run(home, *words)
        assert told.exit_code == 0
        assert not set(told.output) & set("\x1b\x07\x9b\u202e"), words
        as_json = run(home, *words, "--json")
        assert not set(as_json.output) & set("\x1b\x07\x9b\u202e"), words
    assert asked(home, "show", f"doc:{docs}/b.md")["text"] == f"{HOSTILE} needle"
    assert "red evil" in run(home, "search", "evil").output.replace("«", "").replace("»", "")


def test_a_note_is_added_replaced_found_and_removed(home: Path) -> None:
    first = asked(home, "add", "--title", "Costs", "--text", "ten bps", "--domain", "cuda", "--evidence", "r-1")
    assert (first["is_new"], first["domain"], first["evidence"]) == (True, "gpu", ["r-1"])
    again = asked(home, "add", "--title", "costs", "--text", "-", text="eleven bps")
    assert (again["id"], again["is_new"], again["text"], again["domain"]) == (
        first["id"],
        False,
        "eleven bps",
        "general",
    )
    assert [hit["id"] for hit in asked(home, "search", "eleven")["hits"]] == [first["id"]]
    assert asked(home, "list", "--kind", "note")["entries"][0]["title"] == "costs"
    assert asked(home, "remove", first["id"])["removed"] == 1
    assert asked(home, "list")["entries"] == []


def test_a_note_may_come_from_a_file(home: Path, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("from a file about cuda and vram")
    assert asked(home, "add", "--title", "N", "--text", f"@{tmp_path}/note.md")["domain"] == "gpu"


def test_documents_are_removed_by_their_place_and_files_stay(home: Path, docs: Path) -> None:
    run(home, "ingest", str(docs))
    assert asked(home, "remove", "--under", str(docs / "a.md"))["removed"] == 2
    assert asked(home, "remove", "--under", str(docs))["removed"] == 1
    assert (docs / "a.md").exists()


def test_a_mistyped_question_is_answered_with_a_suggestion(home: Path, docs: Path) -> None:
    run(home, "ingest", str(docs))
    told = run(home, "search", "neddle")
    assert told.exit_code == 0
    assert told.output.splitlines() == ["nothing found", "did you mean: needle"]


@pytest.mark.parametrize(
    "question", ['"', "NEAR(a b", "a AND", "*", "-- -x", "col:", "'; DROP TABLE entry; --", "\x1b[0m", "é" * 500]
)
def test_no_question_is_wrong(home: Path, docs: Path, question: str) -> None:
    run(home, "ingest", str(docs))
    assert run(home, "search", "--", question).exit_code == 0


def test_what_a_person_can_mend_is_one_line(home: Path, docs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "begin with `swarmd knowledge ingest" in refused(home, capfd, "search", "word")
    assert not home.exists()  # a question makes nothing
    run(home, "ingest", str(docs))
    assert "there is no entry 'note:absent'" in refused(home, capfd, "show", "note:absent")
    assert "there is no entry" in refused(home, capfd, "remove", f"doc:{docs}/a.md", "note:absent")
    assert asked(home, "show", f"doc:{docs}/a.md")["id"]  # and nothing was removed
    assert "no document was read from" in refused(home, capfd, "remove", "--under", str(home))
    assert "name an ID" in refused(home, capfd, "remove")
    assert "--only needs a --domain" in refused(home, capfd, "search", "x", "--only")
    assert "name a file or folder" in refused(home, capfd, "ingest", str(docs / "absent"))
    assert "outside the root" in refused(home, capfd, "ingest", str(home), "--root", str(docs))
    assert "outside the root" in refused(home, capfd, "ingest", f"{docs}/..", "--root", str(docs))
    assert "is empty" in refused(home, capfd, "add", "--title", " ", "--text", "x")
    assert "is no file" in refused(home, capfd, "add", "--title", "x", "--text", "@/dev/zero")
    assert "'nosuch'" in refused(home, capfd, "search", "x", "--kind", "nosuch")
    assert "is no address" in refused(home, capfd, "move", "--to", "postgresql://u:s3cret@h:port/x")
    assert "--to takes" in refused(home, capfd, "move", "--to", "mysql://u:s3cret@h/x")
    assert "already" in refused(home, capfd, "move", "--to", "sqlite")


def test_files_that_cannot_be_read_make_exit_code_1_and_lose_nothing(
    home: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def failing(path: Any, *words: Any, **named: Any) -> int:
        if str(path).endswith("b.md"):
            raise PermissionError(13, "Permission denied")
        return real(path, *words, **named)

    monkeypatch.setattr(os, "open", failing)
    told = run(home, "ingest", str(docs))
    assert told.exit_code == 1
    assert "1 files read" in told.stdout
    assert "1 unreadable" in told.stdout
    assert f"unreadable: {docs}/b.md Permission denied" in told.stderr


def test_health_tells_what_is_stale_and_what_is_gone(home: Path, docs: Path) -> None:
    told = run(home, "health", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["findings"][0]["do"] == "swarmd knowledge ingest docs"
    run(home, "ingest", str(docs))
    fresh = asked(home, "health")
    assert (fresh["ready"], fresh["entries"], fresh["findings"], fresh["stale"]["count"]) == (True, 3, [], 0)
    (docs / "a.md").write_text("# Changed")
    (docs / "b.md").unlink()
    stale = asked(home, "health")
    assert [(one["why"], Path(one["path"]).name) for one in stale["stale"]["files"]] == [
        ("changed", "a.md"),
        ("gone", "b.md"),
    ]
    assert stale["findings"][0]["do"] == f"swarmd knowledge ingest {docs}"
    (docs / "a.md").unlink()
    docs.rmdir()
    assert asked(home, "health")["findings"][0]["kind"] == "unreachable"


def test_health_of_a_damaged_file_and_of_an_absent_server(
    home: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(home, "ingest", str(docs))
    (home / "knowledge.db").write_bytes(b"damaged" * 1000)
    told = run(home, "health", "--json")
    assert told.exit_code == 1
    assert "move it away" in json.loads(told.stdout)["findings"][0]["do"]
    monkeypatch.setenv(VARIABLE, "postgresql://u:s3cret@/d?host=/nowhere")
    told = run(home, "health", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["findings"][0]["kind"] == "unreachable"
    assert "s3cret" not in told.output


@pytest.mark.skipif(programs() is None, reason=ADVICE)
def test_moving_to_postgres_and_back(home: Path, docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(home, "ingest", str(docs))
    run(home, "add", "--title", "N", "--text", "loose")
    with postgres() as url:
        (tmp_path / "address").write_text(url)
        told = run(home, "move", "--to", f"@{tmp_path}/address", "--json")
        assert told.exit_code == 0, told.output
        document = json.loads(told.stdout)
        assert (document["entries"], document["files"], document["added"]) == (4, 2, 4)
        assert "s3cret" not in told.output
        assert stat.S_IMODE(url_path(Home(home)).stat().st_mode) == 0o600
        assert asked(home, "health")["backend"] == "postgres"
        assert len(asked(home, "search", "needle")["hits"]) == 2
        (home / "knowledge.db").unlink()
        assert asked(home, "move", "--to", "sqlite")["added"] == 4
        assert asked(home, "health")["backend"] == "sqlite"
        monkeypatch.setenv(VARIABLE, url)
        assert asked(home, "health")["backend"] == "postgres"
        told = run(home, "move", "--to", "sqlite")
        assert "still names the old place" in told.stderr
        assert "s3cret" not in told.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_watching_reads_what_changes_until_it_is_told_to_stop(home: Path, docs: Path, number: signal.Signals) -> None:
    words = [sys.executable, "-m", "swarmd", "--home", str(home), "knowledge", "ingest", str(docs), "--watch", "--json"]
    watcher = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert watcher.stdout is not None
        assert json.loads(watcher.stdout.readline())["files"]["read"] == 2
        (docs / "fresh.md").write_text("# Fresh\n\nbrandnew\n")
        assert json.loads(watcher.stdout.readline())["sections"]["added"] == 1
        (docs / "fresh.md").unlink()
        assert json.loads(watcher.stdout.readline())["files"]["forgotten"] == 1
        watcher.send_signal(number)
        assert watcher.wait(60) == 0
        assert watcher.stderr is not None
        assert watcher.stderr.read() == ""
    finally:
        watcher.kill()
        watcher.wait()
    assert asked(home, "health")["findings"] == []
