"""scripts/deploy against a real sshd on loopback: looked over, copied, set up, started, looked at, fetched back.

The set-up itself is the real one and finds its work done: what the lock pins stands in this checkout's environment, and
the box's is made of it beforehand. scripts/check_deploy lets it install everything, which takes minutes.
"""

import contextlib
import hashlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from repository import ROOT
from ssh_server import SshServer, an_ssh_server

from swarmd.cli import exit_code_of
from swarmd.state.projection import Projection
from swarmd.state.store.files import Home
from swarmd.supervisor.dashboard.address import served_at
from swarmd.supervisor.presence import daemon_of

pytestmark = pytest.mark.xdist_group("deploy")

WITHIN_S = 280
CAMPAIGN = """\
name: try
data: {root: ../bars}
assets: {tiers: {A: [%s]}, batch_size: 1}
strategy: {name: "mine/own.py:Own", modes: [long_short]}
limits: {max_lanes: 1, disk_free_min: 1MiB, spares: 0}
"""

LOOK = """
import json, subprocess, sys
from dataclasses import asdict
from deploy_box import judged, question, understood
dest, reach = sys.argv[1:]
script, places = question(dest, ""), {"PATH": reach, "HOME": "/x"}
said = subprocess.run(["/bin/sh", "-s"], input=script, env=places, capture_output=True, text=True, check=True).stdout
print(json.dumps({each.name: asdict(each) for each in judged(understood("Welcome!\\n" + said), dest)}))
"""


class Box:
    """A checkout of its own to deploy from, a server to deploy to, and a place on it."""

    def __init__(self, folder: Path, server: SshServer) -> None:
        self.folder, self.server = folder, server
        self.checkout = folder / "checkout"
        self.dest = folder / "box" / "my swarmd"
        self.home = self.dest / "swarm"
        clone = ["git", "clone", "--quiet", "--shared", "--no-tags", str(ROOT), str(self.checkout)]
        if subprocess.run(clone, capture_output=True, check=False).returncode != 0:
            pytest.skip("not a git checkout, and what is copied is what is committed")
        # The scripts as they stand here, committed or not.
        for script in (ROOT / "scripts").glob("deploy*"):
            shutil.copy(script, self.checkout / "scripts")
        self.git("add", "scripts")
        self.git("commit", "-q", "--allow-empty", "-m", "as it stands")

    def git(self, *words: str) -> None:
        named = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
        subprocess.run(["git", "-C", str(self.checkout), *named, *words], check=True, capture_output=True)

    def command(self, *words: str, dest: Path | None = None) -> list[str]:
        script = str(self.checkout / "scripts" / "deploy")
        return [sys.executable, script, *self.server.words(), "--dest", str(dest or self.dest), *words]

    def deploy(self, *words: str, dest: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words, dest=dest), capture_output=True, text=True, timeout=WITHIN_S, check=False
        )

    def deployed(self, *words: str) -> dict[str, Any]:
        said = self.deploy(*words, "--json")
        assert said.returncode == 0, said.stderr
        document: dict[str, Any] = json.loads(said.stdout)
        assert document["schema"] == "swarmd.deploy/1"
        return document

    def prepare(self) -> None:
        """The virtual environment as `scripts/setup run` leaves it, made of what is installed here."""
        venv = self.dest / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
        (packages,) = venv.glob("lib/python*/site-packages")
        (packages / "swarmd.pth").write_text(f"{self.dest}\n{sysconfig.get_paths()['purelib']}\n")
        program = venv / "bin" / "swarmd"
        program.write_text(f'#!/bin/sh\nexec "{venv}/bin/python" -P -m swarmd "$@"\n')
        program.chmod(0o755)
        pinned = b"".join((self.checkout / name).read_bytes() for name in ("requirements/run.txt", "pyproject.toml"))
        (venv / ".installed").write_text(f"run {hashlib.sha256(pinned).hexdigest()} {self.dest}\n")

    def daemon(self) -> int:
        """The pid of whoever holds the home there, or 0."""
        running = daemon_of(Home(self.home))
        return running.pid if running is not None else 0

    def campaign(self) -> tuple[str, str]:
        asked = Projection.from_journal(self.home / "state" / "journal").view().campaign
        return ("", "") if asked is None else (asked.id, asked.status)

    def swarmd(self, *words: str) -> dict[str, Any]:
        command = [str(self.dest / ".venv" / "bin" / "swarmd"), "--home", str(self.home), *words, "--json"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=True)
        document: dict[str, Any] = json.loads(said.stdout)
        return document


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("deploy")
    with an_ssh_server(folder / "sshd") as server:
        made = Box(folder, server)
        try:
            yield made
        finally:
            # Whatever became of a test: monitors and daemon leave, and one that does not is ended.
            if (pid := made.daemon()) != 0:
                with contextlib.suppress(subprocess.SubprocessError):
                    made.swarmd("stop", "--now", "--timeout", "120")
                if made.daemon() == pid:
                    os.kill(pid, signal.SIGKILL)
            # The dashboard stays for somebody who may still be looking.
            if (there := served_at(Home(made.home))) is not None:
                os.kill(there.pid, signal.SIGTERM)


