#!/usr/bin/env python3
"""What ``scripts/deploy`` was asked for, step by step; each says what it did, or that there was nothing to do.

One after the other: look the box over, copy the code, set it up, copy campaign and data, start, tunnel or fetch.
"""

import argparse
import json
import shlex
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

from deploy_asked import arguments
from deploy_box import Finding, judged, question, sized, understood
from deploy_plan import FETCHED, Places, Target, Trouble, copied, n_changed, placed
from deploy_shell import (
    Failed,
    a_tunnel,
    commit_here,
    copied_over,
    exported,
    is_free,
    over_there,
    tried_over_there,
)

_SHORT_S, _CODE_S, _START_S, _SET_UP_S, _DATA_S = 120, 600, 180, 1800, 86_400
_MANIFEST = ".deployed"


def main(told: str) -> int:
    asked = arguments(told)
    deployment = Deployment(asked)
    try:
        deployment.run()
    except Failed as why:
        deployment.tell()
        print(f"error: {why}", file=sys.stderr)
        return why.code
    except KeyboardInterrupt:
        print("broken off; run the same command again, it goes on where it stood", file=sys.stderr)
        return 130
    return 0


class Deployment:
    """One call of the command: the box as it was found, and what was done to it so far."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked = asked
        self.target = Target(asked.host, asked.port, asked.identity or "", tuple(asked.option))
        self.checks: tuple[Finding, ...] = ()
        self.steps: list[dict[str, Any]] = []
        self.dashboard: dict[str, Any] | None = None
        self.is_installed = False
        self.was_stopped = False
        self.shows = sys.stderr.isatty() and not asked.json
        self._is_told = False

    def run(self) -> None:
        asked = self.asked
        places = self._look()
        if not asked.only_looks_back:
            self._install(places)
            if asked.campaign or asked.data:
                self._put(places)
            if asked.campaign or self.was_stopped:
                self._start(places)
        if asked.fetch:
            self._fetch(places)
        if asked.tunnel:
            self._tunnel(places)
        self.tell()

    # -- the box ------------------------------------------------------------------------------------------------------

    def _look(self) -> Places:
        asked = self.asked
        script = question(_from_home(asked.dest), asked.python)
        answer = over_there(self.target, "sh -s", what="looking it over", within_s=_SHORT_S, fed=script)
        try:
            box = understood(answer)
        except ValueError as wrong:
            raise Failed(Trouble(f"{asked.host}: {wrong}; does its log-in shell run commands?", 1)) from wrong
        roots = {"RESULTS_ROOT": asked.results, "STATE_ROOT": asked.state, "LOGS_ROOT": asked.logs}
        places = placed(box.home, dest=asked.dest, home=asked.home, roots=roots)
        self.is_installed = box.is_installed
        if asked.only_looks_back:
            return places
        self.checks = judged(box, places.dest)
        if not asked.json:
            for each in self.checks:
                print(f"{each.level:<5} {each.name:<8} {each.found}" + (f"; {each.fix}" if each.fix else ""))
        failed = [each for each in self.checks if each.level == "fail"]
        if failed:
            told = "; ".join(f"{each.name}: {each.found}: {each.fix}" for each in failed)
            raise Failed(Trouble(f"{asked.host} is not fit, nothing was changed: {told}", 2))
        self._check_space(box.disk_bytes)
        return places

    def _check_space(self, free_bytes: int) -> None:
        """Bars that cannot fit are refused before anything is sent."""
        data: Path | None = self.asked.data
        taken = sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) if data else 0
        if taken > free_bytes:
            told = f"{data} takes {sized(taken)}, and {sized(free_bytes)} are free there; take a larger disk"
            raise Failed(Trouble(f"{self.asked.host}: {told}; nothing was changed", 2))

    def _daemon(self, places: Places) -> dict[str, Any] | None:
        """The state of the swarm there, where a daemon lives."""
        if not self.is_installed:
            return None
        said = tried_over_there(
            self.target, places.swarmd("status", "--json"), what="asking how it stands", within_s=_SHORT_S
        )
        try:
            document: dict[str, Any] = json.loads(said.stdout)
        except ValueError:
            return None
        return document if document.get("daemon", {}).get("alive") else None

    # -- the code -----------------------------------------------------------------------------------------------------

    def _install(self, places: Places) -> None:
        commit, n_uncommitted = commit_here()
        if n_uncommitted:
            self._note(f"{n_uncommitted} changed files are not committed, and not copied")
        with tempfile.TemporaryDirectory() as folder:
            code = Path(folder) / "code"
            names = exported(commit, code)
            (code / _MANIFEST).write_text("\n".join([commit, *names]) + "\n")
            self._copy_code(places, commit, names, str(code))
        if self.asked.dry_run:
            self._did("set up", "planned", places.set_up(self.asked.python))
            return
        script = places.set_up(self.asked.python)
        said = tried_over_there(self.target, script, what="setting it up", within_s=_SET_UP_S)
        if said.returncode != 0:
            last = (said.stderr.strip().splitlines() or [f"exit code {said.returncode}"])[-1]
            raise Failed(Trouble(f"{self.asked.host}: setting it up: {last}", said.returncode))
        is_new = "installing what" in said.stderr
        self._did("set up", "done" if is_new else "nothing", "what its lock pins is installed")
        self.is_installed = True

    def _copy_code(self, places: Places, commit: str, names: list[str], code: str) -> None:
        dest = shlex.quote(places.dest)
        before = over_there(
            self.target, f"cat {dest}/{_MANIFEST} 2>/dev/null || true", what="reading what it has", within_s=_SHORT_S
        ).split("\n")
        gone = sorted(name for name in set(before[1:]) - set(names) if name and ".." not in name and name[0] != "/")
        if self.asked.dry_run:
            self._did("code", "planned", f"{len(names)} files of commit {commit[:12]} to {places.dest}")
            return
        # The manifest is there before the first file: a copy that breaks off is known again as ours.
        made = f"mkdir -p {dest} && {{ [ -e {dest}/{_MANIFEST} ] || : >{dest}/{_MANIFEST}; }}"
        over_there(self.target, made, what="making the folder", within_s=_SHORT_S)
        if (running := self._daemon(places)) is not None:
            would = copied_over(
                self.target, self.target.put_code(code, places.dest, is_try=True), what="comparing", within_s=_CODE_S
            )
            if n_changed(would):
                self._stop_for_new_code(places, running, n_changed(would))
        if gone:
            over_there(
                self.target, f"cd {dest} && xargs -0 rm -f --", what="removing old files", within_s=_SHORT_S,
                fed="\0".join(gone),
            )  # fmt: skip
        listed = copied_over(
            self.target, self.target.put_code(code, places.dest), what="copying the code", within_s=_CODE_S
        )
        n = n_changed(listed)
        changed = [f"{n} files copied"] * bool(n) + [f"{len(gone)} removed"] * bool(gone)
        did = "done" if changed else "nothing"
        self._did("code", did, f"commit {commit[:12]} at {places.dest}" + "".join(f", {each}" for each in changed))

    def _stop_for_new_code(self, places: Places, running: dict[str, Any], n: int) -> None:
        if not self.asked.restart:
            told = (
                f"{self.asked.host}: a daemon runs there (pid {running['daemon']['pid']}), and {n} files would change "
                "under it; --restart drains it, copies and goes on; --fetch and --tunnel alone leave the code as it is"
            )
            raise Failed(Trouble(told, 2))
        over_there(self.target, places.swarmd("stop"), what="draining the lanes", within_s=600)
        self.was_stopped = True
        self._did("stop", "done", "lanes drained")

    # -- campaign and data --------------------------------------------------------------------------------------------

    def _put(self, places: Places) -> None:
        asked = self.asked
        if asked.dry_run:
            for path in (asked.campaign, asked.data):
                if path:
                    self._did("copy", "planned", f"{path} to {places.campaigns}/")
            return
        folder = places.campaigns
        over_there(
            self.target, f"umask 077; mkdir -p {shlex.quote(folder)}", what="making the folder", within_s=_SHORT_S
        )
        data_there = f"{folder}/data/{asked.data.name}" if asked.data else ""
        if asked.campaign:
            self._copy("campaign", str(asked.campaign), f"{folder}/")
            script = places.swarmd("config", "check", "--file-only", "--json", f"{folder}/{asked.campaign.name}")
            said = tried_over_there(self.target, script, what="reading the campaign", within_s=_SHORT_S)
            if said.returncode != 0:
                last = (said.stderr.strip().splitlines() or ["it cannot be read"])[-1]
                raise Failed(Trouble(f"{asked.campaign}: {last.removeprefix('error: ')}", 2))
            resolved = json.loads(said.stdout)["resolved"]
            # The file says where its bars are; seen from where it lies now.
            data_there = resolved["data"]["root"]
            self._copy_strategy(resolved["strategy"]["name"], folder)
        if asked.data:
            over_there(
                self.target, f"umask 077; mkdir -p {shlex.quote(data_there)}", what="making the folder",
                within_s=_SHORT_S,
            )  # fmt: skip
            self._copy("data", f"{asked.data}/", f"{data_there}/")

    def _copy_strategy(self, name: str, folder: str) -> None:
        """A strategy of one's own that the campaign names: from beside the file here to beside it there."""
        file, found, _ = name.rpartition(".py:")
        path = PurePosixPath(f"{file}.py")
        if not found or not path.is_relative_to(folder):
            return
        own = path.relative_to(folder)
        here = self.asked.campaign.parent / own
        if not here.is_file():
            raise Failed(Trouble(f"{self.asked.campaign} names the strategy {here}, which is not there", 2))
        made = shlex.quote(str(path.parent))
        over_there(self.target, f"umask 077; mkdir -p {made}", what="making the folder", within_s=_SHORT_S)
        self._copy("strategy", str(here), f"{path.parent}/")

    def _copy(self, step: str, source: str, dest: str) -> None:
        shows = self.shows and step == "data"
        if shows:
            print(f"copying {source} to {dest}", file=sys.stderr)
        command = self.target.put(source, dest, shows=shows)
        stats = copied_over(self.target, command, what=f"copying {source}", within_s=_DATA_S, shows=shows)
        n_files, n_sent, n_bytes = copied(stats)
        told = f"{n_sent} of {n_files} files ({n_bytes / 1e6:.1f} MB) copied" if n_sent else f"{n_files} files"
        self._did(step, "done" if n_sent else "nothing", f"{told} at {dest}")

    # -- starting -----------------------------------------------------------------------------------------------------

    def _start(self, places: Places) -> None:
        words = [f"{places.campaigns}/{self.asked.campaign.name}"] if self.asked.campaign else []
        if self.asked.dry_run:
            self._did("start", "planned", places.started(*words))
            return
        running = self._daemon(places)
        if running is not None:
            script = places.swarmd("ensure", "--json")
            did = json.loads(over_there(self.target, script, what="looking after it", within_s=_START_S))["did"]
            named = running.get("campaign") or {}
            self._did("start", did, f"runs already: pid {running['daemon']['pid']}, campaign {named.get('name')}")
            return
        script = f"umask 077; mkdir -p {shlex.quote(places.home)} && {places.started(*words, '--json')}"
        said = tried_over_there(self.target, script, what="starting", within_s=_START_S)
        if said.returncode != 0:
            last = (said.stderr.strip().splitlines() or [f"exit code {said.returncode}"])[-1]
            raise Failed(Trouble(f"{self.asked.host}: starting: {last.removeprefix('error: ')}", said.returncode))
        pid = json.loads(said.stdout)["pid"]
        self._did("start", "done", f"pid {pid}, home {places.home}")
        self._note(f"ask it: ssh {self.asked.host} {shlex.quote(places.swarmd('status'))}")

    # -- looking back -------------------------------------------------------------------------------------------------

    def _fetch(self, places: Places) -> None:
        folder: Path = self.asked.fetch
        named = {part: places.part(part) for part in FETCHED}
        if self.asked.dry_run:
            self._did("fetch", "planned", f"{', '.join(named)} to {folder}")
            return
        tests = "; ".join(f"[ ! -d {shlex.quote(path)} ] || echo {part}" for part, path in named.items())
        there = over_there(self.target, tests, what="looking for results", within_s=_SHORT_S).split()
        if not there:
            raise Failed(Trouble(f"{self.asked.host}: there is no home at {places.home}; name it with --home", 2))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for part in (part for part in FETCHED if part in there):
            (folder / part).mkdir(mode=0o700, exist_ok=True)
            command = self.target.get(named[part], str(folder / part), shows=self.shows)
            stats = copied_over(self.target, command, what=f"fetching {part}", within_s=_DATA_S, shows=self.shows)
            n_files, n_sent, n_bytes = copied(stats)
            told = f"{part}: {n_sent} of {n_files} files ({n_bytes / 1e6:.1f} MB)"
            self._did("fetch", "done" if n_sent else "nothing", told)
        self._note(f"ask it: swarmd --home {shlex.quote(str(folder))} query tracker")

    def _tunnel(self, places: Places) -> None:
        port: int = self.asked.tunnel
        if self.asked.dry_run:
            self._did("tunnel", "planned", f"http://127.0.0.1:{port}/ to the dashboard there")
            return
        running = self._daemon(places)
        there = (running or {}).get("dashboard")
        if not there:
            why = "no daemon runs there" if running is None else "its daemon serves no dashboard (--no-dashboard?)"
            raise Failed(Trouble(f"{self.asked.host}: no tunnel: {why}", 1))
        if not is_free(port):
            raise Failed(Trouble(f"port {port} is taken here; choose another for --tunnel", 2))
        with a_tunnel(self.target, port, int(there["url"].rstrip("/").rpartition(":")[2])) as process:
            # From here on Ctrl-C is the usual end, also of who has not read yet what stands here.
            try:
                self._tell_of_tunnel(f"http://127.0.0.1:{port}/", there["token_file"])
                process.wait()
            except KeyboardInterrupt:
                self._note("the tunnel is closed; the box goes on")
                return
            raise Failed(Trouble(f"{self.asked.host}: the tunnel broke; run the same command again", 1))

    def _tell_of_tunnel(self, url: str, token_file: str) -> None:
        self._did("tunnel", "open", f"{url} until Ctrl-C")
        self.dashboard = {"url": url, "token_file": token_file}
        reads = f"cat {shlex.quote(token_file)}"
        if sys.stdout.isatty() and not self.asked.json:
            token = over_there(self.target, reads, what="reading the token", within_s=_SHORT_S).strip()
            print(f"dashboard: {url}?token={token}", flush=True)
        else:
            # What is not a terminal may be a log.
            self._note(f"its token: ssh {self.asked.host} {shlex.quote(reads)}")
        self.tell()

    # -- telling ------------------------------------------------------------------------------------------------------

    def _did(self, step: str, did: str, what: str) -> None:
        """``did`` is `done`, `nothing` (it was so already), `planned`, or what the other side said."""
        self.steps.append({"step": step, "did": did, "what": what})
        if not self.asked.json:
            print(f"{step:<9} {'as it was' if did == 'nothing' else did}: {what}", flush=True)

    def _note(self, text: str) -> None:
        print(text, file=sys.stderr if self.asked.json else sys.stdout, flush=True)

    def tell(self) -> None:
        """The document, once: before a tunnel that stays open, or at the end, also of what failed."""
        if not self.asked.json or self._is_told:
            return
        self._is_told = True
        checks = [asdict(each) for each in self.checks]
        document = {"schema": "swarmd.deploy/1", "host": self.asked.host, "checks": checks, "steps": self.steps}
        print(json.dumps({**document, "dashboard": self.dashboard}, indent=2), flush=True)


def _from_home(dest: str) -> str:
    """As the other side's shell understands it, which stands in its home."""
    return dest.removeprefix("~/")
