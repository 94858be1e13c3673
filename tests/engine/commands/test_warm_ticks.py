"""After `warm_ticks` nothing that runs on ticks is compiled again."""

from pathlib import Path

from tick_builders import quotes, runs_of, saved, stream_of, trades, trades_within

from swarmd.engine.commands.warm_ticks import warm_ticks
from swarmd.engine.market import tick_weave
from swarmd.engine.replay import books, decay, trailing
from swarmd.engine.strategies import bollinger_ticks, ofi_momentum, order_flow
from swarmd.engine.strategies.tick_registry import tick_baseline, tick_strategy_named, tick_strategy_names

KERNELS = (
    tick_weave.weave, books.settle, books.close_at_the_end, decay.decayed_sum, trailing.trailing_moments,
    order_flow.quote_flow, ofi_momentum.crossed_thresholds, ofi_momentum.judged_seconds, bollinger_ticks.outside_bands,
)  # fmt: skip


def signatures() -> list[set[object]]:
    return [set(kernel.signatures) for kernel in KERNELS]


def test_after_warming_no_kind_of_ticks_needs_the_compiler(tmp_path: Path):
    warm_ticks()
    warmed = signatures()
    assert all(warmed)
    quoted = quotes(100)
    q = saved(tmp_path / "q.parquet", quoted)
    t, s = saved(tmp_path / "t.parquet", trades_within(quoted)), saved(tmp_path / "s.parquet", trades(50, sides=True))
    before = [kernel.stats.cache_misses for kernel in KERNELS]
    for name in tick_strategy_names():
        card = tick_strategy_named(name).card
        for mode in card.modes:
            params = tick_baseline(card, mode)
            for data, beside in ((t, q), (t, None), (s, None)):
                runs_of(stream_of(data, beside, batch_rows=30), [params], name=name, mode=mode, keeps_equity=True)
    runs_of(stream_of(q), [tick_baseline(tick_strategy_named("ofi_momentum").card, "long")])
    # Other tests may have met these kernels with arrays of their own; what counts is that these runs compiled nothing.
    assert [kernel.stats.cache_misses for kernel in KERNELS] == before
    assert signatures() == warmed