def steps(document: dict[str, Any]) -> dict[str, str]:
    return {each["step"]: each["did"] for each in document["steps"]}


def a_campaign(folder: Path) -> tuple[Path, Path]:
    """A campaign with a strategy of one's own beside it, over files that are no market: its runs end at once."""
    bars = folder / "local bars"
    (folder / "questions" / "mine").mkdir(parents=True, exist_ok=True)
    bars.mkdir(exist_ok=True)
    symbols = [f"COIN{n}" for n in range(200)]
    for symbol in symbols:
        (bars / f"{symbol}.csv").write_text("this,is,no,market\n1,2,3,4\n")
    (bars / "bulk.bin").write_bytes(os.urandom(1 << 20))
    campaign = folder / "questions" / "try.yaml"
    campaign.write_text(CAMPAIGN % ", ".join(symbols))
    mine = str(folder / "questions" / "mine")
    assert exit_code_of(["strategies", "new", "own", "--dir", mine, "--json"]) == 0
    return campaign, bars


def test_all_of_it_once_and_the_second_time_nothing(box: Box) -> None:
    campaign, bars = a_campaign(box.folder)
    box.prepare()
    asked = ("--campaign", str(campaign), "--data", str(bars))

    planned = box.deployed(*asked, "--dry-run")
    assert set(steps(planned).values()) == {"planned"}
    assert [path.name for path in box.dest.iterdir()] == [".venv"]

    first = box.deployed(*asked)
    assert {each["level"] for each in first["checks"]} <= {"ok", "warn"}
    assert {"python", "rsync", "disk", "memory", "cores", "gpu"} <= {each["name"] for each in first["checks"]}
    assert steps(first) == {
        "code": "done", "set up": "nothing", "campaign": "done", "strategy": "done", "data": "done", "start": "done",
    }  # fmt: skip
    # What is committed, all of it, the four links among it; and what the campaign names, where it looks for it.
    listed = subprocess.run(
        ["git", "-C", str(box.checkout), "ls-files", "-s", "-z"], capture_output=True, text=True, check=True
    ).stdout
    for line in listed.rstrip("\0").split("\0"):
        what, _, name = line.partition("\t")
        there, here = box.dest / name, box.checkout / name
        assert there.is_symlink() == what.startswith("120000"), name
        assert there.is_symlink() or (there.read_bytes(), os.access(there, os.X_OK)) == (
            here.read_bytes(), what.startswith("100755"),
        ), name  # fmt: skip
    assert (box.home / "bars" / "bulk.bin").read_bytes() == (bars / "bulk.bin").read_bytes()
    pid = box.daemon()
    assert box.campaign() == ("try", "active")
    # Its runs would go on failing beside the other tests.
    assert box.swarmd("pause")["status"] == "paused"
    assert str(box.dest / ".venv" / "bin" / "python") in Path(f"/proc/{pid}/cmdline").read_text()

    before = {path: path.lstat().st_mtime_ns for path in box.dest.rglob("*.py") if ".venv" not in path.parts}
    again = box.deployed(*asked)
    assert set(steps(again).values()) == {"nothing"}
    assert f"pid {pid}" in again["steps"][-1]["what"]
    assert {path: path.lstat().st_mtime_ns for path in before} == before


