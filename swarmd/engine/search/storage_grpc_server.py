"""The proxy that lets several machines work on studies: Optuna's service over one journal, of which it is sole writer.

The journal is the truth: a proxy that is killed loses nothing, and the next one reads it again. Needs the extra `grpc`.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage

from swarmd.engine.search.storage import SoleWriterJournal, clear_stale_lock, cut_damage
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.steady_event import SteadyEvent
from swarmd.state.storage_address import host_and_port
from swarmd.state.store.files import lock_file, lock_holder

# Its own lines on stderr; what matters comes as an error.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
try:
    import grpc  # type: ignore[import-untyped]
    from optuna.storages._grpc.auto_generated import api_pb2_grpc
    from optuna.storages._grpc.servicer import OptunaStorageProxyService
except ImportError:
    raise OperatorError("storage kind grpc needs the extra: pip install 'swarmd[grpc]'") from None

_THREADS = 16
_LOOK_EVERY_S = 1.0


class _LastAsked(grpc.ServerInterceptor):  # type: ignore[misc]
    """When somebody last asked for anything, by a steady clock."""

    def __init__(self) -> None:
        self.at = time.monotonic()

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        self.at = time.monotonic()
        return continuation(details)


def lock_of(journal: Path) -> Path:
    """Held by the proxy that serves the journal; its content says who and where."""
    return journal.with_suffix(".lock")


def serve(journal: Path, url: str, *, ready: Callable[[], None], is_over: Callable[[float], bool]) -> None:
    """Serve the journal's studies until `is_over`, asked every second with the seconds since the last question.

    Raises
    ------
    OperatorError
        If the journal is served already, or the port is taken.
    OutsideError
        If the journal cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    host, port = host_and_port(url)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lock = lock_file(lock_of(journal), {"pid": os.getpid(), "url": url})
    if lock is None:
        who = lock_holder(lock_of(journal))
        raise OperatorError(
            f"{journal} is served already: pid {who.get('pid', '?')} on {who.get('url', '?')}; two must not write it"
        )
    try:
        clear_stale_lock(journal)
        cut_damage(journal)
        storage = JournalStorage(SoleWriterJournal(str(journal)))
    except OSError as cause:
        raise OutsideError(f"cannot open the journal {journal}: {cause.strerror}") from cause
    asked = _LastAsked()
    # Without the option two servers share one port and each gets half of the questions.
    server = grpc.server(ThreadPoolExecutor(_THREADS), interceptors=(asked,), options=(("grpc.so_reuseport", 0),))
    api_pb2_grpc.add_StorageServiceServicer_to_server(OptunaStorageProxyService(storage), server)  # type: ignore[no-untyped-call]
    try:
        server.add_insecure_port(address)
    except RuntimeError:
        raise OperatorError(f"{address} cannot be listened on; is the port taken? Choose another in the url") from None
    server.start()
    ready()
    try:
        over = SteadyEvent()
        while not over.wait(_LOOK_EVERY_S) and not is_over(time.monotonic() - asked.at):
            pass
    finally:
        server.stop(grace=1.0).wait()
        os.close(lock)
