"""Prescreen: the wide, cheap look at very many parameter vectors on development bars.

Writes `phase0_top500.json` (deterministic to the byte) and, beside it, how many seconds each part took; how fast it
evaluated goes to the daemon, which compares it with what this machine has done before.
"""

from swarmd.engine.backtest import screen_engine
from swarmd.engine.market.timeframes import interval_name
from swarmd.engine.phases.desk import Desk, json_bytes
from swarmd.engine.phases.question import Question, mode_folder, question_of
from swarmd.engine.phases.throughput import Meter
from swarmd.engine.phases.tried import note_tried
from swarmd.engine.search.combos import draw_combinations
from swarmd.engine.search.prescreen import (
    SECONDS_FILE,
    SLICE,
    TOP_FILE,
    Stopwatch,
    failures_in_words,
    nothing_valid,
    screen_combinations,
    screening_document,
)
from swarmd.state.records.result import ResultSummary
from swarmd.state.work_order import WorkOrder


def prescreen(order: WorkOrder, desk: Desk) -> ResultSummary:
    """Draw, evaluate, rank and keep; fails where no vector meets the constraints."""
    question = question_of(order, desk)
    settings = order.campaign.search.prescreen
    watch = Stopwatch()
    columns = draw_combinations(question.space, settings.combos, settings.seed, question.strategy.admissible)
    n_drawn = len(next(iter(columns.values())))
    if n_drawn < settings.combos:
        desk.say(f"{order.job}: the space holds {n_drawn} admissible combinations, fewer than {settings.combos}")
    watch.lap("generate")
    desk.expect(n_drawn)
    meter = Meter(desk.work)
    screening = screen_combinations(
        question.development,
        question.strategy,
        columns,
        mode=question.mode,
        costs=question.costs,
        rule=question.rule,
        constraints=question.constraints,
        top=settings.top,
        watch=watch,
        engine=screen_engine(question.strategy, order.engine, say=desk.say),
        at_a_time=max(1, round(SLICE * order.scale)),
        progress=meter.heard,
    )
    folder = mode_folder(order, desk)
    # Before anything of it is written: nobody can choose among vectors that were not told. Of a screening that was
    # killed nobody has seen a figure.
    note_tried(
        question,
        desk.home,
        phase=order.phase.value,
        count=screening.tried,
        run=order.run,
        at=desk.now(),
        folder=folder,
        tell=desk.tell_ledger,
    )
    if (failed := failures_in_words(screening)) is not None:
        desk.say(f"{order.job}: {failed}; the others stand")
    document = screening_document(
        screening,
        strategy=question.strategy_name,
        mode=question.mode,
        symbol=question.symbol,
        interval=interval_name(question.bars.interval_minutes),
        space=question.space,
        costs=question.costs,
        rule=question.rule,
        constraints=question.constraints,
        origin=question.origin,
        seed=settings.seed,
        requested=settings.combos,
        evaluated_bars=question.vault_bar,
    )
    content = json_bytes(document)
    watch.lap("serialize")
    # How long it took is no result: it stays out of the file that must come out the same every time.
    artifacts = (
        desk.write(folder / TOP_FILE, content, sync=True),
        desk.write_json(folder / SECONDS_FILE, {"schema": "swarmd.seconds/1", "seconds": watch.seconds}),
    )
    desk.measured(meter.speed(question, combos=screening.tried, engine=str(document["engine"]), threads=order.threads))
    if not document["top"]:
        return ResultSummary(
            verdict="fail",
            headline=f"{order.symbol} {order.mode}: {nothing_valid(screening, question.constraints)}",
            tried=screening.tried,
            artifacts=artifacts,
        )
    best = document["top"][0]
    return ResultSummary(
        verdict="pass",
        headline=_headline(question, screening.tried, screening.n_valid, best["score"]),
        tried=screening.tried,
        figures={
            "score": best["score"],
            "valid": screening.n_valid,
            "seconds": round(watch.seconds["total"], 3),
            **best["metrics"],
        },
        artifacts=artifacts,
    )


def _headline(question: Question, tried: int, valid: int, score: float) -> str:
    return (
        f"{question.symbol} {question.mode}: {valid} of {tried} combinations meet the constraints, "
        f"best score {score:.3f} on development data"
    )
