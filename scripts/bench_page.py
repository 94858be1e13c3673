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
from pathlib import Path

from bench_figures import Document, Figure, Job, cost, cpu, find, machine_was, over, peak, ratio, wall
from bench_scaling import scaling
from bench_tables import DIRECTIONS, table, told
from page_section import write_section

SECTION = "bench_engine"
PEERS = {
    "plain-tables": "plain loop, every bar of every combination, averages looked up (numba, all cores)",
    "plain": "the same, averages kept in registers",
    "vectorbt": "vectorbt, numba engine, with the metrics",
    "vectorbt-rust": "vectorbt, rust engine, with the metrics",
    "raptorbt": "raptorbt, batch runner, with its own metrics",
    "backtesting": "backtesting.py",
}


# -- tables -----------------------------------------------------------------------------------------------------------


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
