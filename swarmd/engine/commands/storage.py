"""`swarmd storage`: studies that several machines work on: serve them, see whether they answer, work on them."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import click

from swarmd.engine.commands.search_flags import home_in_force
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.storage import GRPC_LOOPBACK
from swarmd.state.storage_address import host_and_port, is_ours, shown, storage_at, studies_path
from swarmd.state.store.files import Home, is_locked

# A proxy that no daemon keeps any more leaves when nobody has asked it for so long: runs outlive a killed daemon.
_LEFT_ALONE_S = 900.0


@click.group(epilog="Example: swarmd storage serve     and on another machine: swarmd storage work grpc://HOST:8788")
def storage() -> None:
    """Studies on a server, where several machines work on them.

    A campaign with `storage: {kind: grpc}` has its own proxy, kept by the daemon; `serve` is for searches by hand. The
    protocol knows no password: let other machines in through `ssh -L` or a private network, never an open port.
    """


@storage.command(
    epilog="Example: swarmd storage serve --journal studies.journal     Ends with Ctrl-C. Exit codes: 2 the port is "
    "taken, the journal is served already, or the extra is missing."
)
@click.option("--url", default=GRPC_LOOPBACK, show_default=True, metavar="URL", help="Where to listen.")
@click.option("--journal", type=click.Path(path_type=Path), help="The file (default: state/studies.journal at home).")
@click.option("--beyond-this-machine", is_flag=True, help="With a host that others can reach: yes, I mean it.")
@click.option("--kept", is_flag=True, hidden=True, help="Started by the daemon: leave when nobody needs it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def serve(url: str, journal: Path | None, beyond_this_machine: bool, kept: bool, as_json: bool) -> None:
    """Serve the studies of a journal over gRPC, to this machine alone unless told otherwise.

    The journal keeps everything: a proxy that was killed is started again and goes on.
    """
    from swarmd.engine.search.storage_grpc_server import serve as serve_studies

    settings = storage_at(url)
    if settings.kind != "grpc":
        raise OperatorError(f"--url {shown(url)} is not served by us; write grpc://HOST:PORT")
    host, port = host_and_port(url)
    if not is_ours(host) and not beyond_this_machine:
        raise OperatorError(
            f"--url {url} can be reached from other machines, and whoever reaches it may change every study; better: "
            f"leave it at {GRPC_LOOPBACK} and `ssh -L {port}:localhost:{port}`; if you mean it, add "
            "--beyond-this-machine"
        )
    home = home_in_force()
    os.umask(0o077)
    path = journal or studies_path(home)

    def ready() -> None:
        told = {"schema": "swarmd.storage_serve/1", "url": url, "journal": str(path), "pid": os.getpid()}
        click.echo(json.dumps(told) if as_json else f"storage: {url}, studies in {path}; Ctrl-C ends it")

    serve_studies(path, url, ready=ready, is_over=_is_abandoned(home) if kept else lambda idle_s: False)


@storage.command(epilog="Example: swarmd storage check grpc://127.0.0.1:8788     Exit codes: 1 it does not answer.")
@click.argument("url", default=GRPC_LOOPBACK)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def check(url: str, as_json: bool) -> None:
    """See whether a storage answers, how fast, and which studies are there."""
    from swarmd.engine.phases.joining import invitations
    from swarmd.engine.search.storage_contract import LOST
    from swarmd.engine.search.storages import connected

    settings = storage_at(url)
    try:
        line = connected(settings, home_in_force())
        line.get_all_studies()
        began = time.perf_counter()
        studies = line.get_all_studies()
        took_ms = (time.perf_counter() - began) * 1000
        led = [each.study for each in invitations(line)]
    except LOST as lost:
        raise OutsideError(str(lost)) from lost
    searched = [each.study_name for each in studies if not each.study_name.endswith(" workers")]
    if as_json:
        told = {"schema": "swarmd.storage_check/1", "kind": settings.kind, "url": shown(url), "answer_ms": took_ms}
        click.echo(json.dumps({**told, "studies": searched, "to_join": led}, indent=2))
        return
    click.echo(f"{shown(url)} answers in {took_ms:.1f} ms; {len(searched)} studies, {len(led)} of them to join")
    for name in searched:
        click.echo(f"  {name}")


def _is_abandoned(home: Home) -> Callable[[float], bool]:
    return lambda idle_s: idle_s > _LEFT_ALONE_S and not is_locked(home.daemon_lock)


@storage.command(
    epilog="Example: swarmd storage work grpc://127.0.0.1:8788 --data data/bars_5m --workers 8     Exit codes: 0 told "
    "to end, or nothing to do with --once; 1 the storage stays away; 2 other data or code than where it is led."
)
@click.argument("url")
@click.option("--data", type=click.Path(path_type=Path), help="Where the bars lie here (default: as where it is led).")
@click.option("--strategy", metavar="FILE.py:NAME", help="Yes, run this file where a study names it.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes.")
@click.option("--once", is_flag=True, help="Leave when no study that is led there needs work.")
def work(url: str, data: Path | None, strategy: str | None, workers: int, once: bool) -> int:
    """Work on whatever refinement is led on this storage, until Ctrl-C.

    The machine that leads lines up the trials and keeps the results; this one evaluates, on its own copy of the data,
    whose digest must be the same. Joining and leaving, by a kill too, costs no trial.
    """
    from swarmd.engine.commands.by_hand import log_to_stderr
    from swarmd.engine.commands.storage_work import work_along

    log_to_stderr()
    return work_along(storage_at(url), home_in_force(), data=data, own=strategy, n_workers=workers, is_once=once)
