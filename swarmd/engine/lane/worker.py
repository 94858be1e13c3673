"""One order carried out: locks first, then ready, then the phase, then the result, then the exit code.

The shell of the engine inside a lane: here alone errors become exit codes and signals become requests to stop.
"""

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from swarmd.engine.kernel.devices import DeviceFull
from swarmd.engine.kernel.gpu import GpuUnavailable
from swarmd.engine.lane.heartbeat import Heartbeat
from swarmd.engine.lane.identity import claim_lock, identity
from swarmd.engine.lane.notify import notify
from swarmd.engine.lane.outbox import Outbox
from swarmd.engine.lane.warm_up import warm_up
from swarmd.engine.market.faults import DataAway, DataError
from swarmd.engine.phases.desk import Desk, ResultAway, Yielded
from swarmd.engine.phases.folder import alone_in
from swarmd.engine.phases.question import work_folder
from swarmd.engine.phases.table import PHASES, Phased
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.job import Phase
from swarmd.state.store.files import Home, home_from
from swarmd.state.store.patience import waits_with
from swarmd.state.store.trial_ledger import Batch, Entry, append_batch
from swarmd.state.units import Millis
from swarmd.state.work_order import BEATS_VARIABLE, LOCK_FD_VARIABLE, ExitCode, WorkOrder

log = logging.getLogger(__name__)

# Whatever is not named in ExitCode counts as lost, and is tried again.
LOST = 1
# A predecessor that was just killed may take a moment to let go of the folder.
_WAIT_FOR_FOLDER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is different where the lane lives on another machine: which phases there are, who seals a batch onto the
    trial ledger, and what is done at every safe point."""

    phases: Mapping[Phase, Phased] = field(default_factory=lambda: PHASES)
    tell_ledger: Callable[[Home, Batch, Millis], Entry] = append_batch
    at_safe_point: Callable[[], None] = lambda: None


def work(order: WorkOrder, *, is_warm: bool = False, around: Surroundings | None = None) -> int:
    """Carry out the order in this process; the exit code. ``is_warm``: a spare that has run all of it on tiny bars."""
    around = around or Surroundings()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = _StopRequest()
    stop.listen(is_supervised=LOCK_FD_VARIABLE in os.environ)
    home = home_from(order.home)
    try:
        claim_lock(order, os.environ.get(LOCK_FD_VARIABLE))
        outbox = Outbox(home.outbox_of(order.run), token=order.token, now=_wall_ms, steady=_steady_ms)
    except OperatorError as refusal:
        log.error("%s", refusal)
        return ExitCode.BAD_ORDER
    except OutsideError as cause:
        log.error("%s", cause)
        return LOST
    try:
        return _attempt(lambda: _carry_out(order, home, outbox, stop, around, is_warm=is_warm), outbox)
    finally:
        outbox.close()


def _carry_out(
    order: WorkOrder, home: Home, outbox: Outbox, stop: "_StopRequest", around: Surroundings, *, is_warm: bool
) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    folder = work_folder(order, home)
    alone = alone_in(folder, identity(order), wait_seconds=_WAIT_FOR_FOLDER_SECONDS, should_yield=stop.is_asked)
    with Heartbeat(os.environ.get(BEATS_VARIABLE), token=order.token) as beat, alone:

        def expect(total: int) -> None:
            beat.expect(total)
            outbox.expect(total)

        def advance(units: int) -> None:
            beat.advance(units)
            outbox.advance(units)

        def skip(units: int) -> None:
            beat.skip(units)
            outbox.skip(units)

        def say(text: str) -> None:
            log.info("%s", text)
            outbox.say(text)

        def should_yield() -> bool:
            around.at_safe_point()
            return stop.is_asked()

        desk = Desk(
            home=home,
            now=_wall_ms,
            expect=expect,
            advance=advance,
            skip=skip,
            told_trial=outbox.trial,
            say=say,
            should_yield=should_yield,
            measured=outbox.measured,
            tell_ledger=around.tell_ledger,
        )
        if not is_warm:
            warm_up(order)
        desk.safe_point()
        beat.ready()
        outbox.ready()
        notify(address, f"READY=1\nSTATUS={order.job}")
        log.info("%s: %s, attempt %d, %d threads", order.run, order.job, order.token, order.threads)
        with waits_with(desk.wait):
            summary = around.phases[order.phase](order, desk)
        outbox.result(summary)
        log.info("%s: %s: %s", order.run, summary.verdict, summary.headline)
        notify(address, f"STOPPING=1\nSTATUS={summary.verdict}")


def _attempt(carry_out: Callable[[], None], outbox: Outbox) -> int:
    """The exit code of what happened, and a line in the outbox that says why."""
    try:
        carry_out()
    except Yielded:
        return _ended(outbox, ExitCode.YIELDED, "stopped at a safe point, as asked; its work is kept")
    except (DataAway, ResultAway) as lack:  # it may come back, and is tried again
        return _ended(outbox, LOST, str(lack))
    except OperatorError as refusal:
        return _ended(outbox, ExitCode.BAD_ORDER, str(refusal))
    except DataError as refusal:
        return _ended(outbox, ExitCode.DATA, str(refusal))
    except GpuUnavailable as lack:
        return _ended(outbox, ExitCode.DEVICE, str(lack))
    except DeviceFull as lack:
        return _ended(outbox, ExitCode.OUT_OF_MEMORY, str(lack))
    except ValueError as refusal:
        # The engine's word for an order that makes no sense. The traceback tells it from a fault of ours.
        traceback.print_exc()
        return _ended(outbox, ExitCode.BAD_ORDER, str(refusal))
    except MemoryError as cause:
        return _ended(outbox, ExitCode.OUT_OF_MEMORY, f"out of memory: {cause}")
    except OutsideError as cause:
        return _ended(outbox, LOST, str(cause))
    except BaseException as fault:
        traceback.print_exc()
        return _ended(outbox, LOST, f"{type(fault).__name__}: {fault}")
    return ExitCode.DONE


def _ended(outbox: Outbox, code: int, text: str) -> int:
    log.log(logging.INFO if code == ExitCode.YIELDED else logging.ERROR, "exit %d: %s", code, text)
    try:
        outbox.say(text)
    except OutsideError as cause:
        # The exit code still says it: a full disk must not turn a refusal into a crash.
        log.error("%s", cause)
    return code


class _StopRequest:
    """SIGTERM, remembered until the work comes to a safe point."""

    def __init__(self) -> None:
        self._asked = False

    def listen(self, *, is_supervised: bool) -> None:
        signal.signal(signal.SIGTERM, self._hear)
        if is_supervised:
            # A closed terminal or a Ctrl-C meant for the daemon is none of this run's business.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        else:
            signal.signal(signal.SIGINT, self._hear)

    def is_asked(self) -> bool:
        return self._asked

    def _hear(self, number: int, frame: object) -> None:
        self._asked = True


def _wall_ms() -> Millis:
    return time.time_ns() // 1_000_000


def _steady_ms() -> Millis:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
