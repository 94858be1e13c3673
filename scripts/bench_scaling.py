#!/usr/bin/env python3
"""How the cost of a screen grows: with cores, with the length of the data, with the number of combinations."""

import statistics

from bench_figures import Document, Job, Round, cost, cpu, find, over, peak, wall
from bench_tables import DIRECTIONS, table, told

# Asked of the cost in combinations.
LINEAR = 0.1


def scaling(document: Document) -> str:
    jobs = [job for job in document["jobs"] if job["what"] == "engine" and job["direction"] == "long" and job["rounds"]]
    single = [job for job in jobs if job["threads"] == 1 and not job.get("sharing_as")]
    shared = sorted((job for job in jobs if job.get("sharing_as")), key=lambda job: job["combos"])
    by_days = sorted((j for j in single if j["combos"] == document["options"]["combos"]), key=lambda j: j["days"])
    by_combos = sorted((j for j in single if j["days"] == document["options"]["days"]), key=lambda j: j["combos"])
    parts = ["With cores:", _by_cores(document)] if document["options"]["threads"] > 1 else []
    if len(by_days) > 1:
        parts += ["With the length of the data (long, one thread):", _by_days(by_days)]
    if len(by_combos) > 1:
        parts += ["With the number of combinations (long, one thread):", _by_combos(by_combos), linearity(by_combos)]
    if len(shared) > 1:
        parts += [_head_of_shared(shared[0]), _by_combos(shared), straightness(shared)]
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


def _head_of_shared(smallest: Job) -> str:
    return (
        f"With their number alone, as many sharing a pair of averages at every size as do in the draw of "
        f"{smallest['sharing_as']:,} (long, one thread, drawn beforehand):"
    )


def straightness(jobs: list[Job]) -> str:
    """How far the sizes are from a straight line: what no combination adds to, and so much for each of them."""
    once, each, off = _fitted([(1.0, one["combos"], spent) for one, spent in _spent(jobs)])
    verdict = "within" if off <= LINEAR else "not within"
    return (
        f"A straight line through them: {once * 1e3:.0f} ms that no combination adds to + {each * 1e6:.2f} µs per "
        f"combination; the worst of these sizes is {off:.1%} off it, {verdict} ±{LINEAR:.0%}."
    )


def linearity(jobs: list[Job]) -> str:
    """Is the cost beyond the fixed part a·pairs + b·combinations?"""
    once = fixed(jobs[0])
    known = [(one["pairs"], one["combos"], spent - once) for one, spent in _spent(jobs)]
    a, b, worst = _fitted(known)
    each = [spent / combos for _, combos, spent in known]
    spread = max(each) / min(each) - 1.0
    plain = "within" if spread <= (1 + LINEAR) / (1 - LINEAR) - 1.0 else "not within"
    return (
        f"`After preparing` is without the {once * 1e3:.0f} ms of CPU that the smallest size spends on features and on "
        f"writing the best 500; `per further one` is what each combination beyond the row above costs. After "
        f"preparing, the dearest size costs {spread:.0%} more per combination than the cheapest: {plain} ±10 % of a "
        f"straight line through zero. Crossings are found once per pair of averages, and the more combinations, the "
        f"more share a pair: with pairs counted apart it is {a * 1e6:.2f} µs per pair + {b * 1e6:.2f} µs per "
        f"combination, and the worst of these sizes is {worst:.1%} off that."
    )


def _spent(jobs: list[Job]) -> list[tuple[Round, float]]:
    """A round of each size, and the CPU-seconds of all of its rounds in the middle."""
    return [(job["rounds"][0], statistics.median(map(cpu, job["rounds"]))) for job in jobs]


def _fitted(known: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """a and b of a·x + b·y = z by least squares of relative errors, by hand, and the worst of these errors."""
    rows = [(x / z, y / z) for x, y, z in known]
    xx, xy, yy = (sum(row[i] * row[j] for row in rows) for i, j in ((0, 0), (0, 1), (1, 1)))
    x1, y1 = (sum(row[i] for row in rows) for i in (0, 1))
    determinant = xx * yy - xy * xy
    a, b = (x1 * yy - y1 * xy) / determinant, (xx * y1 - xy * x1) / determinant
    return a, b, max(abs(a * x + b * y - 1.0) for x, y in rows)
