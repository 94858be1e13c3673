"""What a phase works at: the folders it writes, whom it tells, and whether it should stop.

Made by the lane (whose desk beats and fills the outbox) and by the commands (whose desk draws a progress bar). A phase
holds no other reference to the outside.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.engine.market.faults import is_passing
from swarmd.state.errors import OperatorError
from swarmd.state.records.throughput import Speed
from swarmd.state.store.files import Home, atomic_write
from swarmd.state.store.trial_ledger import Batch, Entry, append_batch
from swarmd.state.units import Millis

PREFLIGHT_FILE = "preflight.json"


class ResultAway(OperatorError):  # noqa: N818  (it says what is so)
    """What an earlier phase has left is there and cannot be read: it is the disk's trouble, and may pass."""


class Yielded(Exception):  # noqa: N818  (no error: the run did as it was asked)
    """Raised at a safe point after a stop was asked for: all work so far is kept, the phase can be run again."""


@dataclass(frozen=True, slots=True)
class Desk:
    """`expect` and `advance` count units of work, `skip` those that need none of this run: an earlier one did them, or
    there is nothing to do. `told_trial` hands over each finished trial, `say` a person's
    line, `measured` how fast the work went; where nobody keeps records of that, it is lost. `tell_ledger` seals a batch
    onto the trial ledger: on another machine, by way of the one that keeps it."""

    home: Home
    now: Callable[[], Millis]
    expect: Callable[[int], None]
    advance: Callable[[int], None]
    skip: Callable[[int], None]
    told_trial: Callable[[Mapping[str, Any]], None]
    say: Callable[[str], None]
    should_yield: Callable[[], bool]
    measured: Callable[[Speed], None] = lambda speed: None
    tell_ledger: Callable[[Home, Batch, Millis], Entry] = append_batch

    def safe_point(self) -> None:
        """Stop here if asked to."""
        if self.should_yield():
            raise Yielded

    def work(self, units: int) -> None:
        """So many units are done, and here one may stop."""
        self.advance(units)
        self.safe_point()

    def wait(self) -> None:
        """A moment in which a server that is away is waited for, with an end: nothing is done, and nothing hangs."""
        self.work(0)

    def write(self, path: Path, content: bytes, *, sync: bool = False) -> str:
        """Replace the file as a whole; gives back the name records use for it."""
        atomic_write(path, content, sync=sync)
        return self.home.relative(path)

    def write_json(self, path: Path, document: Mapping[str, Any], *, sync: bool = False) -> str:
        return self.write(path, json_bytes(document), sync=sync)


def quiet_desk(home: Home, now: Callable[[], Millis]) -> Desk:
    """A desk that tells nobody and never stops."""
    return Desk(
        home=home,
        now=now,
        expect=lambda total: None,
        advance=lambda units: None,
        skip=lambda units: None,
        told_trial=lambda trial: None,
        say=lambda text: None,
        should_yield=lambda: False,
    )


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """JSON a person can read; the same document gives the same bytes. ValueError for NaN and infinities."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def check_disk(path: Path, cause: Exception) -> None:
    """Raises ResultAway where a file could not be read for a trouble that lies with the disk and may pass."""
    if is_passing(cause):
        raise ResultAway(f"{path} cannot be read now ({cause}); look to the disk") from cause


def read_document(path: Path, *, made_by: str) -> dict[str, Any]:
    """A JSON document an earlier phase wrote; OperatorError says which phase to run when it is not there."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise OperatorError(f"{path} is not there; run the phase {made_by} first") from None
    except (OSError, ValueError) as cause:
        check_disk(path, cause)
        raise OperatorError(f"{path} cannot be read ({cause}); run the phase {made_by} again") from cause
    if not isinstance(document, dict):
        raise OperatorError(f"{path} is not a JSON object; run the phase {made_by} again")
    return document


def read_result(path: Path, schema: str) -> dict[str, Any]:
    """A result file; empty where the phase has not come to it."""
    try:
        document = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as cause:
        check_disk(path, cause)
        raise OperatorError(f"{path} cannot be read ({cause}); run its phase again") from cause
    if not isinstance(document, dict) or document.get("schema") != schema:
        raise OperatorError(f"{path}: its schema is not {schema}; run its phase again")
    return document
