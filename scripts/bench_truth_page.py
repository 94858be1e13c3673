#!/usr/bin/env python3
"""The report of `bench_truth` as the tables of docs/VALIDATION.md, between the markers of that page. Not a command."""

import sys
from pathlib import Path
from typing import Any

_P_NAMES = {
    "p_surrogates": "of the search (surrogates)",
    "p_vault": "of the vault",
    "p_vault_over_holding": "of the vault over holding",
    "p_combined": "combined",
    "p_vault_at_truth": "of the vault against the truth",
}

Report = dict[str, Any]


def page_of(report: Report) -> str:
    """All tables, and in front of them what was searched."""
    parts = [
        brief_page_of(report),
        "**Crowned by what the finalist is truly worth** (planted markets only): a search may miss the edge that is "
        "there and put forward another rule, which deserves no crown for it.",
        _by_truth(report),
        "**What each quality gate costs**: of the markets whose p-value passes, how many it refuses, and in brackets "
        "how many it alone refuses.",
        _gates(report),
        "**p-values where nothing is to be found**: uniform ones have a mean of 0.5.",
        _calibration(report),
        "**The forecast of champions on planted markets**: annual Sharpe ratios, on average.",
        _forecast(report),
        "**Finalists**, crowned or not: annual Sharpe ratios, on average.",
        _finalists(report),
        *_fleets(report),
        "**Cost**: processor seconds of one core.",
        _cost(report),
    ]
    return "\n\n".join(parts)


def brief_page_of(report: Report) -> str:
    """What was searched, and who was crowned."""
    counts, markets = report["counts"], {kind: n for kind, n in report["markets"].items() if n}
    parts = [
        f"{sum(markets.values())} markets ({', '.join(f'{n} {kind}' for kind, n in markets.items())}); searched are "
        f"{counts['years']} years with {counts['combos']:,} vectors, {_exits(counts['search']['space'])}, and "
        f"{counts['trials']} trials each, at most {counts['surrogates']} surrogates.",
        "**Crowned**, percent of the markets of a kind (below noise and drift: the exact one-sided 95 % upper bound).",
        _rules(report),
        _clairvoyant(report),
    ]
    return "\n\n".join(parts)


def write(page: Path, text: str, *, name: str) -> None:
    """Replace what stands between the markers of that name and nothing else."""
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, begin, rest = page.read_text().partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        sys.exit(f"{page}: no {opening} ... {closing}; nothing written")
    page.write_text(f"{before}{opening}\n\n{text}\n\n{closing}{after}")


def _exits(space: dict[str, Any]) -> str:
    told = (f"{name} of {100 * space[key]['low']:g} to {100 * space[key]['high']:g} %"
            for key, name in (("sl", "stops"), ("tp", "targets")))  # fmt: skip
    return " and ".join(told)


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _rules(report: Report) -> str:
    kinds = [kind for kind, n in report["markets"].items() if n]
    rows = [[rule, *(_rate(rates[kind], is_null=not kind.startswith("planted")) for kind in kinds)]
            for rule, rates in report["rules"].items()]  # fmt: skip
    return _table(["rule", *kinds], rows)


def _clairvoyant(report: Report) -> str:
    told = [f"{100 * rate['rate']:.0f} % at {kind}" for kind, rate in report["clairvoyant"].items() if rate["of"]]
    if not told:
        return "No market has an edge."
    return (
        "The ceiling: who has always known the planted rule, searches nothing, and judges it on both stretches by the "
        f"same Fisher's p at most 0.01, passes {', '.join(told)}. What is missing there no search can find."
    )


def _rate(rate: dict[str, Any], *, is_null: bool) -> str:
    if rate["rate"] is None:
        return ""
    told = f"{100 * rate['rate']:.1f}"
    return f"{told} (≤ {100 * rate['upper']:.1f})" if is_null else told


def _by_truth(report: Report) -> str:
    truths = list(report["by_truth"])
    rows = [["finalists", *(str(next(iter(report["by_truth"][truth].values()))["of"]) for truth in truths)]]
    rows += [[rule, *(_rate(report["by_truth"][truth][rule], is_null=False) for truth in truths)]
             for rule in report["rules"]]  # fmt: skip
    return _table(["true net annual Sharpe ratio", *truths], rows)


def _gates(report: Report) -> str:
    if not report["gates"]:
        return "No p-value passes."
    kinds = list(report["markets"])
    asked = next(iter(report["gates"].values()))
    rows = [["p-value passes", *(str(asked[kind]["asked"]) for kind in kinds)]]
    for gate, told in report["gates"].items():
        rows.append([gate, *(f"{told[kind]['refused']} ({told[kind]['alone']})" for kind in kinds)])
    return _table(["gate", *kinds], rows)


def _calibration(report: Report) -> str:
    rows = []
    for kind, name in (("noise", "calibration"), ("drift", "calibration_drift")):
        for p, told in report[name].items():
            rows.append(
                [kind, _P_NAMES[p], str(told["markets"]), f"{told['mean']:.2f}",
                 *(f"{100 * told[f'at_most_{level}']:.1f} %" for level in ("0.01", "0.05", "0.10")),
                 f"{told['ks']:.3f} (p = {told['ks_p']:.3f})"]
            )  # fmt: skip
    return _table(["kind", "p-value", "markets", "mean", "≤ 0.01", "≤ 0.05", "≤ 0.10", "KS against uniform"], rows)


def _forecast(report: Report) -> str:
    rows = [
        [kind, str(told["champions"]), *(f"{told[name]:.2f}" for name in ("truth", "development", "vault", "shrunken")),
         f"{told['shrunken_over_truth']:.2f}", f"{told['typical_error']:.2f}"]
        for kind, told in report["forecast"].items()
    ]  # fmt: skip
    head = ["planted", "champions", "truth", "development", "vault", "forecast", "forecast / truth", "typical error"]
    return _table(head, rows)


def _finalists(report: Report) -> str:
    names = ("development_sharpe", "surrogate_sharpe_mean", "vault_sharpe", "shrunken", "true_sharpe")
    rows = [[kind, *(_figure(told[name]) for name in names)] for kind, told in report["finalists"].items()]
    return _table(["kind", "development", "best of surrogates", "vault", "forecast", "truth"], rows)


def _fleets(report: Report) -> list[str]:
    if not report["fleets"]:
        return []
    rows = [
        [policy, f"{100 * told['mean_false_share']:.1f} %", f"{100 * told['false_share_95']:.1f} %",
         f"{100 * told['fleets_within_level']:.0f} %", f"{told['champions']:.1f}", f"{100 * told['edges_found']:.0f} %"]
        for policy, told in report["fleets"].items()
    ]  # fmt: skip
    head = ["policy", "false share, mean", "95th percentile", "fleets within 10 %", "champions a fleet", "edges found"]
    return [
        "**Fleets** of 200 assets drawn from these markets (75 % noise, 5 % drift, 20 % planted in equal parts), the "
        "share of false ones among their champions.",
        _table(head, rows),
    ]


def _cost(report: Report) -> str:
    names = ("cpu_s", "surrogates", "cpu_s_a_search", "cpu_s_judgement")
    rows = [[kind, *(_figure(told[name]) for name in names)] for kind, told in report["cost"].items()]
    return _table(["kind", "a market", "surrogates", "one search", "all the rest"], rows)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
