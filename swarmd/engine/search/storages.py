"""Which place a study is kept in: its journal beside the results, a gRPC proxy, or Postgres.

Called by the phases; what the places have in common is in ``storage_contract``. On a server a study bears the digest of
its question in its name, since many lie there side by side; in a journal it is alone.
"""

from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage

from swarmd.engine.search.heartbeats import BeatPresence
from swarmd.engine.search.presence import LockPresence
from swarmd.engine.search.storage import join_study, open_study
from swarmd.engine.search.storage_contract import Presence, StudyStorage
from swarmd.state.records.storage import StorageSettings
from swarmd.state.storage_address import host_and_port, shown, whole
from swarmd.state.store.files import Home
from swarmd.state.store.ledger_place import lease_of


@dataclass(frozen=True, slots=True)
class JournalPlace:
    """A file of its own; ``is_shared`` where several processes write it."""

    journal: Path
    name: str
    is_shared: bool

    @property
    def place(self) -> str:
        return str(self.journal)

    def opened(self, sampler: BaseSampler) -> optuna.Study:
        return open_study(self.journal, name=self.name, sampler=sampler, is_shared=self.is_shared)

    def joined(self, sampler: BaseSampler) -> optuna.Study:
        return join_study(self.journal, name=self.name, sampler=sampler, is_shared=self.is_shared)

    def presence(self, study: optuna.Study) -> Presence:
        return LockPresence(self.journal)


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """On a server that several machines reach; ``locks`` is the folder for the locks of those on this one."""

    settings: StorageSettings
    home: Home
    name: str
    parameters: tuple[str, ...]
    locks: Path

    @property
    def place(self) -> str:
        return f"study {self.name!r} on {shown(self.settings.url or '')}"

    def opened(self, sampler: BaseSampler) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = connected(self.settings, self.home, parameters=self.parameters)
        return optuna.create_study(
            storage=storage, study_name=self.name, sampler=sampler, direction="maximize", load_if_exists=True
        )

    def joined(self, sampler: BaseSampler) -> optuna.Study:
        return self.opened(sampler)

    def presence(self, study: optuna.Study) -> Presence:
        return BeatPresence(study._storage, self.name, locks=self.locks, token=lease_of(self.home)[1])


def connected(settings: StorageSettings, home: Home, *, parameters: tuple[str, ...] = ()) -> BaseStorage:
    """A line to the server. OperatorError if an extra or a password is missing, ``StorageLostError`` if it is away."""
    url = whole(settings, home)
    if settings.kind == "grpc":
        from swarmd.engine.search import storage_grpc

        host, port = host_and_port(url)
        return storage_grpc.connected(host, port, names=parameters)
    from swarmd.engine.search import storage_postgres

    return storage_postgres.connected(url)


def storage_of(
    settings: StorageSettings,
    home: Home,
    *,
    journal: Path,
    name: str,
    digest: str,
    parameters: tuple[str, ...],
    is_shared: bool,
) -> StudyStorage:
    """The study's place. ``parameters`` are the names of its space in order, ``journal`` its file if it has one."""
    if settings.kind == "journal":
        return JournalPlace(journal, name, is_shared)
    return ServerPlace(settings, home, f"{name} {digest}", parameters, journal.with_suffix(".workers"))
