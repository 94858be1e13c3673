#!/usr/bin/env python3
"""Command lines of ``scripts/deploy``: how ssh and rsync are called, what is run where, and what their complaints mean.

Pure: options and paths in, words out; what a program printed in, a sentence for a person out.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

# Nobody is there to be asked for a password or a fingerprint, and nothing waits for ever.
_SSH = ("BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=15", "ServerAliveCountMax=4")
_STALLED_S = 60
PARTIAL = ".rsync-partial"
# What comes back: all that was found, and the journal, so that the copy can be asked as a home is.
FETCHED = ("results", "champions", "exports", "docs", "campaigns", "state", "logs")
# Locks and tokens, requests under way, addresses of people, files half written.
_NOT_FETCHED = ("/run/", "/inbox/", "/notify.json", ".*.[0-9]*-[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """The other side, as ssh is told of it. ``options`` are ``NAME=VALUE`` and win over ours."""

    host: str
    port: int | None = None
    identity: str = ""
    options: tuple[str, ...] = ()

    def ssh(self) -> list[str]:
        words = ["ssh", *(word for option in self.options for word in ("-o", option))]
        words += [word for option in _SSH for word in ("-o", option)]
        words += ["-p", str(self.port)] if self.port else []
        words += ["-i", self.identity, "-o", "IdentitiesOnly=yes"] if self.identity else []
        return words

    def run(self, script: str) -> list[str]:
        """One line of shell on the other side."""
        return [*self.ssh(), "-T", "--", self.host, script]

    def tunnel(self, here: int, there: int) -> list[str]:
        forward = ["-L", f"127.0.0.1:{here}:127.0.0.1:{there}"]
        return [*self.ssh(), "-N", "-o", "ExitOnForwardFailure=yes", *forward, "--", self.host]

    def _rsync(self, *words: str) -> list[str]:
        # -s: paths reach the other side as they are, whatever blanks or stars stand in them.
        return ["rsync", "-s", f"--timeout={_STALLED_S}", "-e", shlex.join(self.ssh()), *words]

    def put_code(self, folder: str, dest: str, *, is_try: bool = False) -> list[str]:
        """By content, not by time: a file that is the same keeps its time, and with it the kernels compiled from it."""
        words = ["-rlpc", "--out-format=%i %n", *(["--dry-run"] if is_try else [])]
        return self._rsync(*words, f"{folder}/", f"{self.host}:{dest}/")

    def put(self, source: str, dest: str, *, shows: bool) -> list[str]:
        """Files of a user, resumed where a former copy broke off; a half one never stands under its own name."""
        words = ["-rt", "--copy-links", f"--partial-dir={PARTIAL}", "--stats", *(["--info=progress2"] if shows else [])]
        return self._rsync(*words, source, f"{self.host}:{dest}")

    def get(self, part: str, dest: str, *, shows: bool) -> list[str]:
        words = ["-rt", f"--partial-dir={PARTIAL}", "--stats", *(["--info=progress2"] if shows else [])]
        words += [f"--exclude={each}" for each in _NOT_FETCHED]
        return self._rsync(*words, f"{self.host}:{part}/", f"{dest}/")


@dataclass(frozen=True, slots=True)
class Places:
    """Absolute paths on the other side. ``roots`` are RESULTS_ROOT and the like, where they were moved."""

    dest: str
    home: str
    roots: Mapping[str, str] = field(default_factory=dict)

    @property
    def campaigns(self) -> str:
        """Beside what comes of them, so that one folder is all there is to keep."""
        return f"{self.home}/campaigns"

    def part(self, name: str) -> str:
        """Where a part of the home lies: ``results``, ``state``, ``logs`` may have been moved."""
        return self.roots.get(f"{name.upper()}_ROOT", f"{self.home}/{name}")

    def environment(self) -> str:
        named = {"SWARMD_HOME": self.home, **self.roots}
        return " ".join(f"{name}={shlex.quote(value)}" for name, value in named.items())

    def swarmd(self, *words: str) -> str:
        return f"{self.environment()} {shlex.quote(f'{self.dest}/.venv/bin/swarmd')} {shlex.join(words)}"

    def started(self, *words: str) -> str:
        script = shlex.quote(f"{self.dest}/scripts/start_swarm_watchdogs.sh")
        return f"cd {shlex.quote(self.home)} && {self.environment()} {script} {shlex.join(words)}".rstrip()

    def set_up(self, python: str) -> str:
        chosen = f"SWARMD_PYTHON={shlex.quote(python)} " if python else ""
        return f"{chosen}{shlex.quote(f'{self.dest}/scripts/setup')} run"


def placed(user_home: str, *, dest: str, home: str, roots: Mapping[str, str]) -> Places:
    """Paths as a person writes them, made absolute: a relative one counts from the user's home on the other side."""
    there = _absolute(user_home, dest)
    return Places(
        dest=there,
        home=_absolute(user_home, home) if home else f"{there}/swarm",
        roots={name: _absolute(user_home, path) for name, path in roots.items() if path},
    )


