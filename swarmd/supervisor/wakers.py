"""What turns the cycle sooner than its second: a run's end, a datagram of a run, a request, a vanished state file.

All of it only sets one event. A lost or doubled wake-up costs nothing: the cycle looks at everything anyway.
"""

import asyncio
import contextlib
import signal
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from watchdog.events import FileDeletedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from swarmd.state.store.files import Home
from swarmd.supervisor.logs import log

# sockaddr_un holds 108 bytes with the final zero; a home nested deeper does without datagrams.
_SOCKET_PATH_MAX = 107


class Wakers:
    """Everything that may set ``wake``, from entering to leaving."""

    def __init__(self, home: Home, wake: asyncio.Event) -> None:
        self._home = home
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._watched: set[int] = set()
        self._observer = Observer()
        self._socket: socket.socket | None = None
        self.notify_socket = ""
        self.has_lost_a_run = False
        self.has_child_news = True
        self.hears_requests = True

    def watch(self, pidfd: int) -> None:
        """Wake when this process ends. A pidfd stays readable after that, so it is watched once."""
        self._watched.add(pidfd)
        self._loop.add_reader(pidfd, self._ended, pidfd)

    def unwatch(self, pidfd: int) -> None:
        if pidfd in self._watched:
            self._watched.discard(pidfd)
            self._loop.remove_reader(pidfd)

    def _ended(self, pidfd: int) -> None:
        self.unwatch(pidfd)
        self.has_lost_a_run = True
        self._wake.set()

    def _child_changed(self) -> None:
        self.has_child_news = True
        self._wake.set()

    def take_child_news(self) -> bool:
        """Whether a child has stopped, gone on or ended since this was last asked."""
        has_news, self.has_child_news = self.has_child_news, False
        return has_news

    def take_haste(self) -> bool:
        """Whether a run has ended since this was last asked."""
        is_hasty, self.has_lost_a_run = self.has_lost_a_run, False
        return is_hasty

    def __enter__(self) -> Self:
        self._listen()
        self._loop.add_signal_handler(signal.SIGCHLD, self._child_changed)
        # Only what is named in the filters reaches us: the daemon itself replaces some ten files there each second. The
        # outboxes are not watched at all; a run that has something to say sends a datagram, or ends.
        try:
            self._observer.schedule(
                _OnArrival(self._loop, self._wake), str(self._home.inbox), event_filter=[FileMovedEvent]
            )
            self._observer.schedule(
                _OnDeletion(self._loop, self._wake), str(self._home.state), event_filter=[FileDeletedEvent]
            )
            self._observer.start()
        except OSError as error:
            self.hears_requests = False
            log.warning("no inotify (%s): requests and results are seen once a cycle instead", error.strerror)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.remove_signal_handler(signal.SIGCHLD)
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(timeout=2)
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            with contextlib.suppress(OSError):
                Path(self.notify_socket).unlink()

    def _listen(self) -> None:
        path = self._home.run_dir / "notify.sock"
        if len(str(path).encode()) > _SOCKET_PATH_MAX:
            log.info("the home's path is too long for a socket: runs are seen once a cycle instead")
            return
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            path.unlink(missing_ok=True)
            listening.bind(str(path))
            path.chmod(0o600)
        except OSError as error:
            listening.close()
            log.warning("no socket for runs (%s): they are seen once a cycle instead", error.strerror)
            return
        self._socket = listening
        self.notify_socket = str(path)
        self._loop.add_reader(self._socket, self._heard)

    def _heard(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(4096)
                self._wake.set()


class _OnArrival(FileSystemEventHandler):
    """Requests are moved into the inbox under their name, whole."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
        self._loop = loop
        self._wake = wake

    def on_moved(self, event: FileSystemEvent) -> None:
        if str(event.dest_path).endswith(".json"):
            _set(self._loop, self._wake)


class _OnDeletion(FileSystemEventHandler):
    def __init__(self, loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
        self._loop = loop
        self._wake = wake

    def on_deleted(self, event: FileSystemEvent) -> None:
        if str(event.src_path).endswith(".json") and not Path(str(event.src_path)).name.startswith("."):
            _set(self._loop, self._wake)


def _set(loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop may have closed while an event was on its way
        loop.call_soon_threadsafe(wake.set)
