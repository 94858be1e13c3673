#!/usr/bin/env python3
"""The hands of ``scripts/deploy``: runs ssh, rsync and git, each within its time, and hands on what went wrong."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy_plan import Target, Trouble, trouble

ROOT = Path(__file__).resolve().parent.parent
_VANISHED = 24  # rsync: a file of a daemon at work was replaced while the list was made; the next copy has it
_TUNNEL_WITHIN_S = 20.0


class Failed(Exception):  # noqa: N818  (what it is)
    """Ends the command: one line, and the exit code."""

    def __init__(self, what: Trouble) -> None:
        super().__init__(what.told)
        self.code = what.code


def over_there(target: Target, script: str, *, what: str, within_s: float, fed: str = "") -> str:
    """What a line of shell prints on the other side. Raises Failed."""
    return _called(target, target.run(script), what=what, within_s=within_s, fed=fed).stdout


def tried_over_there(target: Target, script: str, *, what: str, within_s: float) -> subprocess.CompletedProcess[str]:
    """The same where a refusal is an answer too; only ssh's own failures (255) are raised."""
    return _called(target, target.run(script), what=what, within_s=within_s, may_refuse=True)


def copied_over(target: Target, command: Sequence[str], *, what: str, within_s: float, shows: bool = False) -> str:
    """One rsync; its progress goes to the terminal where somebody watches. Gives back what it lists."""
    return _called(target, command, what=what, within_s=within_s, shows=shows).stdout


def _called(
    target: Target,
    command: Sequence[str],
    *,
    what: str,
    within_s: float,
    fed: str = "",
    may_refuse: bool = False,
    shows: bool = False,
) -> subprocess.CompletedProcess[str]:
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        )
    except FileNotFoundError as missing:
        told = f"there is no {command[0]} on this machine; install it (`apt-get install -y {_package(command[0])}`)"
        raise Failed(Trouble(told, 2)) from missing
    with process:
        try:
            out, err = _shown(process, within_s) if shows else process.communicate(fed, timeout=within_s)
        except subprocess.TimeoutExpired as late:
            process.kill()
            process.communicate()
            told = f"{target.host}: {what}: not done within {within_s:g} s; run the same command again"
            raise Failed(Trouble(told, 1)) from late
        except BaseException:
            process.terminate()
            raise
    code = process.returncode
    is_answer = code == 0 or (may_refuse and code != 255) or (command[0] == "rsync" and code == _VANISHED)
    if not is_answer:
        raise Failed(trouble(target, what, err + out, code))
    return subprocess.CompletedProcess(command, code, out, err)


def _shown(process: subprocess.Popen[str], within_s: float) -> tuple[str, str]:
    """Its output as it comes, and kept. What it complains of is told when it ends."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdin = None
    kept = ""
    until = time.monotonic() + within_s
    while piece := process.stdout.read(64):
        kept += piece
        # The figures of --stats are for us.
        if "\nNumber of files" not in kept:
            print(piece, end="", file=sys.stderr, flush=True)
        if time.monotonic() > until:
            raise subprocess.TimeoutExpired(process.args, within_s)
    print(file=sys.stderr)
    process.stdout = None
    _, err = process.communicate(timeout=60)
    return kept, err


def _package(program: str) -> str:
    return "openssh-client" if program == "ssh" else program


# -- the checkout -----------------------------------------------------------------------------------------------------


def commit_here() -> tuple[str, int]:
    """The commit that is copied, and how many changed files are not in it. Raises Failed outside a git checkout."""
    commit = _git("rev-parse", "HEAD").strip()
    return commit, len(_git("status", "--porcelain", "--untracked-files=no").splitlines())


def exported(commit: str, folder: Path) -> list[str]:
    """The committed files in a folder of their own; gives back their names."""
    archive = folder.with_suffix(".tar")
    _git("archive", "--format=tar", f"--output={archive}", commit)
    folder.mkdir()
    subprocess.run(["tar", "-xf", str(archive), "-C", str(folder)], check=True, capture_output=True)
    archive.unlink()
    return [name for name in _git("ls-tree", "-r", "-z", "--name-only", commit).split("\0") if name]


def _git(*words: str) -> str:
    try:
        said = subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False, timeout=120
        )
    except FileNotFoundError as missing:
        raise Failed(Trouble("there is no git on this machine; what is copied is what is committed", 2)) from missing
    if said.returncode != 0:
        told = f"{ROOT} is not a git checkout, and what is copied is what is committed: {said.stderr.strip()}"
        raise Failed(Trouble(told, 2))
    return said.stdout


# -- the tunnel -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def a_tunnel(target: Target, here: int, there: int) -> Iterator[subprocess.Popen[str]]:
    """Open once connections go through; closed at the end. Raises Failed."""
    command = target.tunnel(here, there)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            until = time.monotonic() + _TUNNEL_WITHIN_S
            while not _listens(here) or process.poll() is not None:
                if process.poll() is not None or time.monotonic() > until:
                    process.kill()
                    said = process.communicate()[1]
                    raise Failed(trouble(target, f"tunnel to port {here}", said, process.returncode))
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        asking.settimeout(1)
        return asking.connect_ex(("127.0.0.1", port)) == 0


def is_free(port: int) -> bool:
    """Whether a tunnel may begin here: else what answers on it would be taken for ours."""
    return not _listens(port)
