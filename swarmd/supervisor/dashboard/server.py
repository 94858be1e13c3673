"""The dashboard as a process: takes a port, says where it is, serves until it is told to leave or is not needed.

Called by ``swarmd serve``. One that the daemon started (*kept*) leaves by itself once there has been neither a daemon
nor an open page for a while: a page left open goes on telling what is known after the daemon has gone, and nothing is
left behind where nobody looks.
"""

import asyncio
import contextlib
import os
import resource
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import uvicorn

from swarmd import __version__
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, is_locked, lock_file
from swarmd.state.units import iso
from swarmd.supervisor.dashboard.address import (
    LOOPBACK,
    PORT,
    Address,
    hold_path,
    last_address,
    token_of,
    write_address,
)
from swarmd.supervisor.dashboard.app import Site
from swarmd.supervisor.dashboard.guard import Guard, Keys

_TRIES = 10
_LINGERS_S = 60.0
_WATCHED_EVERY_S = 2.0
_LEAVES_WITHIN_S = 2
# A reader that a thousand pages ask must not take a processor from the cycle or a lane.
_NICE = 10
_BACKLOG = 2_048
_PAUSE_S = 0.01


def run_server(
    home: Home,
    *,
    host: str = LOOPBACK,
    port: int | None = None,
    names: Iterable[str] = (),
    read_only: bool = False,
    is_kept: bool = False,
    on_ready: Callable[[Address], None] = lambda address: None,
) -> None:
    """Serve until interrupted. ``port`` None: the last one, the usual one, or whichever is free; 0: any.

    Raises OperatorError where the address cannot be had.
    """
    home.prepare()
    hold = lock_file(hold_path(home), {"pid": os.getpid()})
    try:
        with listening(host, ports(home, port)) as listener:
            address = _address(home, host, listener, read_only=read_only)
            if hold is not None:  # a second server beside the first is not the one to be found
                write_address(home, address)
            with contextlib.suppress(OSError):
                os.nice(_NICE)
            _raise_file_limit()
            on_ready(address)
            keys = Keys(address.token, address.port)
            allowed = {*names, _in_url(host), *([socket.gethostname()] if host in ("0.0.0.0", "::") else [])}
            asyncio.run(_serve(home, listener, keys, allowed, read_only=read_only, is_kept=is_kept))
    finally:
        if hold is not None:
            os.close(hold)


async def _serve(
    home: Home, listener: socket.socket, keys: Keys, names: Iterable[str], *, read_only: bool, is_kept: bool
) -> None:
    site = Site(home, keys, read_only=read_only)
    config = uvicorn.Config(
        Guard(site.app(), keys, names=names, read_only=read_only),
        log_config=None,
        access_log=False,  # an address with a token is not to be written down
        server_header=False,
        lifespan="off",
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_LEAVES_WITHIN_S,
        h11_max_incomplete_event_size=16 << 10,
    )
    server = uvicorn.Server(config)

    def leave() -> None:
        server.should_exit = True

    # Of the three only the server ends by itself; the others are told to.
    tasks = [
        asyncio.create_task(site.stream.tick(), name="tick"),
        asyncio.create_task(_read_trials(site), name="trials"),
        asyncio.create_task(_watch(home, site, leave, is_kept=is_kept), name="watch"),
        asyncio.create_task(_end_streams(server, site), name="end streams"),
    ]
    try:
        await server.serve(sockets=[listener])
    finally:
        site.stream.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _end_streams(server: uvicorn.Server, site: Site) -> None:
    """Streams have no end of their own: told to leave, the server would wait for them until its time is up."""
    while not server.should_exit:
        await asyncio.sleep(0.1)
    site.stream.stop()


async def _read_trials(site: Site) -> None:
    """The book of trials, read on in small steps between the answers."""
    while True:
        site.answers.book.look()
        await asyncio.sleep(_PAUSE_S if site.answers.book.is_behind else 1.0 if site.stream.n_clients else 5.0)


async def _watch(home: Home, site: Site, leave: Callable[[], None], *, is_kept: bool) -> None:
    """Leave when the home is gone, and a kept one when nobody works and nobody looks any more."""
    needed_at = time.monotonic()
    while True:
        await asyncio.sleep(_WATCHED_EVERY_S)
        now = time.monotonic()
        if not Path(home.run_dir).is_dir():
            leave()
        if is_locked(home.daemon_lock) or site.stream.n_clients:
            needed_at = now
        if is_kept and now - needed_at > _LINGERS_S:
            leave()


# -- the address ------------------------------------------------------------------------------------------------------


def ports(home: Home, asked: int | None) -> list[int]:
    """Which to try, in this order: where the page was before, it is found again after a restart."""
    if asked is not None:
        return [asked]
    before = last_address(home)
    return list(dict.fromkeys([*([before.port] if before else []), *range(PORT, PORT + _TRIES), 0]))


@contextlib.contextmanager
def listening(host: str, tries: Iterable[int]) -> Iterator[socket.socket]:
    listener = _listener(host, tries)
    try:
        yield listener
    finally:
        listener.close()


def _listener(host: str, tries: Iterable[int]) -> socket.socket:
    flaw: OSError | None = None
    tried = 0
    for tried in tries:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, tried), family=family, backlog=_BACKLOG)
        except OSError as cause:
            flaw = cause
    reason = flaw.strerror if flaw is not None else "no port was tried"
    raise OperatorError(
        f"cannot listen on {host} port {tried}: {reason}; choose another with --port N (0: any), or another --host"
    )


def _address(home: Home, host: str, listener: socket.socket, *, read_only: bool) -> Address:
    port = listener.getsockname()[1]
    shown = LOOPBACK if host in ("0.0.0.0", "::") else _in_url(host)
    now = iso(time.time_ns() // 1_000_000)
    return Address(f"http://{shown}:{port}/", port, os.getpid(), token_of(home), __version__, now, read_only)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _raise_file_limit() -> None:
    """A stream is a descriptor: as many as this process may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
