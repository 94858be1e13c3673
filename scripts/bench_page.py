#!/usr/bin/env python3
"""Makes the tables of a run of `bench_engine` out of its JSON, and puts them into a page.

    scripts/bench_page.py run.json                                 print them
    scripts/bench_page.py run.json --write docs/BENCHMARKS.md      replace what stands between the page's markers

A figure is the median of the rounds, the least in brackets; memory is the most of any round. A ratio is taken within
each round, and the median of these is given.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench_figures import Document, Figure, Job, cost, cpu, find, machine_was, over, peak, ratio, wall
from page_section import write_section

SECTION = "bench_engine"
DIRECTIONS = ("long", "long_short")
PEERS = {
    "plain-tables": "plain loop, every bar of every combination, averages looked up (numba, all cores)",
    "plain": "the same, averages kept in registers",
    "vectorbt": "vectorbt, numba engine, with the metrics",
    "vectorbt-rust": "vectorbt, rust engine, with the metrics",
    "raptorbt": "raptorbt, batch runner, with its own metrics",
    "backtesting": "backtesting.py",
}


# -- tables -----------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def told(figure: Figure | None, form: str = "{:.2f}", unit: str = "") -> str:
    if figure is None:
        return "not measured"
    median, best = form.format(figure.median), form.format(figure.best)
    return f"{median}{unit}" if median == best else f"{median}{unit} ({best})"


def targets(document: Document) -> str:
    """What ought to be reached, and whether it is: by the median, and where only the best round reaches it, so."""
    most = document["options"]["threads"]
    job = {(d, n): find(document, "engine", d, threads=n) for d in DIRECTIONS for n in (1, most)}
    loops = {(d, loop): find(document, loop, d, threads=most) for d in DIRECTIONS for loop in ("plain-tables", "plain")}
    million = find(document, "engine", "long", threads=most, combos=1_000_000)
    bound = {d: job[d, most] for d in DIRECTIONS}
    seconds = ("{:.2f}", " s")
    is_full = [document["options"][name] for name in ("combos", "days", "data")] == [250_000, 730, None]
    rows: list[tuple[str, float, float, Figure | None, tuple[str, str]]] = [
        ("wall, long", 2.6, 1.5, over(bound["long"], wall), seconds),
        ("wall, long_short", 4.4, 2.8, over(bound["long_short"], wall), seconds),
        ("CPU-seconds, long", 4.8, 3.0, over(bound["long"], cpu), seconds),
        ("CPU-seconds, long_short", 8.0, 5.5, over(bound["long_short"], cpu), seconds),
    ]
    for (d, loop), plain in loops.items():
        must, goal = (70, 110) if d == "long" else (40, 55)
        named = "averages looked up" if loop == "plain-tables" else "averages in registers"
        measured = ratio(bound[d], plain)
        rows.append((f"CPU of the plain loop ({named}) / ours, {d}", must, goal, measured, ("{:.0f}", "")))
    for d in DIRECTIONS:
        theirs = ratio(job[d, 1], find(document, "vectorbt", d))
        rows.append((f"CPU of vectorbt with the same metrics / ours, {d}", 3000, 5000, theirs, ("{:,.0f}", "")))
    rows.append(("1,000,000 combinations, long, wall", 8.0, 5.0, over(million, wall), seconds))
    rows += [(f"peak memory, {d}", 300, 220, peak(bound[d]), ("{:.0f}", " MB")) for d in DIRECTIONS]
    shown = []
    for name, must, goal, figure, (form, unit) in rows:
        limits = [f"{limit:,g}{unit}" for limit in (must, goal)]
        shown.append([name, *limits, told(figure, form, unit), met(figure, must, goal) if is_full else "another size"])
    return table(["what", "must", "goal", "measured", "met"], shown) + "\n\n" + exactness(document)


def met(figure: Figure | None, must: float, goal: float) -> str:
    def level(value: float) -> str:
        reached = (value <= must, value <= goal) if goal < must else (value >= must, value >= goal)
        return ("goal" if reached[1] else "must") if reached[0] else "no"

    if figure is None:
        return "—"
    usual, best = level(figure.median), level(figure.best)
    return usual if usual == best else f"{usual} (best round: {best})"


def exactness(document: Document) -> str:
    checks = [one["check"] for job in document["jobs"] if job["what"] == "engine" for one in job["rounds"]]
    apart = [words for check in checks for words in check["apart"]]
    n, sharpe = sum(check["vectors"] for check in checks), max((c["sharpe_apart"] for c in checks), default=0.0)
    plain = [one["check"] for job in document["jobs"] if job["what"].startswith("plain") for one in job["rounds"]]
    loop = f" The plain loops agreed on all of their {sum(c['metrics'] for c in plain):,} metrics." if plain else ""
    if apart:
        return f"**Not exact**: {'; '.join(apart[:3])}"
    return (
        f"Exactness in this run: {n} vectors against the bar-by-bar reference, trades, return, drawdown, win rate and "
        f"profit factor the same bits, Sharpe ratio within {sharpe:.0e}.{loop} A GPU's row: `scripts/check_gpu`."
    )


def whole_job(document: Document) -> str:
    rows = []
    parts = ("generate", "prepare", "evaluate", "rank", "serialize")
    for direction in DIRECTIONS:
        for threads in range(document["options"]["threads"], 0, -1):
            job = find(document, "engine", direction, threads=threads)
            if job is None:
                continue
            phases = [statistics.median(one["phases_s"][part] * 1e3 for one in job["rounds"]) for part in parts]
            size = job["rounds"][0]["combos"] * job["rounds"][0]["bars"] / 1e9
            rates = [size / statistics.median(map(seconds, job["rounds"])) for seconds in (cpu, wall)]
            before = max(one["before_mb"] for one in job["rounds"])
            rows.append(
                [
                    f"{direction}, {threads}",
                    told(over(job, wall)),
                    told(over(job, cpu)),
                    f"{rates[0]:.1f} G, {rates[1]:.1f} G",
                ]
                + [f"{phase:,.0f}" for phase in phases]
                + [f"{told(peak(job), '{:.0f}')}, {before:.0f}"]
            )
    head = ["direction, threads", "wall s", "CPU s", "combo-bars per CPU-s, per s", *(f"{part} ms" for part in parts)]
    return table([*head, "peak MB, before the screen"], rows)


def others(document: Document) -> str:
    rows, missing = [], []
    for what, name in PEERS.items():
        absent = [job["missing"] for job in document["jobs"] if job["what"] == what and job["missing"]]
        missing += absent[:1]
        for direction in DIRECTIONS:
            job = find(document, what, direction)
            if job is None:
                continue
            ours = find(document, "engine", direction, threads=job["threads"])
            rate = 1e-6 / statistics.median(cost(one) for one in job["rounds"])
            simulate = ratio(ours, job, "simulate") if what.startswith("vectorbt") else None
            apart = f", its simulation alone {simulate.median:,.0f}" if simulate else ""
            times = ratio(ours, job)
            compared = f"{times.median:,.0f}{apart}" if times else "not measured"
            rows.append(
                [f"{name}, {direction}", f"{job['rounds'][0]['combos']:,}", f"{rate:,.2f} M", compared,
                 told(peak(job), "{:.0f}"), agreement(job)]
            )  # fmt: skip
    said = "".join(f"\n\nNot measured: {words}." for words in missing)
    head = ["what", "combinations timed", "combo-bars per CPU-s", "times our CPU", "peak MB", "agreement"]
    return (table(head, rows) if rows else "") + said


def agreement(job: Job) -> str:
    checks = [one["check"] for one in job["rounds"] if one["check"].get("vectors", one["check"].get("metrics"))]
    if not checks:
        return "not looked at"
    if "metrics" in checks[0]:
        return f"{checks[0]['metrics']:,} metrics equal"
    equal, ours, theirs = (checks[0][name] for name in ("equal", "ours", "theirs"))
    return f"{equal:,} of our {ours:,} trades, it has {theirs:,}"


def scaling(document: Document) -> str:
    jobs = [job for job in document["jobs"] if job["what"] == "engine" and job["direction"] == "long" and job["rounds"]]
    single = [job for job in jobs if job["threads"] == 1]
    by_days = sorted((j for j in single if j["combos"] == document["options"]["combos"]), key=lambda j: j["days"])
    by_combos = sorted((j for j in single if j["days"] == document["options"]["days"]), key=lambda j: j["combos"])
    parts = ["With cores:", _by_cores(document)] if document["options"]["threads"] > 1 else []
    if len(by_days) > 1:
        parts += ["With the length of the data (long, one thread):", _by_days(by_days)]
    if len(by_combos) > 1:
        parts += ["With the number of combinations (long, one thread):", _by_combos(by_combos), linearity(by_combos)]
    return "\n\n".join(parts)


def _by_cores(document: Document) -> str:
    rows, most = [], document["options"]["threads"]
    for direction in DIRECTIONS:
        one, all_ = (find(document, "engine", direction, threads=n) for n in (1, most))
        alone, together = over(one, wall), over(all_, wall)
        if alone is None or together is None:
            continue
        best = f"{alone.median / together.median:.2f} ({alone.best / together.best:.2f})"
        rows.append([direction, told(alone), told(together), best, told(over(one, cpu)), told(over(all_, cpu))])
    head = ["direction", "1 core, wall s", f"{most} cores, wall s", "times as fast", "1 core, CPU s"]
    return table([*head, f"{most} cores, CPU s"], rows)


def _by_days(jobs: list[Job]) -> str:
    rows = []
    for job in jobs:
        one = job["rounds"][0]
        per_bar = over(job, lambda one: cost(one) * 1e12)
        rows.append(
            [f"{job['days']:,}", f"{one['bars']:,}", f"{one['trades']:.0f}", told(over(job, cpu)),
             told(per_bar, "{:.1f}"), told(peak(job), "{:.0f}")]
        )  # fmt: skip
    return table(["days", "bars", "trades a combination", "CPU s", "ps per combo-bar", "peak MB"], rows)


def fixed(smallest: Job) -> float:
    """CPU-seconds that no combination adds to, as the smallest size has them: features, and writing the best 500."""
    return statistics.median(float(one["prepare_cpu_s"] + one["phases_s"]["serialize"]) for one in smallest["rounds"])


def _by_combos(jobs: list[Job]) -> str:
    rows, before, once = [], (0.0, 0), fixed(jobs[0])
    for job in jobs:
        one, spent = job["rounds"][0], statistics.median(map(cpu, job["rounds"]))
        n = one["combos"]
        further = f"{(spent - before[0]) / (n - before[1]) * 1e6:.2f}" if before[1] else "—"
        rows.append(
            [f"{n:,}", f"{one['pairs']:,}", told(over(job, cpu)), f"{spent / n * 1e6:.2f}",
             f"{(spent - once) / n * 1e6:.2f}", further, told(peak(job), "{:.0f}")]
        )  # fmt: skip
        before = (spent, n)
    head = ["combinations", "pairs of averages among them", "CPU s", "µs each, whole job", "µs each, after preparing"]
    return table([*head, "µs per further one", "peak MB"], rows)


def linearity(jobs: list[Job]) -> str:
    """Is the cost beyond the fixed part a·pairs + b·combinations? Least squares of relative errors, by hand."""
    once, known = fixed(jobs[0]), []
    for job in jobs:
        one, spent = job["rounds"][0], statistics.median(map(cpu, job["rounds"])) - once
        known.append((one["pairs"] / spent, one["combos"] / spent))
    pp, pn, nn = (sum(x[i] * x[j] for x in known) for i, j in ((0, 0), (0, 1), (1, 1)))
    p1, n1 = (sum(x[i] for x in known) for i in (0, 1))
    determinant = pp * nn - pn * pn
    a, b = (p1 * nn - n1 * pn) / determinant, (pp * n1 - pn * p1) / determinant
    worst = max(abs(a * p + b * n - 1.0) for p, n in known)
    each = [1.0 / n for _, n in known]
    spread = max(each) / min(each) - 1.0
    plain = "within" if spread <= 1.1 / 0.9 - 1.0 else "not within"
    return (
        f"`After preparing` is without the {once * 1e3:.0f} ms of CPU that the smallest size spends on features and on "
        f"writing the best 500; `per further one` is what each combination beyond the row above costs. After "
        f"preparing, the dearest size costs {spread:.0%} more per combination than the cheapest: {plain} ±10 % of a "
        f"straight line through zero. Crossings are found once per pair of averages, and the more combinations, the "
        f"more share a pair: with pairs counted apart it is {a * 1e6:.2f} µs per pair + {b * 1e6:.2f} µs per "
        f"combination, and the worst of these sizes is {worst:.1%} off that."
    )


# -- the page ---------------------------------------------------------------------------------------------------------


def section(document: Document) -> str:
    options, machine = document["options"], document["machine"]
    combos = f"{options['combos']:,} combinations × {options['days']:,} days" if not options["data"] else (
        f"{options['combos']:,} combinations × {document['about']['data']}"
    )  # fmt: skip
    versions = ", ".join(f"{name} {version}" for name, version in document["about"]["versions"].items())
    parts = [
        f"{document['began'][:10]}, {machine['processors']} × {machine['model']}, {machine['system']}; {versions}; "
        f"swarmd {document['about']['code_version']}. {combos}, `mtf_ema`, aggressive ranges, both directions; "
        f"{options['rounds']} rounds of ours in turn with the others, on processors "
        f"{machine['pinned']}. {machine_was(document)}",
        "### Targets", targets(document),
        "### The whole job", whole_job(document),
    ]  # fmt: skip
    for title, tables in (("Others, on the same bars and combinations", others), ("Scaling", scaling)):
        text = tables(document)
        parts += [f"### {title}", text] if text else []
    failed = [f"{job['name']}: {words}" for job in document["jobs"] for words in job["failed"]]
    parts += [f"**Failed**, {len(failed)} in all: {'; '.join(failed[:3])}"] if failed else []
    parts += [f"**Mind**: {words}" for words in document["warnings"]]
    return "\n\n".join(parts)


def main(arguments: list[str]) -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("run", type=Path, help="what `bench_engine --json` wrote")
    asked.add_argument("--write", type=Path, metavar="PAGE")
    options = asked.parse_args(arguments)
    text = section(json.loads(options.run.read_text()))
    print(text)
    if options.write is not None:
        write_section(options.write, SECTION, text)


if __name__ == "__main__":
    main(sys.argv[1:])
