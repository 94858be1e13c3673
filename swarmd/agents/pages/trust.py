"""What of the results can be trusted, and why: luck, effort, what to expect, and what speaks against each of them.

A section of the handoff, for somebody who has to decide in ten minutes whether to use what was found. Every figure is
of the records; what was verified anew for the page stands in its last section.
"""

from collections.abc import Iterator, Sequence

from swarmd.agents.pages.markdown import code, figure, p_value, plain, table
from swarmd.agents.pages.verification import CommandOutput, in_one_line
from swarmd.agents.rules.judged import Judged, judged_searches
from swarmd.agents.rules.words import several
from swarmd.state.champion_words import evidence_in_words
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.champion import Champion
from swarmd.state.records.job import JobStatus, Phase, job_id
from swarmd.state.records.run import RunEnded, RunStatus, run_id
from swarmd.state.view import View

_ROWS_MAX = 60
_FEW_TRADES = 100


def trust(view: View, campaign: Campaign | None, verification: Sequence[CommandOutput]) -> str:
    parts = ["## What can be trusted, and why", in_one_line(verification)]
    if campaign is None:
        return "\n\n".join(parts)
    judged = [*judged_searches(view, campaign)]
    crowned = [each for each in judged if each.passed]
    if not judged:
        parts.append("Nothing was held against data that no search had seen: there is no result to be trusted yet.")
    parts += [_of_champion(view, campaign, each, verification) for each in crowned]
    if len(judged) > len(crowned):
        rejected = len(judged) - len(crowned)
        parts.append(
            f"{several(rejected, 'finalist')} did not hold what the search had promised. That is an answer as well: "
            "do not use their parameters, however good they look in sample."
        )
    if judged:
        parts.append(_figures(campaign, judged))
    return "\n\n".join([*parts, _of_work(view, campaign)])


def best_in_one_line(view: View, campaign: Campaign) -> str:
    """Of the champion that luck explains least, what to expect of it; or that there is nothing to be trusted."""
    crowned = [each for each in judged_searches(view, campaign) if each.passed]
    if not crowned:
        return "no result to be used."
    best = min(crowned, key=lambda each: (each.figure("p") if each.figure("p") is not None else 1.0, each.symbol))
    p, forecast = best.figure("p"), best.figure("forecast")
    told = [f"p {p_value(p)} where {campaign.settings.validation.alpha:g} was asked"] if p is not None else []
    told += [f"expect an annual Sharpe of {forecast:.2f}"] if forecast is not None else []
    figures = ", ".join(told) or "passed its gates, and was not priced against luck"
    return f"{best.symbol} {best.mode}: {figures}."


def _of_champion(view: View, campaign: Campaign, judged: Judged, verification: Sequence[CommandOutput]) -> str:
    champion = view.champions.get(f"{judged.symbol}_{campaign.settings.data.interval}")
    lines = [*_luck(view, campaign, judged), *_effort(judged), *_outlook(judged), *_against(view, campaign, judged)]
    lines += _standing(champion, campaign, judged, verification)
    return f"### {judged.symbol} {judged.mode}\n\n" + "\n".join(f"- {line}" for line in lines)


def _luck(view: View, campaign: Campaign, judged: Judged) -> Iterator[str]:
    asked = campaign.settings
    if not asked.asks_evidence:
        psr = judged.figure("psr")
        told = f"; probabilistic Sharpe ratio {psr:.3f}" if psr is not None else ""
        yield (
            f"**Luck.** It passed the gates of {judged.job.phase.value} on data not seen before{told}. The "
            "search itself "
            "was not priced on surrogate markets: how likely luck finds as much is not known."
        )
        return
    searched, as_good = _surrogates(view, campaign, judged)
    yield (
        f"**Luck.** p {p_value(judged.figure('p'))} of search and vault together (at most "
        f"{asked.validation.alpha:g} was "
        f"asked). The search alone: p {p_value(judged.figure('p_surrogates'))}, as the same search on "
        f"{searched} markets "
        f"in which nothing is to be found came to as good a score {_times(as_good)}. The vault alone: p "
        f"{p_value(judged.figure('p_vault'))}."
    )


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")


def _surrogates(view: View, campaign: Campaign, judged: Judged) -> tuple[int, int]:
    searched = as_good = 0
    for job in view.jobs_of_campaign():
        if job.phase is Phase.SURROGATES and (job.symbol, job.mode) == (judged.symbol, judged.mode):
            result = view.results.get(run_id(job.id, job.attempt))
            figures = {} if result is None or job.status is not JobStatus.DONE else result.summary.figures
            searched += int(figures.get("searched") or 0)
            as_good += int(figures.get("as_good") or 0)
    return searched, as_good


def _effort(judged: Judged) -> Iterator[str]:
    tried = judged.figure("tried")
    if tried is None:
        return
    deflated = judged.figure("dsr")
    overfitted = judged.figure("pbo")
    told = [f"deflated Sharpe ratio {deflated:.2f}"] if deflated is not None else []
    told += [f"probability of overfitting {overfitted:.2f}"] if overfitted is not None else []
    priced = f" After paying for them: {', '.join(told)}." if told else ""
    yield f"**Effort.** {tried:,.0f} parameter vectors of this asset and strategy stand in the trial ledger.{priced}"