def test_new_code_goes_under_no_running_daemon_unless_it_is_drained(box: Box) -> None:
    pid = box.daemon()
    box.git("rm", "-q", "LICENSE")
    (box.checkout / "docs" / "new page.md").write_text("# new\n")
    box.git("add", "docs")
    box.git("commit", "-q", "-m", "new")
    (box.checkout / "README.md").write_text("changed, and not committed")

    refused = box.deploy()
    assert refused.returncode == 2
    assert f"a daemon runs there (pid {pid}), and 2 files would change under it; --restart" in refused.stderr
    assert "1 changed files are not committed, and not copied" in refused.stdout
    assert (box.dest / "LICENSE").exists()
    assert not (box.dest / "docs" / "new page.md").exists()

    done = box.deployed("--restart")
    assert steps(done) == {"stop": "done", "code": "done", "set up": "nothing", "start": "done"}
    assert box.daemon() not in (0, pid)
    assert box.campaign()[0] == "try"
    assert not (box.dest / "LICENSE").exists()
    assert (box.dest / "docs" / "new page.md").read_text() == "# new\n"
    assert (box.dest / "README.md").read_text() != "changed, and not committed"


def test_what_it_found_comes_back_as_a_home_of_its_own_without_its_secrets(box: Box, tmp_path: Path) -> None:
    (box.home / "state" / "notify.json").write_text("{}")
    back = tmp_path / "back"
    assert {each["what"].partition(":")[0] for each in box.deployed("--fetch", str(back))["steps"]} >= {
        "state", "results", "logs", "campaigns",
    }  # fmt: skip
    assert (back / "campaigns" / "try.yaml").exists()
    assert not (back / "state" / "run").exists()
    assert not (back / "state" / "notify.json").exists()
    token = (box.home / "state" / "run" / "dashboard.token").read_text().strip()
    assert [path for path in back.rglob("*") if path.is_file() and token.encode() in path.read_bytes()] == []
    asked = [sys.executable, "-m", "swarmd", "--home", str(back), "query", "--json"]
    said = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    assert (said["source"], said["campaign"]["name"]) == ("journal", "try")


