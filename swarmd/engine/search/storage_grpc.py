"""A study behind a gRPC proxy: Optuna's client, with an end to every wait and a new line after a lost one.

Optuna's own waits for ever on a server that does not answer. Needs the extra `grpc`. There is no authentication in the
protocol: whoever reaches the port may read and change every study, so the address is this machine's, or in a network
that is trusted.
"""

import contextlib
import os
import threading
import warnings
from collections.abc import Callable
from typing import Any

import optuna
from optuna.storages import BaseStorage, GrpcStorageProxy
from optuna.trial import FrozenTrial

from swarmd.engine.search.storage_contract import StorageLostError
from swarmd.state.errors import OperatorError

# Its own lines on stderr; what matters comes as an error.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
try:
    import grpc  # type: ignore[import-untyped]
    from optuna.storages._grpc.auto_generated import api_pb2_grpc
    from optuna.storages._grpc.client import GrpcClientCache
except ImportError:
    raise OperatorError("storage kind grpc needs the extra: pip install 'swarmd[grpc]'") from None

ANSWER_S = 10.0
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A new channel is a new connection; a shared one would inherit the old one's waits.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)


class _Bounded(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Every call ends within ``answer_s``; one that found no server is lost, and ``renew`` is asked for a new line."""

    def __init__(self, place: str, answer_s: float, renew: Callable[[], None]) -> None:
        self._place, self._answer_s, self._renew = place, answer_s, renew

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        call = continuation(details._replace(timeout=self._answer_s), request)
        code = call.code()
        if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED):
            self._renew()
            why = "does not answer" if code is grpc.StatusCode.DEADLINE_EXCEEDED else "cannot be reached"
            raise StorageLostError(f"the storage {self._place} {why}")
        if code is grpc.StatusCode.UNKNOWN:
            raise StorageLostError(f"the storage {self._place} failed: {call.details()}")
        return call


class BoundedProxy(GrpcStorageProxy):
    """Optuna's client for ``host:port``. Parameters come in the order of ``names``: the protocol forgets it."""

    def __init__(self, host: str, port: int, *, names: tuple[str, ...], answer_s: float = ANSWER_S) -> None:
        self._names, self._answer_s = names, answer_s
        self._renewing = threading.Lock()
        super().__init__(host=f"[{host}]" if ":" in host else host, port=port)

    def _setup(self) -> None:
        channel = grpc.insecure_channel(f"{self._host}:{self._port}", options=_OPTIONS)
        place = f"grpc://{self._host}:{self._port}"
        bounded = grpc.intercept_channel(channel, _Bounded(place, self._answer_s, lambda: self._renew(channel)))
        self._channel = channel
        self._stub = api_pb2_grpc.StorageServiceStub(bounded)  # type: ignore[no-untyped-call]
        self._cache = GrpcClientCache(self._stub)

    def _renew(self, lost: Any) -> None:
        with self._renewing:
            if self._channel is lost:
                self._setup()
                with contextlib.suppress(Exception):
                    lost.close()

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._in_order(super().get_trial(trial_id))

    def get_all_trials(self, study_id: int, deepcopy: bool = True, states: Any = None) -> list[FrozenTrial]:
        return [self._in_order(trial) for trial in super().get_all_trials(study_id, deepcopy, states)]

    def _in_order(self, trial: FrozenTrial) -> FrozenTrial:
        known = trial.params
        if tuple(known) != self._names:
            trial.params = {name: known[name] for name in self._names if name in known}
        return trial


def connected(host: str, port: int, *, names: tuple[str, ...], answer_s: float = ANSWER_S) -> BaseStorage:
    """A line to the proxy; nothing is sent before the first question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return BoundedProxy(host, port, names=names, answer_s=answer_s)