def _outlook(judged: Judged) -> Iterator[str]:
    inside, outside, forecast = (judged.figure(n) for n in ("annual_sharpe", "oos_annual_sharpe", "forecast"))
    seen = f"annual Sharpe {figure(inside)} in sample and {figure(outside)} in the vault"
    if forecast is not None:
        yield (
            f"**Expect** an annual Sharpe of {forecast:.2f}, shrunken from {seen}; that promise is what the "
            "monitor watches."
        )
    else:
        yield f"**Expect** less than what was seen: {seen}. No forecast was made."


def _against(view: View, campaign: Campaign, judged: Judged) -> Iterator[str]:
    """What speaks against it, in figures, so that nobody has to look for it."""
    doubts = []
    _, misses, told = judged.result.summary.headline.partition("the strict table misses ")
    if misses:
        doubts.append(f"the strict table, which crowns nobody here, misses {plain(told)}")
    trades = judged.figure("oos_trades")
    if trades is not None and trades < _FEW_TRADES:
        doubts.append(f"only {trades:.0f} trades in the vault")
    if (looks := judged.figure("looks")) is not None and looks > 1:
        doubts.append(f"it was finalist number {looks:.0f} to look at this vault, and its p is corrected for that")
    if campaign.settings.asks_evidence:
        searched, _ = _surrogates(view, campaign, judged)
        if searched and 1 / (searched + 1) > campaign.settings.validation.alpha:
            doubts.append(
                f"with {searched} surrogate markets the p of the search cannot fall below "
                f"{1 / (searched + 1):.2g}; the "
                "vault carries the rest"
            )
    if (synthetic := _synthetic_bars(view, campaign, judged.symbol)) > 0:
        doubts.append(f"{synthetic:,} of its bars were filled in")
    yield f"**Against it.** {'; '.join(doubts) if doubts else 'nothing that was looked at'}."


def _synthetic_bars(view: View, campaign: Campaign, symbol: str) -> int:
    job = view.jobs.get(job_id(campaign.id, symbol, "", Phase.PREFLIGHT))
    result = None if job is None else view.results.get(run_id(job.id, job.attempt))
    return 0 if result is None else int(result.summary.figures.get("synthetic_bars") or 0)


def _standing(
    champion: Champion | None, campaign: Campaign, judged: Judged, verification: Sequence[CommandOutput]
) -> Iterator[str]:
    if champion is None or champion.campaign != campaign.id or champion.mode != judged.mode:
        yield "**By now.** Another holds its niche, or nobody: see the champions in force."
        return
    watched = evidence_in_words(champion.e_value, champion.days)
    state = (
        "in force" if champion.is_in_force else f"{champion.status.value.replace('_', ' ')} ({plain(champion.note)})"
    )
    own = ("swarmd", "champion", "verify", champion.symbol, champion.timeframe)
    run = next((each for each in verification if tuple(each.command.split()) == own), None)
    anew = "not verified for this page"
    if run is not None:
        anew = (
            "verified anew for this page, bit for bit"
            if run.holds
            else f"**verification failed** ({run.told}), see below"
        )
    kept = [path for path in judged.result.summary.artifacts if path.endswith(("certificate.json", "guards.json"))]
    files = ", ".join(code(path) for path in (champion.path, *kept))
    yield f"**By now.** {state}, {anew}; the monitor: {watched or 'no day to weigh yet'}. On file: {files}."


def _figures(campaign: Campaign, judged: Sequence[Judged]) -> str:
    head = (
        "asset",
        "mode",
        "answer",
        "Sharpe in sample",
        "in the vault",
        "drawdown",
        "trades",
        "p",
        "expected",
        "tried",
    )
    rows = [
        (
            each.symbol,
            each.mode,
            "yes" if each.passed else "no",
            *(figure(each.figure(name)) for name in ("annual_sharpe", "oos_annual_sharpe", "oos_max_drawdown")),
            figure(each.figure("oos_trades"), 0),
            p_value(each.figure("p")),
            figure(each.figure("forecast")),
            _whole(each.figure("tried")),
        )
        for each in sorted(judged, key=lambda each: not each.passed)[:_ROWS_MAX]
    ]
    # Without surrogates there is neither a p nor a forecast.
    columns = range(len(head)) if campaign.settings.asks_evidence else (*range(7), 9)
    chosen = tuple(head[at] for at in columns)
    told = table(chosen, [tuple(row[at] for at in columns) for row in rows], numbers=chosen[3:])
    return told + (f"\n\nThe first {_ROWS_MAX} of {len(judged)} are shown." if len(judged) > _ROWS_MAX else "")


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _of_work(view: View, campaign: Campaign) -> str:
    """That losses of runs did not touch the results, in counts."""
    own = {job.id for job in view.jobs_of_campaign()}
    ended = [run for run in view.runs.values() if run.job in own and isinstance(run, RunEnded)]
    lost = sum(1 for run in ended if run.status is not RunStatus.DONE)
    late = sum(1 for result in view.loose_results if result.job in own)
    told = f"{several(len(ended), 'run')} ended, {lost} of them without a result of their own"
    left = f", {late} came late and {'was' if late == 1 else 'were'} left out" if late else ""
    changed = {(each.code_version, each.rules) for each in view.sessions.values()}
    other = (
        f" **{len(changed)} different sets of rules or versions decided in its sessions** (see how to reproduce): what "
        "was decided by the older ones is on record as they decided it."
        if len(changed) > 1
        else ""
    )
    return (
        f"The work itself: {told}. Each job counts exactly one result, by its fencing token{left}; what a lost run had "
        f"done was taken up or done again, so that no trial counts twice.{other}"
    )
