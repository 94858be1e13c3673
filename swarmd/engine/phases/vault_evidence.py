"""What the vault says of a finalist: the Sharpe ratio of its days, and of who only buys what is left over holding.

In a market that rises a rule without any timing makes money by being in it. The surrogates keep the market's drift for
such a mode, so that a bull market is no skill of the search; here it is no skill of the vault: from each day is taken
what the market gave the share of it that was held on average. Of 80 rising markets without timing 6 % had a p-value of
at most 0.01 against 0, and 2.5 % over holding (docs/VALIDATION.md). Called by the judgement and by who verifies it.
"""

from swarmd.engine.backtest import Simulation
from swarmd.engine.guards.probabilistic_sharpe import SharpeEvidence, sharpe_evidence
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.bars import Bars
from swarmd.engine.metrics.daily import daily_returns
from swarmd.engine.phases.strict_figures import in_market


def vault_evidence(vault: Bars, run: Simulation, direction: Direction) -> SharpeEvidence:
    """Of the daily net returns on the vault, flat days included, per day."""
    ends = day_end_bars(vault.open_time)
    daily = daily_returns(run.equity, ends)
    if direction is Direction.LONG_SHORT:
        return sharpe_evidence(daily)
    market = daily_returns(vault.close / vault.open[0], ends)
    return sharpe_evidence(daily - in_market(run.trades, vault.n_bars).mean() * market)
