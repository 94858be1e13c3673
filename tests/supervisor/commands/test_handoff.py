"""``swarmd handoff``: the page now, with the daemon alive or dead, and the journal only read."""

import json
import re
from pathlib import Path

import pytest
from builders import a_campaign, a_job, a_session, an_incident
from click.testing import CliRunner, Result
from swarm_builders import a_home

from swarmd.cli import cli
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal


@pytest.fixture(autouse=True)
def _commands_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWARMD_NO_VERIFY")


def told(tmp_path: Path) -> Home:
    home = a_home(tmp_path)
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append([a_session(), a_campaign(), a_job(), an_incident(cause="PGPASSWORD=hunter2 was said")])
        journal.commit()
    return home


def asked(home: Home, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home.root), "handoff", *words], catch_exceptions=True)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_the_page_lies_among_the_reference_pages_and_the_journal_is_only_read(tmp_path: Path) -> None:
    home = told(tmp_path)
    before = bytes_of(home.journal)
    said = asked(home, "--no-verify", "--json")
    assert said.exit_code == 0, said.output
    document = json.loads(said.stdout)
    assert document["schema"] == "swarmd.handoff/1"
    assert re.fullmatch(r"docs/reference/HANDOFF_SWARM_RUN_\d{4}-\d\d-\d\d_\d{4}Z\.md", document["path"])
    page = (home.root / document["path"]).read_text()
    assert page == (home.docs / "HANDOFF_LATEST.md").read_text()
    assert "PGPASSWORD=\\[hidden\\] was said" in page or "PGPASSWORD=[hidden] was said" in page
    assert "hunter2" not in page
    assert bytes_of(home.journal) == before
    again = json.loads(asked(home, "--no-verify", "--json").stdout)
    assert again["path"] != document["path"]


def test_its_commands_are_really_run_and_what_they_said_stands_on_it(tmp_path: Path) -> None:
    home = told(tmp_path)
    said = asked(home, "--json", "--within", "60")
    document = json.loads(said.stdout)
    assert [each["command"] for each in document["verification"]] == ["swarmd replay", "swarmd query --json"]
    assert said.exit_code == int(any(each["exit_code"] != 0 for each in document["verification"]))
    page = (home.root / document["path"]).read_text()
    assert "### `swarmd query --json`: exit 0\n\n```text\n{\n" in page


def test_it_may_go_to_stdout_or_into_a_file_of_its_own(tmp_path: Path) -> None:
    home = told(tmp_path)
    printed = asked(home, "--print", "--no-verify")
    assert printed.stdout.startswith("# Handoff: majors is active\n")
    assert [*home.docs.glob("HANDOFF*")] == []
    out = tmp_path / "night.md"
    assert asked(home, "--out", str(out), "--no-verify").stdout == f"{out}\n0 commands run, 0 found fault\n"
    assert out.read_text().startswith("# Handoff: majors is active\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--print", "--json"), "--print goes to stdout"),
        (("--out", "/nowhere/at/all.md", "--no-verify"), "there is no folder /nowhere/at"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    refused = asked(told(tmp_path), *words)
    assert isinstance(refused.exception, OperatorError)
    assert why in str(refused.exception)


def test_where_there_is_no_journal_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert isinstance(asked(Home(tmp_path / "none")).exception, OperatorError)
    assert not (tmp_path / "none").exists()