def test_the_tunnel_leads_to_the_dashboard_and_its_token_stands_on_a_terminal_alone(box: Box) -> None:
    port = free_port()
    token = (box.home / "state" / "run" / "dashboard.token").read_text().strip()
    with subprocess.Popen(
        box.command("--tunnel", str(port)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as open_:
        assert open_.stdout is not None
        lines = [open_.stdout.readline().decode() for _ in range(2)]
        url = f"http://127.0.0.1:{port}/"
        assert lines[0] == f"tunnel    open: {url} until Ctrl-C\n"
        asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked, timeout=20) as page:
            assert b"<title>" in page.read()
        taken = box.deploy("--tunnel", str(port))
        assert (taken.returncode, taken.stderr) == (
            2,
            f"error: port {port} is taken here; choose another for --tunnel\n",
        )
        open_.send_signal(signal.SIGINT)
        rest = open_.stdout.read().decode()
    assert open_.returncode == 0
    assert token not in "".join(lines) + rest
    assert rest == "the tunnel is closed; the box goes on\n"

    pid, terminal = pty.fork()
    if pid == 0:
        command = box.command("--tunnel", str(port))
        os.execv(command[0], command)
    shown = b""
    while b"token=" not in shown or not shown.endswith(b"\n"):
        shown += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    assert re.findall(r"token=(\S+)", shown.decode()) == [token]


def free_port() -> int:
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port: int = asking.getsockname()[1]
        return port


# -- what fails is told, with what to do ------------------------------------------------------------------------------


def test_a_place_that_holds_something_else_is_left_alone(box: Box) -> None:
    for name, told in ((".git", "is a git checkout made by hand"), ("thesis.tex", "holds something else")):
        place = box.folder / name.strip(".")
        place.mkdir()
        (place / name).write_text("mine")
        said = box.deploy(dest=place)
        assert said.returncode == 2
        assert f"is not fit, nothing was changed: place: {place} {told}" in said.stderr
        assert [path.name for path in place.iterdir()] == [name]


def test_who_is_not_let_in_or_meets_a_stranger_is_told_what_to_do(box: Box) -> None:
    server = box.server
    words = server.words()
    script = [sys.executable, str(box.checkout / "scripts" / "deploy")]

    def refused(*asked: str) -> tuple[int, str]:
        said = subprocess.run([*script, *asked], capture_output=True, text=True, timeout=WITHIN_S, check=False)
        assert said.stderr.count("\n") == 1, said.stderr
        return said.returncode, said.stderr

    stranger = [word.replace(str(server.identity), str(server.folder / "stranger")) for word in words]
    code, told = refused(*stranger)
    assert (code, "no key of ours is accepted; add yours there (`ssh-copy-id`)" in told) == (2, True), told

    empty, other = server.folder / "empty", server.folder / "other"
    empty.touch()
    code, told = refused(*[word.replace("known_hosts", "empty") for word in words])
    assert (code, f"its host key is not known here; compare its fingerprint while you log in once by hand: "
                  f"`ssh -p {server.port} 127.0.0.1`" in told) == (2, True), told  # fmt: skip
    # Nobody was added to it behind anybody's back.
    assert empty.read_text() == ""

    other.write_text(f"[127.0.0.1]:{server.port} {(server.folder / 'stranger.pub').read_text()}")
    code, told = refused(*[word.replace("known_hosts", "other") for word in words])
    assert (code, f"ssh-keygen -R '[127.0.0.1]:{server.port}'" in told) == (2, True), told

    nobody = [word.replace(str(server.port), str(free_port())) for word in words]
    code, told = refused(*nobody)
    assert (code, "nobody listens there; is the box up, and the port right (--port)?" in told) == (1, True), told


def test_bars_that_cannot_fit_are_refused_before_the_first_is_sent(box: Box, tmp_path: Path) -> None:
    with (tmp_path / "huge.parquet").open("wb") as file:
        file.truncate(1 << 43)  # a hole: it takes no room here
    said = box.deploy("--data", str(tmp_path))
    assert said.returncode == 2
    assert "takes 8192.0 GiB, and " in said.stderr
    assert not (box.home / "campaigns" / "data").exists()


def test_where_there_is_no_home_nothing_is_fetched(box: Box, tmp_path: Path) -> None:
    said = box.deploy("--fetch", str(tmp_path / "back"), dest=box.folder / "nothing here")
    assert said.returncode == 2
    assert (
        said.stderr == f"error: 127.0.0.1: there is no home at {box.folder}/nothing here/swarm; name it with --home\n"
    )
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(
    ("printed", "code", "told"),
    [
        ('rsync: [receiver] write failed on "/x/y": No space left on device (28)\nrsync error: (code 11)',
         2, "its disk is full; free some"),
        ("rsync: [generator] recv_generator: mkdir failed: Permission denied (13)", 2, "may not be written to by"),
        ("rsync: [generator] mkdir failed: Read-only file system (30)", 2, "cannot be written to"),
        ("bash: line 1: rsync: command not found\nrsync error: error in protocol (code 12)", 2, "install -y rsync"),
        ("ssh: Could not resolve hostname box: Name or service not known", 2, "no machine of that name"),
        ("ssh: connect to host box port 22: Connection timed out", 1, "no answer within 10 s"),
        ("root@box: Permission denied (publickey).", 2, "no key of ours is accepted"),
        ("client_loop: send disconnect: Broken pipe", 1, "run the same command again, it goes on where it stood"),
        ("[sender] io timeout after 60 seconds -- exiting\nrsync error: timeout in data send/receive (code 30)", 1,
         "stood still for a minute"),
        ("error: campaign.yaml:3:1: name: is missing", 2, "campaign.yaml:3:1: name: is missing"),
    ],
)  # fmt: skip
def test_what_ssh_and_rsync_print_becomes_one_line_with_what_to_do(
    printed: str, code: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    plan = import_module("deploy_plan")
    found = plan.trouble(plan.Target("root@box"), "copying data", printed, 2 if "error: c" in printed else 11)
    assert (found.code, found.told.startswith("root@box: copying data: ")) == (code, True)
    assert told in found.told


@pytest.mark.parametrize(
    "words",
    [
        ["-oProxyCommand=touch x"],
        ["box", "--port", "0"],
        ["box", "--port", "70000"],
        ["box", "--dest", "/"],
        ["box", "--dest", "~"],
        ["box", "--home", "~other/swarm"],
        ["box", "--option", "StrictHostKeyChecking"],
        ["box", "--campaign", "nowhere.yaml"],
        ["box", "--data", "nowhere"],
        ["two words"],
    ],
)
def test_words_that_cannot_be_are_refused_before_anybody_is_asked(words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "deploy"), *words]
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=WITHIN_S, check=False)
    assert said.returncode == 2
    assert "scripts/deploy: error: " in said.stderr
    assert list(tmp_path.iterdir()) == []


