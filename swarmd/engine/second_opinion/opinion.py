"""The door: a strategy with its parameters is run here and by the foreign engine, and the two are held together.

Called by the phase that writes a certificate, with the vault's bars and a strategy whose indicators have seen what lies
before. Where the foreign engine cannot be asked, the document says why; it never says that it agreed.
"""

from collections.abc import Mapping
from typing import Any

from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import Bars
from swarmd.engine.second_opinion.account import account
from swarmd.engine.second_opinion.peer import NotInstalled, inexpressible, replay
from swarmd.engine.strategies.contract import BarStrategy, checked_params, in_mode


def second_opinion(
    bars: Bars, strategy: BarStrategy, params: Mapping[str, Any], *, mode: str, costs: Costs
) -> dict[str, Any]:
    """Trades and return of both engines side by side; or `not_asked_because`.

    Raises
    ------
    ValueError
        For what `run_backtest` refuses: an unknown mode or parameter, a value outside the card's limits.
    """
    direction = strategy.card.mode(mode).direction
    decides = in_mode(strategy, mode)
    given = checked_params(decides, params)
    plan = decides.plan(given)
    if (why_not := inexpressible(plan)) is not None:
        return {"not_asked_because": why_not}
    try:
        theirs = replay(bars, decides.events(bars, given), plan, direction=direction, costs=costs)
    except NotInstalled as absence:
        return {"not_asked_because": str(absence)}
    ours = run_backtest(bars, strategy, params, mode=mode, costs=costs)
    return account(bars, ours.trades, ours.metrics.total_return, theirs, plan=plan, costs=costs)
