"""A lane's run as the supervisor sees it: a process, its locks, its beats, its outbox, its exit code.

Real processes, killed for real. Nothing here looks at how long anything took.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from search_builders import MODE, SYMBOL, a_market, an_order, files_below, run_phase

from swarmd.state.beats import BeatsPage
from swarmd.state.store.files import Home, atomic_write, lock_file
from swarmd.state.store.ledger_place import remember
from swarmd.state.work_order import BEATS_VARIABLE, LOCK_FD_VARIABLE, ExitCode, ReadyLine, ResultLine

SLOT = 3
REFINED = {"search": {"prescreen": {"combos": 300, "top": 50}, "refine": {"trials": 80, "warm_start": 4}}}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A market, and a home in which everything before the refinement is done."""
    root = tmp_path_factory.mktemp("prepared")
    a_market(root / "bars")
    for phase in ("preflight", "prescreen"):
        assert run_phase(root / "home", root / "bars", phase, **REFINED).verdict == "pass"
    return root


@pytest.fixture
def home(prepared, tmp_path):
    shutil.copytree(prepared / "home", tmp_path / "home")
    return tmp_path / "home"


class Run:
    """One launched run, as a supervisor would launch it: a locked descriptor, a slot, an order, a log."""

    def __init__(self, order, *, is_supervised=True, notify: Path | None = None) -> None:
        self.home = Home(Path(order.home))
        self.home.prepare()
        self.order = order
        path = self.home.order_path(order.run)
        atomic_write(path, order.model_dump_json().encode())
        environment = {k: v for k, v in os.environ.items() if k not in (LOCK_FD_VARIABLE, BEATS_VARIABLE)}
        passed = ()
        if notify is not None:
            environment["NOTIFY_SOCKET"] = str(notify)
        if is_supervised:
            self.page = BeatsPage(self.home.beats_path, create=True)
            self.page.clear(SLOT)
            descriptor = lock_file(self.home.lock_path(order.run), {"run": order.run})
            environment |= {LOCK_FD_VARIABLE: str(descriptor), BEATS_VARIABLE: f"{self.home.beats_path}:{SLOT}"}
            passed = (descriptor,)
        with open(self.home.log_path(order.run), "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "swarmd.engine.lane", str(path)],
                env=environment, pass_fds=passed, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        for descriptor in passed:
            os.close(descriptor)

    @property
    def folder(self) -> Path:
        return self.home.results_of(self.order.campaign.name, self.order.symbol, self.order.mode)

    def events(self) -> list[dict]:
        path = self.home.outbox_of(self.order.run) / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def lines(self, name: str) -> list[dict]:
        return [
            json.loads(li) for li in (self.home.outbox_of(self.order.run) / f"{name}.jsonl").read_text().splitlines()
        ]

    def journal_size(self) -> int:
        return sum(path.stat().st_size for path in self.folder.glob("study_*.journal"))

    def until(self, condition) -> None:
        while not condition() and self.process.poll() is None:
            time.sleep(0.002)

    def ended(self) -> int:
        return self.process.wait(timeout=120)


def order_of(home: Path, prepared: Path, phase: str, *, token=1, **settings):
    return an_order(home, prepared / "bars", phase, token=token, run=f"cpu0-{phase}-{token}", **(REFINED | settings))


def test_a_run_holds_its_lock_beats_says_ready_and_leaves_a_result(prepared, home, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        run = Run(order_of(home, prepared, "refine", token=7), notify=tmp_path / "notify")
        run.until(lambda: run.page.read(SLOT).is_ready)
        holder = json.loads(run.home.lock_path(run.order.run).read_text())
        assert holder["run"] == "cpu0-refine-7"
        assert (holder["token"], holder["pid"]) == (7, run.process.pid)
        assert holder["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        assert run.ended() == ExitCode.DONE
        assert supervisor.recv(1000).startswith(b"READY=1\n")
    pulse = run.page.read(SLOT)
    assert (pulse.token, pulse.is_ready, pulse.done, pulse.total) == (7, True, 80, 80)
    assert pulse.progress > 80
    now = time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
    assert now - 60_000 < pulse.heartbeat <= now
    first, *_, last = run.events()
    assert ReadyLine.model_validate(first).token == 7
    assert ResultLine.model_validate(last).summary.tried == 80
    assert [trial["number"] for trial in run.lines("trials")] == list(range(80))
    assert (run.lines("progress")[-1]["done"], run.lines("progress")[-1]["total"]) == (80, 80)
    assert "Loaded Phase0 seed: " in run.home.log_path(run.order.run).read_text()
    # The lock went with the process: nothing it left behind holds it.
    descriptor = os.open(run.home.lock_path(run.order.run), os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_without_the_page_of_counters_a_run_ends_in_a_way_that_is_tried_again(prepared, home):
    order = order_of(home, prepared, "refine", token=8)
    Home(home).prepare()
    environment = {**os.environ, BEATS_VARIABLE: f"{Home(home).run_dir}/gone:{SLOT}"}
    path = Home(home).order_path(order.run)
    atomic_write(path, order.model_dump_json().encode())
    lane = [sys.executable, "-m", "swarmd.engine.lane", str(path)]
    done = subprocess.run(lane, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "page of progress counters" in done.stderr


def test_killed_at_random_instants_and_resumed_it_ends_with_what_an_undisturbed_run_makes(prepared, home, tmp_path):
    shutil.copytree(prepared / "home", tmp_path / "undisturbed")
    undisturbed = Run(order_of(tmp_path / "undisturbed", prepared, "refine"))
    assert undisturbed.ended() == ExitCode.DONE
    size = undisturbed.journal_size()
    killed = 0
    for attempt, share in enumerate(np.sort(np.random.default_rng(11).random(4)).tolist(), start=1):
        run = Run(order_of(home, prepared, "refine", token=attempt))
        run.until(lambda run=run, share=share: run.journal_size() >= share * size)
        run.process.send_signal(signal.SIGKILL)
        killed += run.ended() == -signal.SIGKILL
    trials = Home(home).results_of("c", SYMBOL, MODE) / "trials"
    (trials / ".trial_3.json.k3x9_a1b").write_text("what a kill may leave of a file that was about to be written")
    last = Run(order_of(home, prepared, "refine", token=9))
    assert last.ended() == ExitCode.DONE
    assert killed >= 3
    assert last.lines("trials")[0]["number"] > 0
    assert files_below(last.folder) == files_below(undisturbed.folder)


def test_asked_to_stop_it_yields_at_a_safe_point_and_the_next_run_does_the_rest(prepared, home):
    first = Run(order_of(home, prepared, "refine", token=1))
    first.until(lambda: first.journal_size() > 20_000)
    first.process.send_signal(signal.SIGTERM)
    assert first.ended() == ExitCode.YIELDED
    assert "stopped at a safe point" in first.events()[-1]["text"]
    done = len(first.lines("trials"))
    second = Run(order_of(home, prepared, "refine", token=2))
    assert second.ended() == ExitCode.DONE
    assert [trial["number"] for trial in second.lines("trials")] == list(range(done, 80))


def test_who_waits_for_the_ledgers_server_does_not_stand_still_and_hears_a_stop(prepared, home):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        remember(Home(home), f"postgresql://quant@127.0.0.1:{nobody.getsockname()[1]}/ledger")
        run = Run(order_of(home, prepared, "refine"))
        run.until(lambda: "waiting for it" in Home(home).log_path(run.order.run).read_text())
        before = run.page.read(SLOT)
        run.until(lambda: run.page.read(SLOT).progress > before.progress + 3)
        run.process.send_signal(signal.SIGTERM)
        assert run.ended() == ExitCode.YIELDED
    assert run.page.read(SLOT).done == 0


def test_hangups_and_interrupts_do_not_reach_a_supervised_run(prepared, home):
    run = Run(order_of(home, prepared, "refine"))
    run.until(lambda: run.page.read(SLOT).is_ready)
    for number in (signal.SIGHUP, signal.SIGINT):
        run.process.send_signal(number)
    assert run.ended() == ExitCode.DONE


def test_two_runs_never_write_in_one_folder(prepared, home):
    folder = Home(home).results_of("c", SYMBOL, MODE)
    held = lock_file(folder / ".lock", {"run": "cpu1-refine-1", "pid": 1})
    run = Run(order_of(home, prepared, "refine", token=2))
    try:
        run.until(lambda: bool(run.events()))
        assert run.ended() == 1
        assert "is held by cpu1-refine-1 (pid 1)" in run.events()[-1]["text"]
        assert not list(folder.glob("study_*"))
    finally:
        os.close(held)


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        ({"space": {"L_fats": [5, 6]}}, ExitCode.BAD_ORDER, "did you mean 'L_fast'"),
        ({"strategy": {"name": "mtf_emu", "modes": [MODE]}}, ExitCode.BAD_ORDER, "did you mean 'mtf_ema'"),
    ],
)
def test_an_order_that_makes_no_sense_ends_with_its_code_and_the_remedy(prepared, home, settings, code, said):
    run = Run(order_of(home, prepared, "refine", **settings))
    assert run.ended() == code
    assert said in run.events()[-1]["text"]


def test_data_replaced_since_the_preflight_ends_with_the_data_code(prepared, home, tmp_path):
    a_market(tmp_path / "other", seed=2)
    run = Run(an_order(home, tmp_path / "other", "refine", run="cpu0-refine-1"))
    assert run.ended() == ExitCode.DATA
    assert "the file was changed since" in run.events()[-1]["text"]


def test_results_that_cannot_be_read_end_with_a_code_that_is_tried_again(prepared, home):
    document = next((home / "results").rglob("preflight.json"))
    document.unlink()
    document.symlink_to("/proc/self/mem")  # whoever reads it from its beginning is told EIO
    run = Run(order_of(home, prepared, "refine"))
    assert run.ended() == 1
    assert "Input/output error); look to the disk" in run.events()[-1]["text"]


def test_no_order_at_all_is_a_bad_order(tmp_path):
    (tmp_path / "order.json").write_text("{}")
    for arguments in ([str(tmp_path / "order.json")], [str(tmp_path / "none.json")], []):
        ended = subprocess.run(
            [sys.executable, "-m", "swarmd.engine.lane", *arguments], capture_output=True, check=False
        )
        assert ended.returncode == ExitCode.BAD_ORDER
        assert ended.stderr


_CLINGING = """
import threading
from dataclasses import replace

from swarmd.engine.strategies.mtf_ema import MtfEma


class Clinging(MtfEma):
    card = replace(MtfEma.card, name="clinging")


threading.Thread(target=threading.Event().wait).start()
"""


def test_it_ends_with_its_work_whatever_threads_a_strategy_leaves_behind(prepared, home, tmp_path):
    (tmp_path / "clinging.py").write_text(_CLINGING)
    strategy = {"name": f"{tmp_path / 'clinging.py'}:Clinging", "modes": [MODE]}
    run = Run(order_of(home, prepared, "prescreen", strategy=strategy))
    assert run.ended() == ExitCode.DONE
    assert run.events()[-1]["summary"]["verdict"] == "pass"


def test_by_hand_it_needs_no_supervisor(prepared, home):
    run = Run(order_of(home, prepared, "preflight"), is_supervised=False)
    assert run.ended() == ExitCode.DONE
    assert run.events()[-1]["summary"]["verdict"] == "pass"
