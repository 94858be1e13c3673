"""The clock was stepped, or the machine slept: told once, with what it means here, which is nothing.

Used by `session_state_manager`. Limits, waits and schedules live on the boot-time clock, and a run is given the time
the machine slept; what a person reads as wall time may jump, and this is why.
"""

from swarmd.agents.rules.signatures import incident_id
from swarmd.state.actions import Action, CloseIncident, OpenIncident
from swarmd.state.records.gauge import Gauge
from swarmd.state.records.incident import Signature
from swarmd.state.units import MINUTE, Millis, spoken
from swarmd.state.view import View

_HOST = "host"
_TOLD_WITHIN: Millis = 10 * MINUTE
_WHAT = {"host.clock_step_ms": "the wall clock was stepped", "host.suspended_ms": "the machine slept"}


def about_clock_steps(view: View, now: Millis) -> list[Action]:
    """An incident per jump, closed in the next cycle: there is nothing to mend."""
    wishes: list[Action] = []
    for name, what in _WHAT.items():
        gauge = view.gauges.get(name)
        if gauge is None:
            continue
        incident = incident_id(f"{_HOST}.{name.removeprefix('host.')}", Signature.CLOCK_STEPPED, gauge.at)
        known = view.incidents.get(incident)
        if known is None and now - gauge.at <= _TOLD_WITHIN:
            wishes.append(_opened(gauge, incident, what, now))
    for known in view.open_incidents():
        if known.signature is Signature.CLOCK_STEPPED:
            runs = len(view.open_runs())
            told = f"{now - known.opened_at} ms later {runs} runs are open and none was judged by it"
            wishes.append(CloseIncident(incident=known.id, reason=told, caused_by=(known.id,)))
    return wishes


def _opened(gauge: Gauge, incident: str, what: str, now: Millis) -> OpenIncident:
    size = spoken(abs(int(gauge.value)))
    way = "" if gauge.id == "host.suspended_ms" else f" {'forward' if gauge.value > 0 else 'back'}"
    return OpenIncident(
        incident=incident,
        signature=Signature.CLOCK_STEPPED,
        subject=_HOST,
        remedy="none is needed: limits, waits and schedules go by the boot-time clock",
        expected="no run is judged by it",
        due=now + MINUTE,
        reason=f"{what}{way} by {size}",
        caused_by=(gauge.id,),
    )
