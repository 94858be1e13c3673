"""The shell scripts that start a swarm, run as they stand: what the environment tells them, and what they are asked."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import ROOT

from swarmd.state.projection import Projection
from swarmd.state.store.files import Home, is_locked

VENV = Path(sys.prefix)
SCRIPTS = ("backtest-optimize", "start_swarm_watchdogs.sh", "ensure_swarm_watchdogs.sh")
WITHIN_S = 120


class Shell:
    """Somebody's shell, in a folder of theirs: a home, and the three roots moved out of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home(
            folder / "my swarm",
            state_root=folder / "fast" / "state",
            logs_root=folder / "fast" / "logs",
            results_root=folder / "lasting" / "results",
        )
        self.environment = {name: value for name, value in os.environ.items() if name != "SWARM_ENABLED"} | {
            "SWARMD_HOME": "my swarm",
            "STATE_ROOT": "fast/state",
            "LOGS_ROOT": "fast/logs",
            "RESULTS_ROOT": "lasting/results",
            "VENV_PATH": str(VENV),
        }

    def run(self, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in (self.environment | variables).items() if value}
        return subprocess.run(
            [str(ROOT / "scripts" / script), *words],
            cwd=self.folder, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False,
        )  # fmt: skip

    def health(self) -> int:
        (command,) = re.findall(r"^HEALTHCHECK .*\\\n +CMD (.+)$", (ROOT / "Containerfile").read_text(), re.MULTILINE)
        path = f"{VENV / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "-c", command], cwd=self.folder, env=self.environment | {"PATH": path}, check=False
        ).returncode


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    if not (VENV / "bin" / "swarmd").exists():
        pytest.skip(f"no swarmd in {VENV / 'bin'}; scripts/setup test installs it")
    made = Shell(tmp_path)
    yield made
    if is_locked(made.home.daemon_lock):
        subprocess.run(
            [str(VENV / "bin" / "swarmd"), "stop", "--now", "--timeout", "30"],
            cwd=tmp_path, env=made.environment, check=True, capture_output=True,
        )  # fmt: skip


def a_campaign(folder: Path) -> str:
    """Over files that are no market: its runs end after their first look."""
    (folder / "bars").mkdir()
    symbols = [f"COIN{n}" for n in range(200)]
    for symbol in symbols:
        (folder / "bars" / f"{symbol}.csv").write_text("this,is,no,market\n1,2,3,4\n")
    (folder / "campaign.yaml").write_text(
        f"name: try\ndata: {{root: bars}}\nassets: {{tiers: {{A: [{', '.join(symbols)}]}}, batch_size: 1}}\n"
        "strategy: {name: mtf_ema, modes: [balanced]}\nlimits: {disk_free_min: 1MiB, spares: 0}\n"
    )
    return "campaign.yaml"


@pytest.mark.xdist_group("start scripts")
def test_one_command_starts_as_many_lanes_as_asked_where_the_roots_say_and_the_others_see_it_run(shell: Shell) -> None:
    campaign = a_campaign(shell.folder)
    begun = shell.run("backtest-optimize", "--parallel", "3", campaign, "--no-monitors", "--no-dashboard", "--json")
    assert begun.returncode == 0, begun.stderr
    # What doctor said went where it disturbs no script; the one document is what `start` answers.
    pid = json.loads(begun.stdout)["pid"]
    assert "disk" in begun.stderr
    assert is_locked(shell.home.daemon_lock)
    lanes = [lane.id for lane in Projection.from_journal(shell.home.journal).view().lanes.values() if not lane.is_fill]
    assert lanes == ["cpu0", "cpu1", "cpu2"]
    assert (shell.home.logs / "swarmd.log").exists()
    assert (shell.home.results / "try" / "run_meta.json").exists()
    assert not [part for part in ("state", "logs", "results") if (shell.home.root / part).exists()]
    assert str(VENV / "bin" / "python") in Path(f"/proc/{pid}/cmdline").read_text()

    # What the container asks once a minute.
    assert shell.health() == 0

    # As it is given to `source`.
    seen = shell.run("ensure_swarm_watchdogs.sh", "--no-monitors", "--json", VENV_PATH=str(VENV / "bin" / "activate"))
    assert (json.loads(seen.stdout)["did"], json.loads(seen.stdout)["pid"]) == ("nothing", pid)
    refused = shell.run("start_swarm_watchdogs.sh", campaign)
    assert refused.returncode == 2
    assert f"a daemon already runs here (pid {pid}" in refused.stderr


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("said", ["0", "false", "False", "no", "off"])
def test_switched_off_nothing_is_started_or_installed_and_it_is_said(script: str, said: str, shell: Shell) -> None:
    answer = shell.run(script, "campaign.yaml", SWARM_ENABLED=said, VENV_PATH="/nowhere")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert answer.stderr == f"SWARM_ENABLED={said}: nothing is started\n"
    assert list(shell.folder.iterdir()) == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_switch_that_says_neither_is_refused(script: str, shell: Shell) -> None:
    answer = shell.run(script, SWARM_ENABLED="maybe")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == "error: SWARM_ENABLED=maybe is neither yes nor no; say 1 or 0\n"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_venv_without_swarmd_is_refused_and_nothing_is_installed_into_it(script: str, shell: Shell) -> None:
    (shell.folder / "mine" / "bin").mkdir(parents=True)
    answer = shell.run(script, VENV_PATH="mine")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == ("error: VENV_PATH=mine has no bin/swarmd; install swarmd there, or leave VENV_PATH out\n")
    assert list((shell.folder / "mine").rglob("*")) == [shell.folder / "mine" / "bin"]


def test_lanes_that_cannot_be_are_refused_before_anything_starts(shell: Shell) -> None:
    for words in (["--parallel=many"], ["--parallel", "0"], ["--parallel="]):
        answer = shell.run("backtest-optimize", *words, "campaign.yaml")
        assert answer.returncode == 2, words
        assert "is neither a whole number from 1 to 4096 nor auto" in answer.stderr
    assert not shell.home.daemon_lock.exists()
    assert shell.health() == 1


def test_help_tells_what_it_does_and_starts_nothing(shell: Shell) -> None:
    answer = shell.run("backtest-optimize", "--help", SWARM_ENABLED="", VENV_PATH="/nowhere")
    assert answer.returncode == 0
    assert "scripts/backtest-optimize --parallel CAMPAIGN.yaml" in answer.stdout
    assert "set -euo" not in answer.stdout
    assert list(shell.folder.iterdir()) == []
