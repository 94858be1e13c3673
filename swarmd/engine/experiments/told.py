"""What an experiment has cost in trials, told to the trial ledger of each of its assets.

The runner says how many evaluations of which search are about to be made; here they get their days, prices and name.
"""

from collections.abc import Callable, Mapping

from swarmd.engine.experiments.experiment import Experiment
from swarmd.engine.experiments.runner import Search
from swarmd.engine.phases.tried import batch_on
from swarmd.engine.search.provenance import Provenance
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import append_batch
from swarmd.state.units import Millis

PHASE = "experiment"


def teller(
    experiment: Experiment, origins: Mapping[str, Provenance], home: Home, now: Callable[[], Millis]
) -> Callable[[Search, int], None]:
    """Tells so many evaluations of a search: on its bars, and where it is walked forward on its test's as well."""

    def tell(search: Search, count: int) -> None:
        stop = search.stop if search.window is None else search.window.test_stop
        batch = batch_on(
            experiment.bars[search.symbol].between(search.start, stop),
            symbol=search.symbol,
            family=experiment.strategy.card.name,
            origin=origins[search.symbol],
            phase=PHASE,
            count=count,
            run=f"run-{experiment.settings.name}",
        )
        append_batch(home, batch, now())

    return tell
