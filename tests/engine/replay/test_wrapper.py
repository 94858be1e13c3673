"""Many instances in one pass: the contract they are driven by, the lines they share, what is refused, the summary."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tick_builders import FIRST_NS, quotes, saved, stream_of, trades, trades_within

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.market.tick_batch import DAY_NS, TickBatch
from swarmd.engine.replay.books import Account
from swarmd.engine.replay.contract import Lines, Params, TickContext
from swarmd.engine.replay.summary import summarize_ticks
from swarmd.engine.replay.wrapper import MultiStrategyWrapper, replay


@dataclass(frozen=True)
class Counted:
    """A line that counts how often it was made and brought up to date."""

    name: str
    built: list[str]

    def __hash__(self) -> int:
        return hash(self.name)

    def build(self, lines: Lines) -> "CountedLine":
        self.built.append(self.name)
        return CountedLine()


class CountedLine:
    def __init__(self) -> None:
        self.batches = 0

    def update(self, batch: TickBatch) -> None:
        self.batches += 1


class Spreads:
    """A user's own in plain Python: long while quotes are wide; it wants quotes and trades, and writes a diary."""

    def __init__(self, built: list[str]) -> None:
        self.diary: list[str] = []
        self._built = built

    def set_params(self, params: Params) -> None:
        self.diary.append("set_params")
        self._wide = float(params["wide"])

    def on_start(self, ctx: TickContext) -> None:
        self.diary.append("on_start")
        self.line = ctx.line(Counted("shared", self._built))

    def on_tick(self, batch: TickBatch, ctx: TickContext) -> None:
        self.diary.append(f"{len(batch)} rows, {batch.trade_rows.size} of them trades")
        assert self.line.batches == sum(note.endswith("trades") for note in self.diary)
        is_wide = batch.ask_px - batch.bid_px > self._wide
        changes = np.flatnonzero(np.diff(is_wide, prepend=ctx.position > 0))
        ctx.wish(changes, np.where(is_wide[changes], 1, 0))

    def on_finish(self, ctx: TickContext) -> None:
        self.diary.append("on_finish")

    def get_stats(self) -> dict[str, float | int]:
        return {"notes": len(self.diary)}


def wrapped(*instances: Any, direction: Direction = Direction.LONG, **how: Any) -> MultiStrategyWrapper:
    return MultiStrategyWrapper(
        instances, data=how.pop("data", None), mode="any", direction=direction, costs=Costs(), **how
    )


def test_instances_hear_of_everything_in_order_and_share_a_line_of_one_name(tmp_path: Path):
    quoted = quotes(50)
    stream = stream_of(
        saved(tmp_path / "t.parquet", trades_within(quoted, 30)), saved(tmp_path / "q.parquet", quoted), batch_rows=40
    )
    built: list[str] = []
    narrow, wide = Spreads(built), Spreads(built)
    narrow.set_params({"wide": 0.015})
    wide.set_params({"wide": 0.025})
    runs = replay(stream, wrapped(narrow, wide, data=stream.data.schema))
    assert built == ["shared"]
    assert narrow.line is wide.line
    assert narrow.diary[:2] == ["set_params", "on_start"]
    assert narrow.diary[-1] == "on_finish"
    assert sum(int(note.split()[0]) for note in narrow.diary if note.endswith("trades")) == 80
    assert [run.stats for run in runs] == [{"notes": len(narrow.diary)}] * 2
    assert all(run.metrics.total_trades >= 2 for run in runs)
    assert runs[0].metrics != runs[1].metrics


class Wishes:
    """Wishes for what it is told to, at the first batch."""

    def __init__(self, rows: list[int], positions: list[int]) -> None:
        self._wish = np.array(rows, np.int64), np.array(positions, np.int64)

    def set_params(self, params: Params) -> None: ...

    def on_start(self, ctx: TickContext) -> None: ...

    def on_tick(self, batch: TickBatch, ctx: TickContext) -> None:
        ctx.wish(*self._wish)

    def on_finish(self, ctx: TickContext) -> None: ...

    def get_stats(self) -> dict[str, float | int]:
        return {}


@pytest.mark.parametrize(
    ("rows", "positions", "said"),
    [
        ([3, 3], [1, 0], "rising, each once"),
        ([5, 2], [1, 0], "rising, each once"),
        ([-1], [1], "of a batch of 20 rows"),
        ([20], [1], "of a batch of 20 rows"),
        ([2], [-1], "a position of -1 is wished for; in long give 0 to 1"),
        ([2], [2], "a position of 2 is wished for"),
    ],
)
def test_wishes_that_cannot_be_are_refused(tmp_path: Path, rows: list[int], positions: list[int], said: str):
    stream = stream_of(saved(tmp_path / "q.parquet", quotes(20)))
    with pytest.raises(ValueError, match=said):
        replay(stream, wrapped(Wishes(rows, positions), data=stream.data.schema))


def test_a_line_that_has_missed_rows_is_refused(tmp_path: Path):
    class Late(Wishes):
        def on_tick(self, batch: TickBatch, ctx: TickContext) -> None:
            ctx.line(Counted("late", []))

    stream = stream_of(saved(tmp_path / "q.parquet", quotes(20)))
    with pytest.raises(ValueError, match="is asked for after the first batch; ask for it in on_start"):
        replay(stream, wrapped(Late([], []), data=stream.data.schema))


def test_a_stream_of_which_nothing_is_left_is_refused():
    with pytest.raises(ValueError, match="no row is left of the stream"):
        replay([], wrapped(Wishes([], [])))


def test_days_without_a_row_count_with_the_mark_before_them():
    trades = Account(Costs()).trades()
    day = FIRST_NS // DAY_NS
    marks = {day: 1.1, day + 3: 1.21}
    metrics = summarize_ticks(trades, equity=1.21, max_drawdown=0.0, day_marks=marks, elapsed_ns=3 * DAY_NS)
    returns = np.array([0.1, 0.0, 0.0, 0.1])
    assert metrics.annual_sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * np.sqrt(365))
    assert metrics.total_return == pytest.approx(0.21)
    assert metrics.as_json()["profit_factor"] is None


def test_trades_alone_fill_at_their_own_price(tmp_path: Path):
    columns = trades(20)
    stream = stream_of(saved(tmp_path / "t.parquet", columns))
    (run,) = replay(stream, wrapped(Wishes([4, 9], [1, 0]), data=stream.data.schema))
    assert run.trades.entry_price.tolist() == [columns["price"][4]]
    assert run.trades.exit_price.tolist() == [columns["price"][9]]
