"""Working along on studies that other machines lead: one after the other, with so many processes of our own."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from optuna.storages import BaseStorage

from swarmd.engine.commands.by_hand import progress_desk
from swarmd.engine.market.faults import DataError
from swarmd.engine.phases.crew import Crew
from swarmd.engine.phases.desk import Yielded
from swarmd.engine.phases.joining import JOINED, Invitation, invitations, is_led, order_here, prepare
from swarmd.engine.search.heartbeats import BeatPresence
from swarmd.engine.search.storage_patience import patiently
from swarmd.engine.search.storages import connected
from swarmd.state.errors import OperatorError
from swarmd.state.records.storage import StorageSettings
from swarmd.state.store.files import Home

_LOOK_EVERY_S = 1.0


def work_along(
    settings: StorageSettings, home: Home, *, data: Path | None, own: str | None, n_workers: int, is_once: bool
) -> int:
    """Until told to end, or with `is_once` until no study is led there.

    Raises
    ------
    OperatorError
        If the data or the code here are not those of the leader.
    OutsideError
        If the storage stays away.
    """
    with _asked_to_stop() as is_asked:

        def safe_point() -> None:
            if is_asked():
                raise Yielded

        def attempt() -> None:
            storage = connected(settings, home)
            presences: dict[str, BeatPresence] = {}
            locks = home.run_dir / "studies"
            while True:
                safe_point()
                led = next((each for each in invitations(storage) if is_led(storage, each, locks, presences)), None)
                if led is not None:
                    _work_on(led, storage, presences, settings, home, data, own, n_workers, safe_point)
                elif is_once:
                    return
                else:
                    time.sleep(_LOOK_EVERY_S)

        try:
            patiently(attempt, say=lambda text: click.echo(text, err=True), safe_point=safe_point)
        except Yielded:
            click.echo("ended; what was in hand is finished", err=True)
    return 0


def _work_on(
    led: Invitation,
    storage: BaseStorage,
    presences: dict[str, BeatPresence],
    settings: StorageSettings,
    home: Home,
    data: Path | None,
    own: str | None,
    n_workers: int,
    safe_point: Callable[[], None],
) -> None:
    order = order_here(led, settings, home.root, data, own)
    try:
        with progress_desk(home, order.job) as desk:
            prepare(order, desk)
    except (DataError, ValueError) as refusal:
        raise OperatorError(str(refusal)) from refusal
    click.echo(f"working on {led.study} with {n_workers} processes", err=True)
    locks = home.run_dir / "studies"
    with Crew(n_workers, led.digest, order, JOINED).working() as crew:
        try:
            while is_led(storage, led, locks, presences):
                for dead in crew.buried():
                    click.echo(f"{led.study}: {dead}; another takes its place", err=True)
                crew.staff()
                safe_point()
                time.sleep(_LOOK_EVERY_S)
        finally:
            crew.dismiss()
    click.echo(f"{led.study} is led no more", err=True)


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether INT or TERM was heard since."""
    asked: list[int] = []
    before = {number: signal.signal(number, lambda number, frame: asked.append(number)) for number in _STOPS}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_STOPS = (signal.SIGINT, signal.SIGTERM)
