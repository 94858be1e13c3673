#!/usr/bin/env python3
"""What is typed into the recorded terminal, and what is waited for; frames come back with the time each is shown."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

COLUMNS, ROWS = 104, 28
EVERY_S = 0.25
STILL_S = 1.6  # no picture is shown longer while something is waited for
READ_S = 3.6  # a picture that is there to be read
WITHIN_S = 1_200.0


class Frame(NamedTuple):
    """``lines`` with their colours as SGR escapes, shown for ``lasts_s`` seconds; ``scene`` is what it belongs to."""

    lasts_s: float
    lines: list[str]
    scene: str


class Terminal:
    """A tmux server of its own with one pane, captured while anything happens in it."""

    def __init__(self, folder: Path) -> None:
        self.socket = f"swarmd-recording-{os.getpid()}"
        self.frames: list[Frame] = []
        self.scene = ""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        # Nothing of the one who records shows: the prompt, the history and the place are the recording's own.
        self.environment = {name: os.environ[name] for name in ("HOME", "NUMBA_CACHE_DIR") if name in os.environ}
        self.environment |= {"PATH": path, "LANG": "C.UTF-8", "COLORTERM": "truecolor"}
        self.environment |= {"SWARMD_DASHBOARD": "off", "HISTFILE": "/dev/null"}
        size = ["-x", str(COLUMNS), "-y", str(ROWS), "-c", str(folder)]
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, "sleep 60")
        self._tmux("set", "-g", "status", "off")
        self._tmux("set", "-g", "default-terminal", "tmux-256color")
        self._tmux("respawn-pane", "-k", "-c", str(folder), "bash --norc --noprofile")
        self._tmux("send-keys", "-l", "PS1='$ '; clear")
        self._tmux("send-keys", "Enter")

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self.socket, *words], env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], capture_output=True, check=False)

    def look(self) -> list[str]:
        return self._tmux("capture-pane", "-e", "-p").rstrip("\n").split("\n")

    def show(self, lasts_s: float) -> None:
        """The picture of now, once more or for the first time."""
        lines = self.look()
        if self.frames and self.frames[-1].lines == lines and self.frames[-1].scene == self.scene:
            lasts_s += self.frames.pop().lasts_s
        self.frames.append(Frame(lasts_s, lines, self.scene))

    def type(self, text: str, *, enter: bool = True) -> None:
        """At the pace of a quick typist, a picture every few letters."""
        for at in range(0, len(text), 4):
            self._tmux("send-keys", "-l", "--", text[at : at + 4])
            time.sleep(0.05)
            self.show(0.13)
        self.show(0.4)
        if enter:
            self._tmux("send-keys", "Enter")

    def key(self, name: str) -> None:
        self._tmux("send-keys", name)
        time.sleep(0.6)

    def until(self, is_so: Callable[[], Any], *, pace: float = 1.0) -> Any:
        """Watch until it is so. ``pace`` below 1 plays it faster; a picture that stands still is cut short."""
        begun, still_s = time.monotonic(), 0.0
        while not (found := is_so()):
            if time.monotonic() - begun > WITHIN_S:
                raise subprocess.CalledProcessError(1, "the demonstration", "it did not get there in time")
            before = self.look()
            time.sleep(EVERY_S)
            still_s = still_s + EVERY_S if self.look() == before else 0.0
            if still_s < STILL_S:
                self.show(EVERY_S * pace)
        return found

    def watch(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(EVERY_S)
            self.show(EVERY_S)

    def prompt(self) -> bool:
        """Whether the shell waits for the next command."""
        lines = [line for line in self._tmux("capture-pane", "-p").rstrip().split("\n") if line]
        return bool(lines) and lines[-1].strip() == "$"

    def wait_hidden(self, is_so: Callable[[], Any]) -> Any:
        """As ``until``, with nothing shown."""
        begun = time.monotonic()
        while not (found := is_so()):
            if time.monotonic() - begun > WITHIN_S:
                raise subprocess.CalledProcessError(1, "the demonstration", "it did not get there in time")
            time.sleep(EVERY_S)
        return found

    def command(self, text: str, *, read_s: float = READ_S, clear: bool = True, pace: float = 1.0) -> None:
        if clear:
            self._tmux("send-keys", "-l", "clear")
            self._tmux("send-keys", "Enter")
            self._tmux("clear-history")
            time.sleep(0.3)
        self.type(text)
        time.sleep(0.3)
        self.until(self.prompt, pace=pace)
        self.show(read_s)


def recorded(folder: Path) -> list[Frame]:
    terminal = Terminal(folder)
    home = {"SWARMD_HOME": str(folder / "swarm")}

    def told(*words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "swarmd", *words], env=os.environ | home, capture_output=True, text=True, check=False
        )
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def busy_lane() -> Any:
        lanes = told("query", "--json").get("lanes", [])
        return next((lane for lane in lanes if lane["pid"] and (lane["progress"] or {}).get("done")), None)

    def closed_incident() -> Any:
        return next(iter(told("query", "--json").get("incidents", {}).get("closed_last", [])), None)

    try:
        time.sleep(0.5)
        terminal.scene = "start"
        terminal.command("swarmd start --demo --detach", read_s=2.0)
        terminal.scene = "watch"
        terminal.wait_hidden(busy_lane)
        terminal.type("swarmd status --watch")
        terminal.watch(7.0)
        terminal.key("C-c")
        terminal.wait_hidden(terminal.prompt)
        terminal.scene = "kill"
        lane = terminal.wait_hidden(busy_lane)
        terminal.command(f"kill -9 {lane['pid']}                 # a lane in the middle of its work", read_s=0.6)
        incident = terminal.wait_hidden(closed_incident)
        terminal.command("swarmd query incidents", clear=False, read_s=2.5)
        terminal.command(f"swarmd explain {incident['id']} | head -9", read_s=5.0)
        terminal.scene = "progress"
        terminal.command("clear", clear=False, read_s=0.0)
        terminal.type("swarmd monitor progress --plain")
        terminal.watch(6.0)
        terminal.key("C-c")
        terminal.wait_hidden(terminal.prompt)
        terminal.wait_hidden(lambda: told("query", "--json").get("goal", {}).get("reached"))
        if not told("query", "--json").get("champions"):
            raise subprocess.CalledProcessError(1, "the demonstration", "nobody was crowned")
        terminal.scene = "came out"
        terminal.command("swarmd champion certificate PLANTEDDEMO 5m | head -23", read_s=6.0)
        terminal.scene = "replay"
        terminal.command("swarmd replay", read_s=2.0)
        terminal.command("swarmd stop", read_s=4.0, clear=False, pace=0.12)
    finally:
        subprocess.run(
            [sys.executable, "-m", "swarmd", "stop", "--now"], env=os.environ | home, capture_output=True, check=False
        )
        terminal.close()
    for frame in terminal.frames:
        for line in frame.lines:
            if "Traceback" in line or line.startswith("error: "):
                raise subprocess.CalledProcessError(1, "the demonstration", line)
    return terminal.frames
