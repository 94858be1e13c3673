"""Start, look, pause, resume, restart, ensure and stop, with real daemons in processes of their own.

The campaigns are over files that are no market, so that each run ends after its first look; how runs fare is tested
elsewhere.
"""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swarmd.state.store.files import Home, is_locked, lock_holder

WITHIN_S = 90


class Swarm:
    """A home of the test's own, and its command line."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "swarm")
        self.folder = folder
        parts = ("STATE_ROOT", "LOGS_ROOT", "RESULTS_ROOT")
        self.environment = {name: value for name, value in os.environ.items() if name not in parts}
        self.environment |= {"SWARMD_HOME": str(self.home.root), "COLUMNS": "120"}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "swarmd", *words]

    def begin(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.begin(*words)
        out, err = process.communicate(timeout=WITHIN_S)
        return process.returncode, out, err

    def json(self, *words: str) -> dict[str, Any]:
        code, out, err = self.run(*words, "--json")
        assert code == 0, err
        document: dict[str, Any] = json.loads(out)
        return document

    def campaign(self, *, n_assets: int, name: str = "try", **lines: str) -> str:
        symbols = [f"COIN{n}" for n in range(n_assets)]
        bars = self.folder / "bars"
        bars.mkdir(exist_ok=True)
        for symbol in symbols:
            (bars / f"{symbol}.csv").write_text("this,is,no,market\n1,2,3,4\n")
        text = {
            "name": name,
            "data": "{root: bars}",
            "assets": f"{{tiers: {{A: [{', '.join(symbols)}]}}, batch_size: 1}}",
            "strategy": "{name: mtf_ema, modes: [balanced]}",
            "limits": "{max_lanes: 1, disk_free_min: 1MiB}",
            **lines,
        }
        path = self.folder / "campaign.yaml"
        path.write_text("".join(f"{key}: {value}\n" for key, value in text.items()))
        return str(path)

    def daemon(self) -> int:
        """The pid of whoever holds the home, or 0."""
        return int(lock_holder(self.home.daemon_lock)["pid"]) if is_locked(self.home.daemon_lock) else 0


def words_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


@pytest.fixture
def swarm(tmp_path: Path) -> Iterator[Swarm]:
    swarm = Swarm(tmp_path)
    yield swarm
    if swarm.daemon():
        swarm.run("stop", "--now", "--timeout", "30")


def test_a_detached_daemon_lives_is_asked_and_leaves_with_a_handoff(swarm: Swarm) -> None:
    started = swarm.json("start", swarm.campaign(n_assets=200), "--detach", "--no-monitors")
    pid = swarm.daemon()
    assert started["pid"] == pid
    assert os.getsid(pid) == pid  # a session of its own: the shell may close

    code, _, err = swarm.run("start")
    assert code == 2
    assert err.startswith(f"error: a daemon already runs here (pid {pid}, since 20")
    assert f"home {swarm.home.root}" in err
    assert swarm.json("ensure") == {  # no monitors either: it was started without
        "schema": "swarmd.ensure/1", "did": "nothing", "pid": pid, "home": str(swarm.home.root),
    }  # fmt: skip
    assert swarm.daemon() == pid

    seen = swarm.json("status")
    assert seen["daemon"] == {"alive": True, "pid": pid}
    assert seen["campaign"] == {"name": "try", "status": "active"}
    assert [lane["id"] for lane in seen["lanes"]] == ["cpu0", "fill0"]
    assert swarm.json("pause")["status"] == "paused"
    assert swarm.json("status")["campaign"]["status"] == "paused"
    assert swarm.json("resume")["status"] == "active"

    stopped = swarm.json("stop")
    assert swarm.daemon() == 0
    assert stopped["was_running"]
    assert Path(stopped["handoff"]).parent == swarm.home.docs
    assert "try" in Path(stopped["handoff"]).read_text()
    seen = swarm.json("status")
    assert seen["daemon"] == {"alive": False, "pid": None}
    assert seen["campaign"]["status"] == "stopped"


def test_a_killed_daemon_is_made_good_by_ensure_once_and_by_restart(swarm: Swarm) -> None:
    without = ("--no-monitors", "--no-dashboard")
    swarm.json("start", swarm.campaign(n_assets=200), "--detach", *without)
    first = swarm.daemon()
    os.kill(first, signal.SIGKILL)
    while swarm.daemon():
        time.sleep(0.02)
    # It was started without monitors and dashboard, and that stands.
    both = [swarm.begin("ensure", "--json") for _ in range(2)]
    answers = [json.loads(each.communicate(timeout=WITHIN_S)[0]) for each in both]
    assert [each.returncode for each in both] == [0, 0]
    second = swarm.daemon()
    assert second not in (0, first)
    assert {each["pid"] for each in answers} == {second}
    assert "started" in {each["did"] for each in answers}
    assert set(without) <= set(words_of(second))

    restarted = swarm.json("restart")
    assert set(without) <= set(words_of(swarm.daemon()))
    assert restarted["stopped_pid"] == second
    assert restarted["pid"] == swarm.daemon() != second
    assert swarm.json("status")["campaign"]["status"] == "active"


def test_in_the_foreground_each_change_is_a_line_and_a_question_changed_afterwards_is_refused(swarm: Swarm) -> None:
    code, out, err = swarm.run("start", swarm.campaign(n_assets=1), "--until-done", "--no-monitors")
    assert code == 1, err  # its one asset was refused by preflight: nothing could begin
    lines = [line.partition(" ")[2] for line in out.splitlines()]
    assert lines[:2] == ["campaign try: active (started)", "jobs: 5 queued"]
    assert [line for line in lines if line.startswith("job try.COIN0.preflight: failed: ")] != []
    assert [line for line in lines if line.startswith("job try.COIN0.balanced.crown: skipped")] != []
    assert any(line.startswith("campaign try: done") for line in lines)
    assert swarm.json("ensure")["did"] == "nothing"
    assert swarm.daemon() == 0

    # The reason a detached daemon did not begin is its own error, handed on.
    changed = swarm.campaign(n_assets=1, costs="{fee_bps: 9}")
    code, out, err = swarm.run("start", changed, "--detach", "--no-monitors")
    assert (code, out) == (2, "")
    assert err.startswith("error: campaign 'try' was started with other settings")
    assert err.count("\n") == 1


def test_on_a_terminal_the_live_view_is_drawn_and_ctrl_c_drains(swarm: Swarm) -> None:
    campaign = swarm.campaign(n_assets=200)
    pid, terminal = pty.fork()
    if pid == 0:
        command = swarm.command("start", campaign, "--no-monitors")
        os.execve(command[0], command, {**swarm.environment, "TERM": "xterm-256color"})
    drawn = b""
    asked = False
    while True:
        try:
            drawn += os.read(terminal, 65536)
        except OSError:
            break
        if not asked and b"preflight #1" in drawn:
            os.write(terminal, b"\x03")
            asked = True
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    text = drawn.decode(errors="replace")
    assert "Ctrl-C drains and leaves" in text
    assert "COIN0.preflight" in text
    assert swarm.json("status")["campaign"]["status"] == "stopped"


def test_a_campaign_that_cannot_be_is_refused_before_a_home_is_made(swarm: Swarm) -> None:
    wrong = swarm.campaign(n_assets=1, strategy="{name: mtf_emma, modes: [balanced]}")
    for how in ("--detach", "--no-screen"):
        code, _, err = swarm.run("start", wrong, how)
        assert code == 2
        assert err == f"error: {wrong}:4:18: strategy.name: 'mtf_emma' is not a strategy; did you mean 'mtf_ema'? " + (
            "(known: bollinger_reversion, ema_cross, final_trigger, mtf_ema)\n"
        )
    assert not swarm.home.root.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["start"], 2, "error: there is no campaign to resume in"),
        (["start", "x.yaml", "--demo"], 2, "error: give one of: a campaign file, --data DIR, --demo"),
        (["start", "--json"], 2, "error: --json needs --detach"),
        (["pause"], 2, "there is nothing to pause; start it with `swarmd start`"),
        (["resume"], 2, "there is nothing to resume; start it with `swarmd start`"),
        (["restart"], 2, "error: there is no campaign to resume in"),
        (["attach"], 2, "error: attach needs a terminal; without one use `swarmd monitor progress --once`"),
        (["stop"], 0, "nothing to stop"),
        (["ensure"], 0, "no campaign was ever started"),
        (["status"], 0, "no campaign yet"),
        (["monitor", "log-index"], 0, "no logs in"),
    ],
)
def test_on_a_home_that_is_not_there_every_verb_says_so_and_makes_nothing(
    swarm: Swarm, words: list[str], code: int, said: str
) -> None:
    answer = swarm.run(*words)
    assert answer[0] == code
    assert said in answer[1] + answer[2]
    assert not swarm.home.root.exists()
