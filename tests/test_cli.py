"""The command line: its table, its errors and exit codes, and that help costs nothing."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from builders import (
    a_beat,
    a_campaign,
    a_champion,
    a_cycle,
    a_finding,
    a_gauge,
    a_job,
    a_lane,
    a_policy,
    a_run,
    a_session,
    a_step,
    an_action,
    an_incident,
    the_scores,
)

from swarmd import __version__
from swarmd.cli import VERBS, cli, exit_code_of
from swarmd.state.errors import InvariantError, OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal

HEAVY = ("numba", "llvmlite", "numpy", "optuna", "pandas", "pydantic", "rich", "libtmux", "pyarrow", "psutil", "yaml")


def test_every_verb_leads_to_a_command_of_its_name_with_help_and_an_example() -> None:
    for name, verb in VERBS.items():
        module, _, attribute = verb.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), name
        assert command.name == name
        assert command.help, name
        leaves = command.commands.values() if isinstance(command, click.Group) else [command]
        for leaf in leaves:
            assert leaf.help, f"{name} {leaf.name}"
            assert f"Example: swarmd {name}" in (leaf.epilog or ""), name


def imported_by(arguments: Sequence[str]) -> set[str]:
    code = (
        "import sys; from swarmd.cli import exit_code_of; exit_code_of(sys.argv[1:]); "
        "print('modules', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    told = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(told.stdout.splitlines()[-1].split()[1:])


def test_help_lists_every_verb_and_imports_no_command() -> None:
    assert imported_by(["--help"]) & set(HEAVY) == set()
    code = "import sys; from swarmd.cli import exit_code_of; exit_code_of(['-h']); print([n for n in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name, verb in VERBS.items():
        assert f"  {name} " in told
        assert verb.help in told
    assert "swarmd.supervisor.commands" not in told
    assert "swarmd.engine" not in told


@pytest.mark.parametrize("name", ["start", "stop", "status", "query", "config", "doctor"])
def test_help_of_a_control_verb_imports_nothing_heavy(name: str) -> None:
    assert imported_by([name, "--help"]) & {"numba", "llvmlite", "optuna", "pandas", "pydantic", "pyarrow"} == set()


@pytest.mark.parametrize("name", VERBS)
def test_help_of_every_command_ends_well_and_shows_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = cli.get_command(click.Context(cli), name)
    leaves = [[name, leaf] for leaf in command.commands] if isinstance(command, click.Group) else [[name]]
    assert leaves
    for words in leaves:
        assert exit_code_of([*words, "--help"]) == 0
        told = capsys.readouterr()
        assert told.out.startswith(f"Usage: swarmd {' '.join(words)} ")
        assert f"Example: swarmd {name}" in " ".join(told.out.split())
        assert told.err == ""
    assert exit_code_of([name, "--help"]) == 0


@pytest.fixture
def home_without_daemon(tmp_path: Path) -> Path:
    """A home in which a campaign was at work until its daemon died."""
    home = Home(tmp_path)
    home.prepare()
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append(
            [
                a_session(),
                a_policy(),
                a_campaign(),
                a_lane("cpu0"),
                a_lane("cpu1"),
                a_job(attempt=1),
                a_run(),
                a_beat(),
                a_gauge("host.cpu_util", 0.5),
                a_step(),
                an_incident(),
                a_finding(),
                an_action("a4-0"),
                a_champion(),
                the_scores(),
                a_cycle(4),
            ]
        )
        journal.commit()
    return tmp_path


NUMERICS = {"numba", "llvmlite", "numpy", "optuna", "pandas", "pyarrow", "cupy"}


def test_what_must_start_fast_imports_no_numerics(home_without_daemon: Path) -> None:
    assert imported_by(["--help"]) & NUMERICS == set()
    assert imported_by(["--home", str(home_without_daemon), "query", "--json"]) & NUMERICS == set()


# The document `swarmd.query/1`, key by key and in this order: scripts of others rely on it. A tuple names the keys of
# an object, a list those of each row of a list; None leaves the inside open. `jobs.skipped` is an addition to what was
# first laid down: a job that will not run because the phase before it did not pass is none of the other five.
QUERY: dict[str, Any] = {
    "schema": None,
    "as_of": None,
    "source": None,
    "run_id": None,
    "daemon": ("alive", "pid", "cycle", "cycle_ms", "uptime_s"),
    "campaign": ("name", "status", "stage"),
    "goal": ("reached", "remaining"),
    "next_steps": ["id", "agent", "what", "expected_outcome", "due", "status"],
    "lanes": ["id", "device", "kind", "node", "status", "run", "job", "pid", "progress", "heartbeat_age_s"],
    "jobs": ("queued", "running", "done", "failed", "quarantined", "skipped"),
    "hardware": ("cpu_util", "load", "mem_used", "psi", "gpus"),
    "agents": None,
    "scores": ("adherence", "efficacy", "deviation", "performance", "efficiency"),
    "incidents": ("open", "closed_last"),
    "actions_last_cycle": None,
    "champions": None,
}


def test_query_answers_with_the_daemon_dead_in_the_words_that_were_promised(home_without_daemon: Path) -> None:
    asked = [sys.executable, "-m", "swarmd", "--home", str(home_without_daemon), "query", "--json"]
    told = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    assert list(told) == list(QUERY)
    assert (told["schema"], told["source"], told["daemon"]["alive"]) == ("swarmd.query/1", "journal", False)
    for name, keys in QUERY.items():
        if isinstance(keys, tuple):
            assert tuple(told[name]) == keys, name
        elif isinstance(keys, list):
            assert told[name], name
            assert all(list(row) == keys for row in told[name]), name
    assert set(told["daemon"]["cycle_ms"]) == {"p50", "p99"}
    assert set(told["lanes"][0]["progress"]) == {"done", "total", "unit", "rate", "eta_s"}
    assert {tuple(agent) for agent in told["agents"].values()} == {("fresh", "age_s", "status", "findings")}
    assert all(told[name] for name in ("incidents", "actions_last_cycle", "champions"))


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["--version"]) == 0
    assert capsys.readouterr().out == f"swarmd {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["statsu"], "No such command 'statsu'. Did you mean 'status'? `swarmd --help` lists them."),
        (["zzz"], "No such command 'zzz'. `swarmd --help` lists them."),
        (["--hom", "x"], "Did you mean '--home'? (see `swarmd --help`)"),
        (["stop", "--nwo"], "Did you mean '--now'? (see `swarmd stop --help`)"),
        (["stop", "--timeout", "soon"], "'soon' is not a valid float"),
        (["monitor", "fans"], "'fans' is not one of 'gpu', 'cpu', 'progress', 'log-index'."),
        (["config", "check"], "Missing argument 'FILE'. (see `swarmd config check --help`)"),
    ],
)
def test_a_wrong_word_is_one_line_on_stderr_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert said in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OperatorError("mend it"), 2, "error: mend it\n"),
        (OperatorError("first\nsecond\nthird"), 2, "error: first (and 2 more)\n"),
        (OutsideError("the disk is full"), 1, "error: the disk is full\n"),
        (InvariantError("two at once"), 1, "error: two at once (this is a fault of swarmd itself, please report it)\n"),
        (KeyboardInterrupt(), 130, "\n"),
    ],
)
def test_each_family_of_error_has_its_exit_code(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(type(cli), "get_command", lambda _self, _ctx, _name: failing)
    assert exit_code_of(["doctor"]) == code
    assert capsys.readouterr().err == said


def test_without_a_verb_the_help_is_shown_as_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of([]) == 2
    assert "Usage: swarmd [OPTIONS] COMMAND" in capsys.readouterr().err


def test_every_command_takes_home_after_the_verb_as_well() -> None:
    def lacking(command: click.Command, path: str) -> list[str]:
        below = command.commands.items() if isinstance(command, click.Group) else ()
        own = [] if any("--home" in param.opts for param in command.params) else [path]
        return own + [each for name, leaf in below for each in lacking(leaf, f"{path} {name}")]

    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in VERBS}
    assert [each for name, command in commands.items() if command is not None for each in lacking(command, name)] == []
    for name, command in commands.items():
        again = cli.get_command(context, name)
        assert again is command
        assert again is not None
        assert sum("--home" in param.opts for param in again.params) == 1, name


@pytest.mark.parametrize(
    "words",
    [
        ["--home", "{}", "champion", "list"],
        ["champion", "--home", "{}", "list"],
        ["champion", "list", "--home", "{}"],
        ["--home", "elsewhere", "champion", "list", "--home", "{}"],
    ],
)
def test_wherever_home_stands_it_is_the_same_home(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWARMD_HOME", str(tmp_path / "not this one"))
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / "mine")
    home.champions.mkdir(parents=True)
    (home.champions / "BTCUSDT_5m.json").write_text("no champion")
    assert exit_code_of([word.format(home.root) for word in words] + ["--json"]) in (0, 1)
    assert "BTCUSDT" in capsys.readouterr().out
    assert os.environ["SWARMD_HOME"] == str(tmp_path / "not this one")


def test_home_before_the_verb_reaches_the_command_and_leaves_no_trace(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SWARMD_HOME", raising=False)
    assert exit_code_of(["--home", str(tmp_path), "stop"]) == 0
    assert capsys.readouterr().out == f"no daemon runs on {tmp_path}; nothing to stop\n"
    assert "SWARMD_HOME" not in os.environ


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    command = f"{sys.executable} -m swarmd config schema | head -c 10"
    told = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert told.stderr == ""
    assert len(told.stdout) == 10
