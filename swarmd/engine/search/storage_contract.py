"""What a search asks of the place its study is kept in: to open it, and to know who works on it.

Three places answer: a journal beside the results (``storage``), a gRPC proxy over a journal (``storage_grpc``) and
Postgres (``storage_postgres``); ``storages`` says which. Trials, their numbers and their outcomes are Optuna's own in
all of them, so that a search of one worker makes the same ones.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import optuna
from optuna.exceptions import StorageInternalError

from swarmd.state.errors import OutsideError


class StorageLostError(OutsideError):
    """The server did not answer, or not in time: whether it did as it was told is unknown."""


# What a lost server comes as; Optuna has a word of its own for whatever its database said.
LOST = (StorageLostError, StorageInternalError)


class Presence(Protocol):
    """Who of those that work on one study lives."""

    def turn(self) -> AbstractContextManager[None]:
        """Alone among those who take turns, where the place needs it; nothing where it decides itself."""

    def lead(self, should_yield: Callable[[], None]) -> AbstractContextManager[None]:
        """The one that lines up and reaps. OperatorError where another does so already."""

    def at_work(self, worker: str) -> AbstractContextManager[None]:
        """While inside, all others see that this worker lives."""

    def look(self) -> None:
        """Take in who has given a sign of life since the last look."""

    def lives(self, worker: str | None, trial: int) -> bool:
        """Of a trial under way: whether its worker lives, as of the last look. None is a worker not yet named."""

    def check_leading(self) -> None:
        """OutsideError if another has taken the lead meanwhile: we were taken for dead."""

    def put_up(self) -> None:
        """Leave nothing lying about, once no worker lives."""


class StudyStorage(Protocol):
    """One study's place. ``place`` is what people are told of it."""

    @property
    def place(self) -> str: ...

    def opened(self, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
        """The study, made when it is not there, for the one who holds its results. Raises OutsideError."""

    def joined(self, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
        """The same for one who was started to work on it."""

    def presence(self, study: optuna.Study) -> Presence: ...
