"""Naming what went wrong: from an ended run to a signature and a sentence with the figures that decided.

The first rule that matches wins; a new signature is a new rule here and a member of ``Signature``.
"""

import signal as signals
from dataclasses import dataclass

from swarmd.agents.rules.device_trouble import fault_of_its_program, trouble_of_its_device
from swarmd.agents.rules.nodes import found_no_cluster, node_of, told_of_node, went_with_node
from swarmd.state.records.beat import Beat
from swarmd.state.records.incident import Incident, Signature
from swarmd.state.records.run import RunEnded, RunStatus
from swarmd.state.units import Millis, iso
from swarmd.state.view import View
from swarmd.state.work_order import ExitCode

_MIB = 1 << 20
NO_RETRY = frozenset({Signature.BAD_ORDER, Signature.BAD_DATA})
# How CUDA, its driver and NVML name a device that is in trouble; the same words in the last line of many programs.
_DEVICE_WORDS = ("cuda_error", "cuda error", "cudaerror", "cudaruntimeerror", "nvmlerror", "xid", "gpu is lost")
_EXIT_SIGNATURES = {
    ExitCode.BAD_ORDER: (Signature.BAD_ORDER, "its order could not be carried out"),
    ExitCode.DATA: (Signature.BAD_DATA, "its data is not usable"),
    ExitCode.OUT_OF_MEMORY: (Signature.OUT_OF_MEMORY, "it ran out of memory"),
    ExitCode.DEVICE: (Signature.DEVICE_FAILED, "its device failed"),
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    signature: Signature
    cause: str


def incident_id(subject: str, signature: Signature, since: Millis | None = None) -> str:
    """``<subject>/<signature>``; where the same thing may happen again, the instant it began tells the times apart."""
    return f"{subject}/{signature.value}" if since is None else f"{subject}@{iso(since)}/{signature.value}"


def open_incident_about(view: View, subject: str, signature: Signature) -> Incident | None:
    return next((i for i in view.open_incidents() if i.subject == subject and i.signature is signature), None)


def diagnosis(view: View, run: RunEnded) -> Diagnosis:
    """What ended this run. Call it only for a loss."""
    beat = view.beats.get(run.id)
    # The shell's own words (last log line, cgroup verdict) follow ours; of many lines the first is enough here.
    words = run.reason.strip().splitlines()
    told = f": {words[0].rstrip('.')}" if words else ""
    if found_no_cluster(run):
        return Diagnosis(Signature.NODE_LOST, f"the cluster was lost, and the run with it{told}")
    if went_with_node(view, run):
        node = node_of(view, run)
        where = f"node {run.node}" if node is None else told_of_node(node)
        why = f" ({node.trouble})" if node is not None and not node.is_alive and node.trouble else ""
        return Diagnosis(Signature.NODE_LOST, f"{where} was lost, and the run with it{why}{told}")
    if run.exit_code not in _EXIT_SIGNATURES and any(word in run.reason.lower() for word in _DEVICE_WORDS):
        return Diagnosis(Signature.DEVICE_FAILED, f"its device failed{told}")
    if run.exit_code in _EXIT_SIGNATURES:
        signature, meaning = _EXIT_SIGNATURES[ExitCode(run.exit_code)]
        return Diagnosis(signature, f"exit code {run.exit_code}, {meaning}{told}")
    if trouble := trouble_of_its_device(view, run):
        return Diagnosis(Signature.DEVICE_FAILED, f"{trouble}{told}")
    if memory := _memory_death(view, run, beat):
        return Diagnosis(Signature.OUT_OF_MEMORY, f"{memory}{told}")
    if fault := fault_of_its_program(view, run):
        told = f"; {fault}{told}"
    if run.signal > 0:
        return Diagnosis(Signature.CRASH, f"ended by {signal_name(run.signal)} (signal {run.signal}){told}")
    if run.exit_code > 0:
        return Diagnosis(Signature.CRASH, f"exit code {run.exit_code}{told}")
    if run.status is RunStatus.DONE:
        return Diagnosis(Signature.CRASH, f"exit code {run.exit_code} without a result on record{told}")
    if not run.was_launched:
        return Diagnosis(Signature.NEVER_STARTED, f"no process came of the order{told}")
    after = run.ended_at - run.ordered_at
    if beat is None:
        return Diagnosis(Signature.NEVER_STARTED, f"ordered and not seen alive in {after} ms{told}")
    return Diagnosis(Signature.CRASH, f"gone after {after} ms, exit status unknown{told}")


def signature_of_loss(view: View, run: RunEnded) -> Signature:
    """What a lost run is on record for: as somebody told it already (a hang, and the kill that followed), or by its
    end.
    """
    told = view.told_of.get(run.id)
    return diagnosis(view, run).signature if told is None else told.signature


def _memory_death(view: View, run: RunEnded, beat: Beat | None) -> str:
    """Why a SIGKILL nobody here sent was the kernel's out-of-memory killer; empty where nothing says so."""
    if run.signal != signals.SIGKILL:
        return ""
    if "oom" in run.reason.lower():
        return "killed with SIGKILL by the out-of-memory killer"
    available = view.gauges.get("host.mem_available_bytes")
    if available is not None and available.value < view.policy.mem_available_min:
        return (
            f"killed with SIGKILL while {available.value / _MIB:.0f} MiB of memory were available "
            f"(limit {view.policy.mem_available_min / _MIB:.0f} MiB)"
        )
    # Its memory is free again by the time we look: half of all that is available now was this run's alone.
    if available is not None and beat is not None and beat.rss_bytes >= available.value / 2 > 0:
        return (
            f"killed with SIGKILL while holding {beat.rss_bytes / _MIB:.0f} MiB; "
            f"{available.value / _MIB:.0f} MiB are available now that it is gone"
        )
    return ""


def signal_name(number: int) -> str:
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"
