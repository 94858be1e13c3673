"""The daemon's log: one file that rotates by size, lines in UTC. Never secrets, never data.

What else the daemon writes on and on (``chronicle``) rotates as it does: a month's account must not fill the disk.
"""

import contextlib
import logging
import logging.handlers
import time
from pathlib import Path

from swarmd.state.store.files import Home

log = logging.getLogger("swarmd")

SEGMENT_BYTES = 8 << 20
_KEPT = 5


def open_log(home: Home) -> None:
    """Write ``logs/swarmd.log``; a second call in the same process replaces the first."""
    handler = _LogFile(home.logs / "swarmd.log", maxBytes=SEGMENT_BYTES, backupCount=_KEPT, encoding="utf-8")
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    log.handlers[:] = [handler]
    log.propagate = False
    # A full disk must not cover the terminal with tracebacks of the log itself.
    logging.raiseExceptions = False
    log.setLevel(logging.INFO)


class _LogFile(logging.handlers.RotatingFileHandler):
    """Begun anew where it was removed: what is written to a file without a name nobody reads."""

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not None and not Path(self.baseFilename).exists():
            self.stream.close()
            self.stream = None  # the next line opens it
        super().emit(record)


def rotate(path: Path) -> None:
    """``NAME`` becomes ``NAME.1``, that ``NAME.2`` and so on; the fifth goes. Raises OSError where the disk refuses."""
    for number in range(_KEPT, 0, -1):
        newer = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
        with contextlib.suppress(FileNotFoundError):
            newer.replace(path.with_name(f"{path.name}.{number}"))
