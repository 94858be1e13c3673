"""Where an order's results lie: names only, so that who carries files about need not import what makes them."""

from pathlib import Path

from swarmd.state.records.job import Phase
from swarmd.state.store.files import Home
from swarmd.state.work_order import WorkOrder


def share_folder(mode: Path, first: int) -> Path:
    """Where the share of surrogate markets that begins with this one is searched."""
    return mode / f"{Phase.SURROGATES.value}-{first}"


def work_folder(order: WorkOrder, home: Home) -> Path:
    """Where the order's run is alone: its mode's folder, or one below it of its branch's or its share's own."""
    folder = home.results_of(order.campaign.name, order.symbol, order.mode)
    if order.surrogates is not None:
        return share_folder(folder, order.surrogates[0])
    if order.branch is None:
        return folder
    # What is crowned in a branch is what its guards have judged.
    phase = Phase.REOPTIMIZE if order.phase is Phase.REOPTIMIZE else Phase.GUARDS
    return folder / f"{phase.value}-{order.branch}"
