"""The process that holds the champions to their promises: `swarmd champion monitor --once`, asked as a person would.

An errand like others: what it did stands in `champions/changes.jsonl`, whatever becomes of its answer.
"""

from swarmd.state.records.monitoring import CHAMPIONS
from swarmd.state.store.files import Home
from swarmd.supervisor.backends.errands import Answer, ErrandProcess

__all__ = ["Answer", "MonitoringProcess"]


class MonitoringProcess(ErrandProcess):
    """The one there may be. What it had begun to change when it is killed the next one ends: the line comes first."""

    def __init__(self, home: Home) -> None:
        super().__init__(home, CHAMPIONS, ("champion", "monitor", "--once", "--json"), noun="monitoring")
