"""The phases by name: the one list that lanes and commands go by."""

from collections.abc import Callable, Mapping

from swarmd.engine.phases.crown import crown
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.guards import guards
from swarmd.engine.phases.preflight import preflight
from swarmd.engine.phases.prescreen import prescreen
from swarmd.engine.phases.refine import refine
from swarmd.engine.phases.reoptimize import reoptimize
from swarmd.engine.phases.report import told_if_it_ends
from swarmd.engine.phases.screen import screen
from swarmd.engine.phases.surrogate_share import surrogates
from swarmd.engine.phases.validate import validate
from swarmd.state.records.job import Phase
from swarmd.state.records.result import ResultSummary
from swarmd.state.work_order import WorkOrder

PHASES: Mapping[Phase, Callable[[WorkOrder, Desk], ResultSummary]] = {
    # The judges tell their report themselves; of an asset that comes to none it is told by whoever says no.
    Phase.PREFLIGHT: told_if_it_ends(preflight),
    Phase.PRESCREEN: told_if_it_ends(prescreen),
    Phase.REFINE: told_if_it_ends(refine),
    Phase.SCREEN: screen,
    Phase.REOPTIMIZE: reoptimize,
    Phase.GUARDS: guards,
    Phase.SURROGATES: surrogates,
    Phase.VALIDATE: validate,
    Phase.CROWN: crown,
}
