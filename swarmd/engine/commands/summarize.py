"""`swarmd summarize`: what came of a campaign's searches or an experiment's, read from the result files alone."""

import json
from pathlib import Path
from typing import Any

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import home_from

_PERCENTILES = (5, 25, 50, 75, 95)


@click.command(
    epilog="Example: swarmd summarize majors-mtf --top 10     Trial files that cannot be read are named. Exit codes: "
    "0 done, 2 no such results."
)
@click.argument("run", metavar="RUN")
@click.option("--top", default=10, show_default=True, type=click.IntRange(1), help="How many of the best to show.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def summarize(run: str, top: int, as_json: bool) -> None:
    """Totals, best trials and percentiles of RUN: a campaign's name, an experiment's, or a folder of results."""
    from swarmd.engine.experiments.summary import is_experiment

    folder = results_folder(run)
    document = _experiment(folder, top=top) if is_experiment(folder) else summary_of(folder, top=top)
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        _print(document)


def summary_of(folder: Path, *, top: int) -> dict[str, Any]:
    """Trials of every asset and mode under the folder, counted by what became of them.

    `valid` met the constraints, `skipped` were evaluated and did not, `pruned` were given up early, `failed` could not
    be evaluated. Assets that the preflight refused are listed, with the reason. A second search is a row of its own,
    named by its folder; what was judged by the guards bears their word and the figures of the vault.
    """
    from swarmd.engine.phases.desk import PREFLIGHT_FILE, read_result
    from swarmd.engine.phases.guards import GUARDS_FILE
    from swarmd.engine.phases.refine import ALL_TRIALS_FILE
    from swarmd.engine.phases.screen import SCREEN_FILE
    from swarmd.engine.search.prescreen import TOP_FILE

    assets, valid_trials, unreadable = [], [], []
    totals = dict.fromkeys(("prescreened", "trials", "valid", "skipped", "pruned", "failed"), 0)
    refused = []
    for path in sorted(folder.rglob(PREFLIGHT_FILE)):
        seen = read_result(path, "swarmd.preflight/1")
        if seen.get("verdict") == "fail":
            refused.append({"symbol": seen["symbol"], "reason": seen["problems"][0]})
    found = {path.parent for name in (TOP_FILE, ALL_TRIALS_FILE) for path in folder.rglob(name)}
    for place in sorted(found):
        screened = read_result(place / TOP_FILE, "swarmd.prescreen/1")
        refined = read_result(place / ALL_TRIALS_FILE, "swarmd.trials/1")
        verdict = read_result(place / SCREEN_FILE, "swarmd.screen/1")
        judged = read_result(place / GUARDS_FILE, "swarmd.guards/1")
        trials = refined.get("trials", [])
        unreadable += _unreadable(place / "trials")
        said = {key: (refined or screened).get(key) for key in ("symbol", "strategy", "mode")}
        counts = {
            "prescreened": screened.get("tried", 0),
            "trials": len(trials),
            "valid": sum(trial["valid"] for trial in trials),
            "skipped": sum(trial["state"] == "complete" and not trial["valid"] for trial in trials),
            "pruned": sum(trial["state"] == "pruned" for trial in trials),
            "failed": sum(trial["state"] == "failed" for trial in trials),
        }
        totals = {key: totals[key] + count for key, count in counts.items()}
        valid = [{**said, **_plain(trial)} for trial in trials if trial["valid"]]
        valid_trials += valid
        assets.append(
            {
                **said,
                **counts,
                "best_score": max((trial["score"] for trial in valid), default=None),
                "screen": verdict.get("verdict"),
                "oos_annual_sharpe": (judged or verdict).get("vault", {}).get("metrics", {}).get("annual_sharpe"),
                "psr": (judged or verdict).get("psr"),
                **({"guards": judged["guards"]} if judged else {}),
                **({"search": place.name} if place.name.startswith("reoptimize") else {}),
            }
        )
    if not assets and not refused:
        raise OperatorError(f"{folder}: no results in it; name a campaign, or a folder that holds {ALL_TRIALS_FILE}")
    valid_trials.sort(key=lambda trial: (-trial["score"], trial["symbol"], trial["mode"], trial["number"]))
    return {
        "schema": "swarmd.summary/1",
        "results": str(folder),
        "totals": totals,
        "refused": refused,
        "unreadable": unreadable,
        "assets": assets,
        "best": valid_trials[0] if valid_trials else None,
        "top": valid_trials[:top],
        "percentiles": _percentiles(valid_trials),
    }


def _experiment(folder: Path, *, top: int) -> dict[str, Any]:
    """The same of an experiment: `skipped` broke a constraint, `failed` could not be evaluated."""
    from swarmd.engine.experiments.summary import experiment_summary

    found = experiment_summary(folder)
    valid = found.pop("trials")
    if not found["assets"] and not found["unreadable"]:
        raise OperatorError(f"{folder}: an experiment without a trial; run it again: swarmd run FILE")
    return {
        "schema": "swarmd.summary/1",
        "results": str(folder),
        **found,
        "best": valid[0] if valid else None,
        "top": valid[:top],
        "percentiles": _percentiles(valid),
    }


def results_folder(run: str) -> Path:
    named = home_from().results_of(run)
    # A bare name is a campaign's first: a folder of the same name may lie here by chance, and is ./NAME.
    is_bare = Path(run).name == run != ".."
    for folder in (named, Path(run)) if is_bare else (Path(run), named):
        if folder.is_dir():
            return folder
    there = sorted(path.name for path in named.parent.glob("*") if path.is_dir())
    listed = f"campaigns there: {', '.join(there)}" if there else f"there are none yet in {named.parent}"
    raise OperatorError(f"{run}: neither a folder nor a campaign with results; {listed}")


def _unreadable(folder: Path) -> list[dict[str, str]]:
    """Trial files that say nothing, with the reason."""
    found = []
    for path in sorted(folder.glob("trial_*.json"), key=lambda path: (len(path.name), path.name)):
        try:
            if not isinstance(json.loads(path.read_bytes()), dict):
                found.append({"file": str(path), "problem": "is not a JSON object"})
        except OSError as cause:
            found.append({"file": str(path), "problem": f"cannot be read: {cause.strerror}"})
        except ValueError as cause:
            found.append({"file": str(path), "problem": f"is not JSON: {cause}"})
    return found


def _plain(trial: dict[str, Any]) -> dict[str, Any]:
    return {key: trial[key] for key in ("number", "origin", "score", "params", "metrics")}


def _percentiles(trials: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Of score and the metrics people ask for, over valid trials, interpolated linearly."""
    import numpy as np

    table: dict[str, list[float]] = {"score": [trial["score"] for trial in trials]}
    for name in ("annual_sharpe", "total_return", "max_drawdown", "win_rate", "total_trades"):
        table[name] = [trial["metrics"][name] for trial in trials]
    return {
        name: {f"p{at}": float(np.percentile(values, at)) for at in _PERCENTILES}
        for name, values in table.items()
        if values
    }


def _print(document: dict[str, Any]) -> None:
    totals = document["totals"]
    is_experiment = document.get("kind") == "experiment"
    click.echo(f"{document['results']}")
    click.echo(
        ("" if is_experiment else f"{totals['prescreened']} prescreened; ")
        + f"{totals['trials']} trials: {totals['valid']} valid, "
        f"{totals['skipped']} skipped (constraints), "
        + (f"{totals['pruned']} given up early, " if totals.get("pruned") else "")
        + f"{totals['failed']} failed"
    )
    for entry in document["unreadable"]:
        click.echo(f"unreadable {entry['file']}: {entry['problem']}")
    if is_experiment:
        _print_searches(document)
    else:
        _print_assets(document)
    _print_top(document)


def _print_searches(document: dict[str, Any]) -> None:
    click.echo(f"\n{'asset':<12} {'mode':<14} {'window':>6} {'trials':>7} {'valid':>6} {'failed':>6} {'best':>8}")
    for entry in document["assets"]:
        click.echo(
            f"{entry['symbol']:<12} {entry['mode']:<14} {entry.get('window', '-'):>6} {entry['trials']:>7} "
            f"{entry['valid']:>6} {entry['failed']:>6} {_short(entry['best_score']):>8}"
        )
    for entry in document["walk_forward"]:
        outside = entry["outside"]
        click.echo(
            f"{entry['symbol']} outside: sharpe {outside['annual_sharpe']:.2f}  return {outside['total_return']:.3f}  "
            f"drawdown {outside['max_drawdown']:.3f}  trades {outside['total_trades']}"
        )


def _print_assets(document: dict[str, Any]) -> None:
    for entry in document["refused"]:
        click.echo(f"refused {entry['symbol']}: {entry['reason']}")
    click.echo(
        f"\n{'asset':<12} {'mode':<14} {'trials':>7} {'valid':>6} {'best':>8} {'screen':>7} {'oos':>7} {'psr':>7}"
    )
    for entry in document["assets"]:
        figures = (_short(entry["best_score"]), entry["screen"] or "-", _short(entry["oos_annual_sharpe"]))
        click.echo(
            f"{entry['symbol']:<12} {entry['mode']:<14} {entry['trials']:>7} {entry['valid']:>6} "
            f"{figures[0]:>8} {figures[1]:>7} {figures[2]:>7} {_short(entry['psr']):>7}"
            f"{_second_phase(entry)}"
        )


def _second_phase(entry: dict[str, Any]) -> str:
    """Which second search a row is of, or how many guards were passed; nothing where there is none."""
    guards = f"  {entry['guards']} guards" if "guards" in entry else ""
    return guards + (f"  {entry['search']}" if "search" in entry else "")


def _print_top(document: dict[str, Any]) -> None:
    if document["top"]:
        click.echo(f"\ntop {len(document['top'])}")
    for rank, trial in enumerate(document["top"], start=1):
        params = "  ".join(f"{name}={value:.6g}" for name, value in trial["params"].items())
        metrics = trial["metrics"]
        click.echo(
            f"{rank:>4}  {trial['symbol']} {trial['mode']}{_window(trial)} #{trial['number']}  "
            f"score {trial['score']:.3f}  sharpe {metrics['annual_sharpe']:.2f}  return {metrics['total_return']:.3f}  "
            f"drawdown {metrics['max_drawdown']:.3f}  trades {metrics['total_trades']}  {params}"
        )
    if document["percentiles"]:
        click.echo("\npercentiles of valid trials")
    for name, at in document["percentiles"].items():
        click.echo(f"  {name:<14} " + "  ".join(f"{key} {value:.4g}" for key, value in at.items()))


def _window(trial: dict[str, Any]) -> str:
    return f" window {trial['window']}" if "window" in trial else ""


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
