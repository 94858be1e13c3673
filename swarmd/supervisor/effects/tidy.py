"""Work orders and locks of runs that ended a while ago: small files of which a long life would leave thousands.

Logs and outboxes stay: they are the durable record of what a run said. Nobody decides from what is removed here.
"""

import contextlib

from swarmd.state.records.run import RunEnded
from swarmd.state.store.files import Home, is_locked
from swarmd.state.units import HOUR, Millis
from swarmd.state.view import View

_KEPT_FOR: Millis = HOUR
_ENDINGS = (".order.json", ".lock")
_DAEMONS_OWN = "daemon.lock"
# A turn must stay short: what is left over is removed the next time.
_AT_ONCE = 500


def tidy(view: View, home: Home, now: Millis) -> int:
    """Remove them and give back how many. A lock that is held stays, whatever the records say of its run."""
    removed = 0
    for path in home.run_dir.iterdir() if home.run_dir.is_dir() else ():
        ending = next((ending for ending in _ENDINGS if path.name.endswith(ending)), "")
        if not ending or path.name == _DAEMONS_OWN or removed >= _AT_ONCE:
            continue
        run = view.runs.get(path.name.removesuffix(ending))
        if not isinstance(run, RunEnded) or now - run.ended_at < _KEPT_FOR:
            continue
        with contextlib.suppress(OSError):
            if not is_locked(home.lock_path(run.id)):
                path.unlink()
                removed += 1
    return removed