# -- the box as it is found -------------------------------------------------------------------------------------------


def looked_over(folder: Path, *programs: str, **scripts: str) -> dict[str, Any]:
    """The question, asked of this machine with only so many programs in reach; and how its answer is judged."""
    reach = folder / "bin"
    reach.mkdir()
    for name in ("id", "uname", "nproc", "awk", "df", "dirname", "head", "tail", "ls", "grep", "timeout", *programs):
        (reach / name).symlink_to(shutil.which(name) or f"/nowhere/{name}")
    for name, text in scripts.items():
        (reach / name.replace("_", "-")).write_text(f"#!/bin/sh\n{text}\n")
        (reach / name.replace("_", "-")).chmod(0o755)
    told = subprocess.run(
        [sys.executable, "-c", LOOK, str(folder / "dest"), str(reach)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(told.stdout)
    return document


def test_a_bare_box_is_told_what_it_lacks(tmp_path: Path) -> None:
    found = looked_over(tmp_path)
    assert {name for name, each in found.items() if each["level"] == "fail"} == {"python", "rsync"}
    assert "apt-get install -y rsync" in found["rsync"]["fix"]
    assert found["gpu"]["found"] == "none (no nvidia-smi): lanes compute on the CPU"
    assert found["cores"]["found"] == str(os.cpu_count())


def test_a_gpu_is_told_as_its_driver_tells_it_and_a_driver_that_fails_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    card = "NVIDIA H100 80GB HBM3, 81559 MiB, 535.183.06"
    assert looked_over(tmp_path / "a", nvidia_smi=f"echo '{card}'; echo '{card}'")["gpu"] == {
        "name": "gpu", "level": "ok", "found": f"{card}; {card}", "fix": "",
    }  # fmt: skip
    found = looked_over(
        tmp_path / "b", nvidia_smi="echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18"
    )
    assert found["gpu"]["level"] == "warn"
    assert "version mismatch" in found["gpu"]["found"]
