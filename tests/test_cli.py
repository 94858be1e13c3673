"""The command line: its table, its errors and exit codes, and that help costs nothing."""

import importlib
import os
import subprocess
import sys
from collections.abc import Sequence

import click
import pytest

from swarmd import __version__
from swarmd.cli import VERBS, cli, exit_code_of
from swarmd.state.errors import InvariantError, OperatorError, OutsideError

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
