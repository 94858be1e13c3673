"""The phases by name: the one list that lanes and commands go by."""

from collections.abc import Mapping

from swarmd.engine.phases.crown import crown
from swarmd.engine.phases.guards import guards
from swarmd.engine.phases.preflight import preflight
from swarmd.engine.phases.prescreen import prescreen
from swarmd.engine.phases.refine import refine
from swarmd.engine.phases.reoptimize import reoptimize
from swarmd.engine.phases.report import Phased as Phased
from swarmd.engine.phases.report import told_if_it_ends
from swarmd.engine.phases.screen import screen
from swarmd.engine.phases.surrogate_share import surrogates
from swarmd.engine.phases.validate import validate
from swarmd.state.records.job import Phase

# Without the report behind a no: on another machine there is nothing to report to.
BARE: Mapping[Phase, Phased] = {
    Phase.PREFLIGHT: preflight,
    Phase.PRESCREEN: prescreen,
    Phase.REFINE: refine,
    Phase.SCREEN: screen,
    Phase.REOPTIMIZE: reoptimize,
    Phase.GUARDS: guards,
    Phase.SURROGATES: surrogates,
    Phase.VALIDATE: validate,
    Phase.CROWN: crown,
}
# The judges tell their report themselves; of an asset that comes to none it is told by whoever says no.
REPORTED = frozenset({Phase.PREFLIGHT, Phase.PRESCREEN, Phase.REFINE})
PHASES: Mapping[Phase, Phased] = {
    name: told_if_it_ends(phase) if name in REPORTED else phase for name, phase in BARE.items()
}
