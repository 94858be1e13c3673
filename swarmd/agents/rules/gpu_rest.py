"""The rest of a graphics processor after runs that could not use it: a while that doubles, then it is tried again.

Used for the devices of this machine and for those of nodes. A run could not use its device when it was lost to it, or
fell back on the processor, which is seen by the speed that it told.
"""

from swarmd.agents.rules.losses import has_yielded
from swarmd.agents.rules.signatures import signature_of_loss
from swarmd.state.records.incident import Signature
from swarmd.state.records.run import RunEnded, RunStatus
from swarmd.state.units import HOUR, MINUTE, Millis, spoken
from swarmd.state.view import View

# How long a device rests after a run that could not use it; twice as long after each further one in a row.
REST_FIRST: Millis = 10 * MINUTE
REST_CAP: Millis = 4 * HOUR
# Looked for among so many of the runs that ended last.
_LOOKED_AT = 500


def device_rest(view: View, device: str, now: Millis, *, node: str = "") -> str:
    """Why it rests now, with its figures; empty once the rest is over. ``node`` is empty for one of this machine."""
    of = view.ended_by_id, view.throughputs, view.results, view.told_of, view.lanes, view.sessions
    failed = view.while_same(("failed_on", node, device), of, lambda: _failed_in_a_row(view, device, node))
    if not failed:
        return ""
    rest = min(REST_CAP, REST_FIRST * 2 ** min(len(failed) - 1, 16))
    last = failed[0]
    if now >= last.ended_at + rest:
        return ""
    place = f"{device} of node {node}" if node else device
    what = "fell back on the processor" if _fell_back(view, last) else "was lost to it"
    return f"{place} rests for {spoken(rest)}: {last.id} {what}, {len(failed)} of its runs in a row"


def _failed_in_a_row(view: View, device: str, node: str) -> list[RunEnded]:
    """Of the runs in its lanes the last ones, up to one that worked; those that tell nothing are passed over."""
    lanes = {lane.id for lane in view.gpu_lanes if (lane.node, lane.device) == (node, device)}
    began = view.session.at if view.session is not None else 0
    failed: list[RunEnded] = []
    for run in view.last_ended(_LOOKED_AT):
        if run.lane not in lanes or run.engine == "cpu" or run.ended_at < began:
            continue
        if _fell_back(view, run):
            failed.append(run)
        elif run.id in view.results:
            break
        elif run.status is not RunStatus.DONE and not (run.was_stopped or has_yielded(run)) and _is_of(view, run):
            failed.append(run)
    return failed


def _fell_back(view: View, run: RunEnded) -> bool:
    told = view.throughputs.get(run.id)
    return told is not None and told.speed.engine == "cpu"


def _is_of(view: View, run: RunEnded) -> bool:
    return signature_of_loss(view, run) is Signature.DEVICE_FAILED
