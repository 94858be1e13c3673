"""`swarmd run`: an experiment file, done: a grid, random draws, TPE, or any of them walked forward.

Arguments, progress and words; the work is `engine.experiments`. Ctrl-C ends it at once and loses no finished trial.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from swarmd.state.errors import OperatorError

if TYPE_CHECKING:  # numpy, numba and optuna come in only when a command runs
    from swarmd.engine.experiments.experiment import Experiment
    from swarmd.engine.experiments.experiment_file import ExperimentFileError

_INTERRUPTED = 130


@click.command(
    epilog="Example: swarmd run experiment.yaml     Again, after a Ctrl-C or with a longer list: the same line; what is"
    " finished is skipped. Exit codes: 0 done, 1 no trial is valid, 2 with what to mend, 130 interrupted."
)
@click.argument("file", metavar="EXPERIMENT", type=click.Path(path_type=Path), required=False)
@click.option("--concurrency", type=click.IntRange(1, 1024), help="Processes; limits.concurrency when absent.")
@click.option("--dry-run", is_flag=True, help="Check the file, tell what would be tried, and start nothing.")
@click.option("--fresh", is_flag=True, help="Put the results of that name aside and begin anew.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of an experiment file, for editors.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def run(file: Path | None, concurrency: int | None, dry_run: bool, fresh: bool, schema: bool, as_json: bool) -> int:
    """Run the EXPERIMENT of a YAML file, with every trial in a file of its own.

    The same file gives the same trials, whatever was killed in between, on any number of processes; but for tpe with
    sampler.at_once above 1, where what is tried depends on which trial ends first. What a process that died had in hand
    is tried again.
    """
    from swarmd.engine.experiments.experiment_file import ExperimentFileError, experiment_schema, read_experiment

    if schema:
        click.echo(json.dumps(experiment_schema(), indent=2))
        return 0
    if file is None:
        raise OperatorError("which experiment? name its file: swarmd run experiment.yaml")
    try:
        experiment = read_experiment(file)
    except ExperimentFileError as wrong:
        raise _refusal(wrong, as_json=as_json) from wrong
    if dry_run:
        return _tell_plan(experiment, as_json=as_json)
    document = _done(experiment, concurrency=concurrency, fresh=fresh)
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        _print(document, experiment)
    if document["status"] == "interrupted":
        click.echo(f"what is finished is kept; go on with: swarmd run {file}", err=True)
        return _INTERRUPTED
    return 0 if _is_worth_something(document) else 1


def _refusal(wrong: "ExperimentFileError", *, as_json: bool) -> click.exceptions.Exit:
    """Every mistake on a line of its own: whoever mends one wants to see them all."""
    from swarmd.state.settings_file import told

    if as_json:
        problems = [
            {"line": each.place.line, "column": each.place.column, "field": each.field, "problem": each.text}
            for each in wrong.problems
        ]
        document = {"schema": "swarmd.experiment_check/1", "file": wrong.file, "is_sound": False, "problems": problems}
        click.echo(json.dumps(document, indent=2))
    for problem in wrong.problems:
        click.echo(f"error: {told(wrong.file, problem)}", err=True)
    return click.exceptions.Exit(2)


def _done(experiment: "Experiment", *, concurrency: int | None, fresh: bool) -> dict[str, Any]:
    from swarmd.engine.commands.by_hand import progress_desk
    from swarmd.engine.commands.search_flags import home_in_force
    from swarmd.engine.experiments.outcome import Took, write_meta, write_outcome
    from swarmd.engine.experiments.plan import plan_of, setting_of
    from swarmd.engine.experiments.results import origins_of, put_aside, question_of, refuse_another_question
    from swarmd.engine.experiments.runner import Attempt, Runner
    from swarmd.engine.experiments.told import teller
    from swarmd.engine.experiments.trial import Judge, Trial
    from swarmd.engine.experiments.workers import Workers
    from swarmd.engine.phases.folder import alone_in

    settings = experiment.settings
    home = home_in_force()
    folder = home.results_of(settings.name)
    judge = Judge(experiment.rule, experiment.bounds)
    holder = {"run": f"swarmd run {settings.name}", "pid": os.getpid()}
    with (
        _stop_asked() as stop,
        alone_in(folder, holder, should_yield=lambda: False),
        progress_desk(home, settings.name) as desk,
    ):
        origins = origins_of(experiment)
        question = question_of(experiment, origins)
        if fresh and (aside := put_aside(folder)) is not None:
            desk.say(f"the results that were there lie in {aside} now")
        refuse_another_question(folder, question)
        write_meta(folder, experiment, question, origins)
        plan = plan_of(experiment, folder, origins, judge)
        for line in plan.strange:
            desk.say(line)
        if plan.n_found:
            desk.say(f"{plan.n_found} of {plan.n_trials} trials are finished already and are skipped")
        evaluated = 0

        def advance(trial: Trial | None) -> None:
            nonlocal evaluated
            evaluated += trial is not None and trial.same_as is None
            desk.advance(1)

        desk.expect(plan.n_trials - plan.n_found + plan.n_windows)
        n_processes = concurrency or _processes(settings.limits.concurrency)
        began = time.monotonic()
        with Workers[Attempt](setting_of(experiment), n_processes, settings.limits.trial_timeout / 1000) as workers:
            tell = teller(experiment, origins, home, desk.now)
            runner = Runner(plan.searches, workers, judge, settings.limits, advance, desk.say, stop, tell)
            is_done = runner.run()
        took = Took(evaluated, time.monotonic() - began, workers.most_at_once)
        return write_outcome(folder, experiment, plan, took, is_done=is_done)


def _processes(asked: Any) -> int:
    return len(os.sched_getaffinity(0)) if asked == "auto" else int(asked)


@contextmanager
def _stop_asked() -> "Iterator[Any]":
    """Whether a Ctrl-C or TERM has come: remembered, so that it never falls into the writing of a file."""
    heard = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        heard = True

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_worth_something(document: dict[str, Any]) -> bool:
    if document["totals"]["windows"]:
        return any(
            window["outside"] is not None
            for entry in document["symbols"]
            for window in entry.get("walk_forward", {}).get("windows", ())
        )
    return bool(document["totals"]["valid"])


# -- words ------------------------------------------------------------------------------------------------------------


def _tell_plan(experiment: "Experiment", *, as_json: bool) -> int:
    from swarmd.engine.experiments.experiment import trials_asked

    settings = experiment.settings
    vectors = experiment.vectors
    each = trials_asked(experiment.procedure) if vectors is None else len(vectors.vectors)
    n_searches = sum(len(experiment.windows.get(symbol, ())) or 1 for symbol in experiment.bars)
    document = {
        "schema": "swarmd.experiment_check/1",
        "file": str(experiment.path),
        "is_sound": True,
        "problems": [],
        "method": settings.method,
        "trials": each * n_searches,
        "trials_each": each,
        "left_out": 0 if vectors is None else vectors.left_out,
        "symbols": {symbol: bars.n_bars for symbol, bars in experiment.bars.items()},
        "windows": {symbol: len(windows) for symbol, windows in experiment.windows.items()},
        "resolved": settings.model_dump(mode="json"),
    }
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return 0
    click.echo(f"{experiment.path}: sound: {settings.name}, {experiment.strategy.card.name} {experiment.mode}")
    spread = ", ".join(f"{symbol} {bars.n_bars} bars" for symbol, bars in experiment.bars.items())
    click.echo(f"{settings.method} on {spread}: {each * n_searches} trials")
    if vectors is not None and vectors.left_out:
        click.echo(f"{vectors.left_out} points of the grid do not go together and are left out")
    for symbol, windows in experiment.windows.items():
        click.echo(f"{symbol}: {len(windows)} windows, {each} trials of {experiment.procedure.method} in each")
    return 0


def _print(document: dict[str, Any], experiment: "Experiment") -> None:
    totals, this_run = document["totals"], document["this_run"]
    vectors = experiment.vectors
    click.echo(
        f"{document['name']}: {document['strategy']} {document['mode']}, {document['method']}: "
        f"{totals['trials']} of {totals['asked']} trials: {totals['valid']} valid, {totals['skipped']} skipped "
        f"(constraints), {totals['failed']} failed"
    )
    if vectors is not None and vectors.left_out:
        click.echo(f"{vectors.left_out} points of the grid do not go together and were left out")
    if this_run["evaluated"]:
        click.echo(
            f"this run: {this_run['evaluated']} evaluated in {this_run['seconds']:.1f} s "
            f"(processes: {this_run['processes']}), {this_run['found_finished']} were finished before"
        )
    if totals["first_error"] is not None:
        click.echo(f"first to fail: {totals['first_error']}")
    for entry in document["symbols"]:
        _print_symbol(entry)
    click.echo(f"results  {document['results']}")


def _print_symbol(entry: dict[str, Any]) -> None:
    if entry["best"] is not None:
        best = entry["best"]
        params = "  ".join(f"{name}={value:.6g}" for name, value in best["params"].items())
        metrics = best["metrics"]
        click.echo(
            f"{entry['symbol']}  best #{best['number']}  score {best['score']:.3f}"
            f"  sharpe {metrics['annual_sharpe']:.2f}  return {metrics['total_return']:.3f}"
            f"  drawdown {metrics['max_drawdown']:.3f}  trades {metrics['total_trades']}  {params}"
        )
    walked = entry.get("walk_forward")
    if walked is None:
        return
    click.echo(f"{'window':>6}  {'tested':<33} {'valid':>6} {'Sharpe in':>9} {'out':>8} {'return':>8} {'trades':>7}")
    for window in walked["windows"]:
        inside, outside = window["choice"], window["outside"]
        click.echo(
            f"{window['number']:>6}  {window['test']['first']:.16} .. {window['test']['last']:.16}"
            f" {window['valid']:>6} {_short(inside and inside['metrics']['annual_sharpe']):>9}"
            f" {_short(outside and outside['annual_sharpe']):>8} {_short(outside and outside['total_return']):>8}"
            f" {'-' if outside is None else outside['total_trades']:>7}"
        )
    whole = walked["outside"]
    efficiency = walked["efficiency"]
    told = walked["efficiency_undefined_because"] if efficiency is None else f"{efficiency:.3f}"
    click.echo(
        f"{entry['symbol']}  outside: sharpe {whole['annual_sharpe']:.2f}  return {whole['total_return']:.3f}  "
        f"drawdown {whole['max_drawdown']:.3f}  trades {whole['total_trades']}  profitable windows "
        f"{walked['share_of_profitable_windows']:.0%}  efficiency {told}"
    )


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
