"""Starting the monitoring of champions: the half of that action that touches the world. A sensor sees its end."""

from swarmd.state.errors import OutsideError
from swarmd.state.records.monitoring import Monitoring, MonitoringStatus
from swarmd.state.records.record import Record
from swarmd.state.units import Millis
from swarmd.supervisor.backends.monitoring import MonitoringProcess


def begin_monitoring(process: MonitoringProcess, ordered: Monitoring, *, now: Millis) -> Record:
    """What came of it: a process with its pid, or a monitoring that failed before it began."""
    try:
        pid, start_ticks = process.start(ordered.order)
    except OutsideError as error:
        ending = {"status": MonitoringStatus.FAILED, "ended_at": now, "outcome": str(error)}
        return ordered.model_copy(update={"at": now, **ending})
    return ordered.model_copy(update={"at": now, "pid": pid, "start_ticks": start_ticks})