def _absolute(user_home: str, path: str) -> str:
    own = path.removeprefix("~/") if path != "~" else "."
    return str(PurePosixPath(user_home) / own)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong, for a person; ``code`` 2 where they can mend it, 1 where the outside failed."""

    told: str
    code: int


# Looked for in this order in what ssh or rsync printed.
_COMPLAINTS: Sequence[tuple[str, str, int]] = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED",
     "its host key is not the one known from before: another machine answers, or it was set up anew; if you know that "
     "it was, `ssh-keygen -R {known}` and log in once by hand", 2),
    ("Host key verification failed",
     "its host key is not known here; compare its fingerprint while you log in once by hand: `{by_hand}`", 2),
    ("Permission denied (13)", "the place may not be written to by this user; take another --dest or --home", 2),
    ("Permission denied (",
     "it did not let us in: no key of ours is accepted; add yours there (`ssh-copy-id`), or name one: --identity", 2),
    ("Too many authentication failures", "too many keys were offered; name the right one with --identity", 2),
    ("Could not resolve hostname", "there is no machine of that name", 2),
    ("Address already in use", "the port is taken here; choose another for --tunnel", 2),
    ("Connection refused", "nobody listens there; is the box up, and the port right (--port)?", 1),
    ("Connection timed out", "no answer within 10 s; is the box up, and the port right (--port)?", 1),
    ("Operation timed out", "no answer within 10 s; is the box up, and the port right (--port)?", 1),
    ("No route to host", "there is no way to it; is the box up?", 1),
    ("No space left on device", "its disk is full; free some, or take another --dest or --home", 2),
    ("Disk quota exceeded", "its disk is full; free some, or take another --dest or --home", 2),
    ("Read-only file system", "the place cannot be written to; take another --dest or --home", 2),
    ("Permission denied", "the place may not be written to by this user; take another --dest or --home", 2),
    ("rsync: command not found", "there is no rsync on the box: `apt-get install -y rsync`", 2),
    ("rsync: not found", "there is no rsync on the box: `apt-get install -y rsync`", 2),
    ("closed by remote host", "the connection was closed; run the same command again, it goes on where it stood", 1),
    ("Broken pipe", "the connection broke; run the same command again, it goes on where it stood", 1),
    ("timeout in data", "the copy stood still for a minute; run the same command again, it goes on where it stood", 1),
)  # fmt: skip


def trouble(target: Target, what: str, said: str, code: int) -> Trouble:
    """One line out of what a failed ssh or rsync printed."""
    port = f"[{target.host.rpartition('@')[2]}]:{target.port}" if target.port else target.host.rpartition("@")[2]
    words = {"known": shlex.quote(port), "by_hand": _by_hand(target)}
    for complaint, meaning, exit_code in _COMPLAINTS:
        if complaint.lower() in said.lower():
            return Trouble(f"{target.host}: {what}: {meaning.format(**words)}", exit_code)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    last = (errors or lines or [f"exit code {code}"])[-1]
    return Trouble(f"{target.host}: {what}: {last}", 2 if code == 2 else 1)


def _by_hand(target: Target) -> str:
    port = f" -p {target.port}" if target.port else ""
    return f"ssh{port} {target.host}"


def n_changed(listed: str) -> int:
    """Files and links of rsync's own list that were, or would be, made or altered; folders aside."""
    return sum(1 for line in listed.splitlines() if re.match(r"[<>ch.][fL]\S+ ", line))


def copied(stats: str) -> tuple[int, int, int]:
    """Files, files sent, and their bytes, out of what ``--stats`` prints."""

    def number(name: str) -> int:
        found = re.search(rf"^{name}: ([\d,.]+)", stats, re.MULTILINE)
        return int(re.sub(r"\D", "", found[1])) if found else 0

    files = re.search(r"^Number of files: [\d,.]+ \(reg: ([\d,.]+)", stats, re.MULTILINE)
    n_files = int(re.sub(r"\D", "", files[1])) if files else 0
    return n_files, number("Number of regular files transferred"), number("Total transferred file size")
