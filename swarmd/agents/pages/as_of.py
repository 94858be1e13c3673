"""As of when a page tells: the newest instant of what stands on it, so that the same records give the same page.

The instant of writing would make each rendering another one, and a page that says the same must stay as it is.
"""

from collections.abc import Iterable, Mapping

from swarmd.state.records.record import Record
from swarmd.state.units import iso
from swarmd.state.view import View


def as_of(view: View) -> str:
    """``As of 2026-01-31 09:30:00 UTC.``; without records there is no instant."""
    tables: Iterable[Mapping[str, Record]] = (
        view.campaigns, view.sessions, view.steps, view.incidents, view.hypotheses, view.lessons, view.failures,
    )  # fmt: skip
    newest = max((record.at for table in tables for record in table.values()), default=None)
    newest = max(
        [*([] if newest is None else [newest]), *(each.since for each in view.champions.values())], default=None
    )
    return "As of an empty journal." if newest is None else f"As of {iso(newest)[:19].replace('T', ' ')} UTC."
