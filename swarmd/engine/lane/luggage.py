"""What an order needs on a node: the files of bars, a strategy of the user's own, and the results it goes on from.

Bars and strategy are the same for many runs, and a node keeps them by digest; where it sees the very file under the
very path, on a shared disk, it reads that and nothing travels. The results so far are the run's own, small, and travel
with it each time.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from swarmd.engine.market.bars_file import find_bars_file
from swarmd.engine.phases.places import work_folder
from swarmd.state.records.job import Phase
from swarmd.state.store.files import Home
from swarmd.state.work_order import WorkOrder

_PREFLIGHT_FILE = "preflight.json"
_RESULTS = frozenset({".json", ".journal", ".csv"})
# What a share of surrogates asks of the search behind it.
_REFINED = ("all_trials.json",)


@dataclass(frozen=True, slots=True)
class Piece:
    """A file that many runs need. ``purpose`` is what it is to the order."""

    purpose: str
    path: str
    sha256: str
    n_bytes: int

    @property
    def name(self) -> str:
        return Path(self.path).name


def pieces_of(order: WorkOrder) -> tuple[Piece, ...]:
    """Bars first; then the strategy's file, if it has one of the user's own. DataError where there are no bars."""
    root = Path(order.campaign.data.root)
    found = [_piece("bars", root if root.is_file() else find_bars_file(root, order.symbol))]
    reference = order.campaign.strategy.name
    # As the registry tells a file's strategy from one of the package.
    if ".py:" in reference:
        found.append(_piece("strategy", Path(reference.rpartition(":")[0])))
    return tuple(found)


def _piece(purpose: str, path: Path) -> Piece:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Piece(purpose, str(path), sha256, file.tell())


def is_there(piece: Piece) -> bool:
    """Whether this machine sees that very file under that very path."""
    try:
        return _piece(piece.purpose, Path(piece.path)).sha256 == piece.sha256
    except OSError:
        return False


def results_for(order: WorkOrder, home: Home) -> dict[str, bytes]:
    """What was found so far and the order goes on from, by its name below the home. The caller holds the folder."""
    symbol = home.results_of(order.campaign.name, order.symbol)
    mode, work = symbol / order.mode, work_folder(order, home)
    wanted = [symbol / _PREFLIGHT_FILE]
    if order.phase is Phase.SURROGATES:
        wanted += [mode / name for name in _REFINED]
    elif mode.is_dir():
        wanted += sorted(path for path in mode.iterdir() if path.suffix in _RESULTS)
    wanted += _files_of(work)
    return {home.relative(path): _whole(path) for path in dict.fromkeys(wanted) if path.is_file()}


def _files_of(folder: Path) -> list[Path]:
    """Of the run's own folder, but not of those below it that another run holds or has held."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found += [] if (path / ".lock").exists() else _files_of(path)
        elif path.suffix in _RESULTS:
            found.append(path)
    return found


def _whole(path: Path) -> bytes:
    content = path.read_bytes()
    # What a kill left of a line is cut off at the next start; here that is on another machine.
    return content[: content.rfind(b"\n") + 1] if path.suffix == ".journal" else content
