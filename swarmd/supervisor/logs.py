"""The daemon's log: one file that rotates by size, lines in UTC. Never secrets, never data."""

import logging
import logging.handlers
import time

from swarmd.state.store.files import Home

log = logging.getLogger("swarmd")

_SEGMENT_BYTES = 8 << 20
_KEPT = 5


def open_log(home: Home) -> None:
    """Write ``logs/swarmd.log``; a second call in the same process replaces the first."""
    handler = logging.handlers.RotatingFileHandler(
        home.logs / "swarmd.log", maxBytes=_SEGMENT_BYTES, backupCount=_KEPT, encoding="utf-8"
    )
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    log.handlers[:] = [handler]
    log.propagate = False
    # A full disk must not cover the terminal with tracebacks of the log itself.
    logging.raiseExceptions = False
    log.setLevel(logging.INFO)
