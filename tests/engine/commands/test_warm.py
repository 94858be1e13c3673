"""`warm` compiles what the real work runs: after it, nothing is compiled again."""

from click.testing import CliRunner
from price_builders import awkward_bars

from swarmd.engine.backtest import evaluate_many, run_backtest
from swarmd.engine.commands.warm import warm
from swarmd.engine.kernel import batch, scan
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.search.combos import draw_combinations
from swarmd.engine.search.space import search_space
from swarmd.engine.strategies.registry import strategy_named


def test_after_warming_neither_gaps_nor_directions_need_the_compiler():
    told = CliRunner().invoke(warm, catch_exceptions=False)
    assert (told.exit_code, told.stdout) == (0, "")
    assert "kernels are ready" in told.stderr
    compiled = len(batch._screen_chunk.signatures), len(scan.scan_bars.signatures)
    strategy = strategy_named("mtf_ema")
    for mode, missing in (("balanced", 0.0), ("aggressive", 0.05)):
        bars = awkward_bars("walk", 3000, 1, missing=missing)
        columns = draw_combinations(search_space(strategy.card, mode, {}), 3, 0, strategy.admissible)
        evaluate_many(bars, strategy, columns, mode=mode, costs=Costs())
        run_backtest(bars, strategy, strategy.card.baseline, mode=mode, costs=Costs())
    assert (len(batch._screen_chunk.signatures), len(scan.scan_bars.signatures)) == compiled
