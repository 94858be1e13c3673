"""A browser as a person has one, for the tests: a tab that remembers what went wrong in it, and a server to look at."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from swarmd.state.store.files import Home
from swarmd.supervisor.dashboard.address import Address, last_address, served_at

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WITHIN_S = 60.0


def waited_for(condition: Callable[[], Any]) -> Any:
    until = time.monotonic() + WITHIN_S
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.05)
    return found


def until(page: Any, claim: str) -> None:
    """Until it is so. Asked from outside: the page's own policy lets nobody put code into it."""
    waited_for(lambda: page.evaluate(claim))


@dataclass
class Server:
    """``swarmd serve`` as a process of its own; the same port again after ``end`` and ``begin``."""

    home: Home
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> "Server":
        words = [sys.executable, "-P", "-m", "swarmd", "serve", "--home", str(self.home.root), *self.options]
        before = self.address.port if self.process else 0
        words += ["--port", str(before)]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        pid = self.process.pid
        waited_for(lambda: (there := served_at(self.home)) is not None and there.pid == pid)
        return self

    def end(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def address(self) -> Address:
        there = last_address(self.home)
        assert there is not None
        return there


@dataclass
class Tab:
    """A page of a browser of its own, which remembers what went wrong in it."""

    page: Any
    server: Server
    faults: list[str] = field(default_factory=list)
    expects_loss: bool = False

    def watch(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("response", self._came)

    def _said(self, message: Any) -> None:
        lost = self.expects_loss and "net::ERR" in message.text
        if message.type in ("error", "warning") and not lost:
            self.faults.append(f"{message.type}: {message.text}")

    def _came(self, response: Any) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")

    def go(self, path: str) -> Any:
        self.page.goto(self.server.address.url.rstrip("/") + path)
        self.page.wait_for_selector("#page[data-page]")
        return self.page

    def sees(self, text: str, within: str = "body") -> None:
        self.page.locator(within).filter(has_text=text).first.wait_for(timeout=WITHIN_S * 1000)
