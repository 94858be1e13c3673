"""The laws of tick strategies hold for ours, and each catches the slip it is there for, with the row."""

import json
from pathlib import Path

import pytest

from swarmd.cli import exit_code_of
from swarmd.engine.laws.tick_exam import TickExam, tick_exam_of
from swarmd.engine.laws.tick_suite import LAWS, tick_finding_of, tick_findings_of
from swarmd.engine.strategies.tick_registry import tick_strategy_named, tick_strategy_names

SOUND = '''
import numpy as np

from swarmd.engine.kernel.plan import Direction
from swarmd.engine.strategies.contract import ModeSpec, ParamSpec, StrategyCard

SPACE = (ParamSpec("heavy", "float", 0.55, 0.8, unit="share", meaning="share of the bid above which it is long"),)


class Mine:
    """Long while the bid is heavy."""

    card = StrategyCard(
        "mine", "long while the bid is heavy", "L1 quotes", SPACE, {"long": ModeSpec(Direction.LONG, SPACE)},
        {"heavy": 0.6},
    )
    seen = 0

    def set_params(self, params):
        self.heavy = params["heavy"]

    def on_start(self, ctx):
        if ctx.data.value != "l1_quote":
            raise ValueError("mine wants quotes")

    def on_tick(self, batch, ctx):
        bid, ask = batch.bid_sz, batch.ask_sz
        is_heavy = bid / (bid + ask) > self.heavy
        changes = np.flatnonzero(np.diff(is_heavy, prepend=ctx.position > 0))
        ctx.wish(changes, np.where(is_heavy[changes], 1, 0))

    def on_finish(self, ctx):
        pass

    def get_stats(self):
        return {}
'''
DECIDES = "        is_heavy = bid / (bid + ask) > self.heavy\n"


def examined(folder: Path, slip: str) -> TickExam:
    """The strategy with this in place of its decision, before a small tape."""
    assert DECIDES in SOUND
    (folder / "mine.py").write_text(SOUND.replace(DECIDES, slip))
    return tick_exam_of(tick_strategy_named(f"{folder / 'mine.py'}:Mine"), n_rows=400)


@pytest.mark.parametrize("name", tick_strategy_names())
def test_ours_keep_all_laws(name: str):
    exam = tick_exam_of(tick_strategy_named(name), n_rows=500)
    broken = {finding.law: finding.told for finding in tick_findings_of(exam) if not finding.holds}
    # With windows of hundreds of trades not every mode trades on so few.
    assert set(broken) <= {"something is traded"}


def test_a_sound_strategy_is_sound_and_the_forms_it_refuses_are_left_out(tmp_path: Path):
    found = {finding.law: finding for finding in tick_findings_of(examined(tmp_path, DECIDES))}
    assert [finding.told for finding in found.values() if not finding.holds] == []
    assert list(found) == list(LAWS)
    assert found["something is traded"].looked_at["forms of data"] == 1
    assert found["no look ahead"].looked_at["cuts"] >= 5


def test_a_look_at_the_next_row_is_caught_with_the_row_and_how_far(tmp_path: Path):
    next_row = "        bid, ask = np.roll(bid, -1), np.roll(ask, -1)\n"
    finding = tick_finding_of("no look ahead", examined(tmp_path, next_row + DECIDES))
    assert not finding.holds
    assert finding.row is not None
    assert finding.time is not None
    assert finding.told is not None
    assert "it looks 1 row ahead, or more" in finding.told
    assert f"at row {finding.row}" in finding.told
    assert (finding.mode, set(finding.params or ())) == ("long", {"heavy"})


@pytest.mark.parametrize(
    ("slip", "law", "said"),
    [
        (
            "        is_heavy = np.full(len(batch), (bid / (bid + ask)).mean() > 0.5)\n",
            "batches change nothing",
            "on quotes, in batches of 1 rows it is ",
        ),
        (
            "        is_heavy = (np.arange(len(batch)) // 7) % 2 == 0\n",
            "batches change nothing",
            "in batches of 1 rows it is ",
        ),
        (
            "        Mine.seen += 1\n" + DECIDES + "        is_heavy &= Mine.seen % 2 > 0\n",
            "the same twice",
            "a second time it is ",
        ),
        (
            "        is_heavy = batch.bid_px > 100.0\n",
            "no unit of price",
            "at 4 times the price it is ",
        ),
        (
            "        is_heavy = bid > 0.0\n",
            "a flat market gives no trades",
            "that never move it is long at row 0",
        ),
        ("        is_heavy = bid > 1e9\n", "something is traded", "none of 5 vectors trades on 400 quotes"),
        ("        is_heavy = bid / (1 // 0)\n", "something is traded", "it takes neither quotes nor trades"),
    ],
)
def test_each_slip_is_caught_by_its_law(tmp_path: Path, slip: str, law: str, said: str):
    finding = tick_finding_of(law, examined(tmp_path, slip))
    assert not finding.holds
    assert finding.told is not None
    assert said in finding.told


def test_company_that_matters_is_caught(tmp_path: Path):
    # Kept on the class: all that run together write to it.
    slip = "        Mine.seen = self.heavy\n" + DECIDES
    slip = slip.replace("> self.heavy", "> max(self.heavy, self.last)").replace(
        "        Mine.seen", "        self.last = Mine.seen if len(batch) > 1 else 0.0\n        Mine.seen"
    )
    assert not tick_finding_of("company changes nothing", examined(tmp_path, slip)).holds


def test_the_command_tells_law_row_and_time_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "mine.py").write_text(SOUND.replace(DECIDES, "        bid = np.roll(bid, -1)\n" + DECIDES))
    name = f"{tmp_path / 'mine.py'}:Mine"
    assert exit_code_of(["strategies", "check", name, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["sound"]) == ("swarmd.strategy_check/1", False)
    (caught,) = [law for law in document["laws"] if law["law"] == "no look ahead"]
    assert (caught["holds"], caught["bar"]) == (False, None)
    assert caught["row"] >= 0
    assert exit_code_of(["strategies", "check", name]) == 1
    out = capsys.readouterr().out
    assert f"row {caught['row']} ({caught['time']}): on quotes, where rows from " in out
    assert exit_code_of(["strategies", "check", name, "--data", "x.parquet"]) == 2
    assert "trades on ticks, which are made up here; leave --data out" in capsys.readouterr().err
    assert exit_code_of(["strategies", "check", "ema_cross", "--on", "ticks"]) == 2
    assert "does not trade on ticks" in capsys.readouterr().err


def test_an_exam_of_an_unknown_mode_names_the_nearest(tmp_path: Path):
    with pytest.raises(ValueError, match="did you mean 'long_short'"):
        tick_exam_of(tick_strategy_named("ofi_momentum"), modes=["long_shrt"])
    exam = tick_exam_of(tick_strategy_named("ofi_momentum"), modes=["long"], n_rows=50)
    assert isinstance(exam, TickExam)
    assert list(exam.vectors) == ["long"]
