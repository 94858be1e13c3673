"""The knowledge base: what the campaigns of this home have found out, claim by claim, and what went wrong meanwhile.

The page of `KNOWLEDGE_BASE_BACKTEST.md`, for people; `swarmd knowledge search` finds the same things by their words. A
lesson is a count with its cases and interval, a claim has its scope and verdict, and each names the records behind it;
an honest "no" is told like any other answer, and what was not judged as that. The same records give the same page.
"""

from swarmd.agents.pages.as_of import as_of
from swarmd.agents.pages.learned import claims, lessons
from swarmd.agents.pages.markdown import code, figure, plain, table
from swarmd.agents.pages.troubles import in_words
from swarmd.agents.rules.remedies import success
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus
from swarmd.state.units import iso
from swarmd.state.view import View

_ORDER = (HypothesisStatus.SUPPORTED, HypothesisStatus.NOT_SUPPORTED, HypothesisStatus.NOT_JUDGED)


def knowledge(view: View) -> str:
    """The whole page, Markdown, ending in a newline."""
    sections = [
        "# Knowledge base",
        f"{as_of(view)} From the journal of this home: every line names the records it rests on, and `swarmd "
        "explain ID` "
        "walks from there to what was observed.",
        *(_of_campaign(view, campaign) for campaign in view.campaigns.values()),
        _champions(view),
        _troubles(view),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _of_campaign(view: View, campaign: Campaign) -> str:
    asked = campaign.settings
    standard = [each for each in view.hypotheses.values() if each.campaign == campaign.id and each.origin == "standard"]
    scope = (
        f"{code(asked.strategy.name)}, {asked.data.interval} bars {asked.data.start or 'from the first'} to "
        f"{asked.data.end or 'the last'}, {asked.costs.fee_bps:g} bps fee and {asked.costs.slippage_bps:g} bps slippage"
    )
    judged = sorted(
        (each for each in standard if each.status is not HypothesisStatus.STATED),
        key=lambda each: (_ORDER.index(each.status), -(each.measured or 0.0), each.id),
    )
    head = ("asset", "mode", "verdict", "Sharpe out of sample", "tried", "why", "record")
    parts = [
        f"## {campaign.id}",
        f"The campaign is {campaign.status.value}. Scope: {scope}.",
        lessons(view, campaign.id),
        claims(view, campaign.id) or "No claim was stated.",
        table(head, [_verdict(each) for each in judged], numbers=head[3:5]) if judged else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _verdict(claim: Hypothesis) -> tuple[str, ...]:
    word = claim.status.value.replace("_", " ")
    found = figure(claim.measured), f"{claim.tried:,}", plain(claim.verdict)
    return (claim.symbol, claim.mode, word, *found, code(claim.id))


def _champions(view: View) -> str:
    lines = [
        f"- {code(each.id)}: {plain(each.strategy)} {each.mode}, annual Sharpe {each.oos_annual_sharpe:.2f} out "
        "of sample and "
        f"{each.annual_sharpe:.2f} in sample, {each.tried:,} tried (campaign `{each.campaign}`)"
        for each in view.champions.values()
        if each.is_in_force
    ]
    return "## In force\n\n" + ("\n".join(lines) if lines else "No champion.")


def _troubles(view: View) -> str:
    """What went wrong, by kind and phase, what helped by its record, and the newest account of it."""
    worst_first = sorted(view.failures.values(), key=lambda each: (-each.count, -each.last_seen, each.id))
    rows = [
        (
            in_words(each.signature),
            each.phase or "–",
            str(each.count),
            f"{iso(each.first_seen)[:10]} to {iso(each.last_seen)[:10]}",
            ", ".join(
                f"{name.replace('_', ' ')} {tally.verified} of {tally.tried} ({success(tally):.0%})"
                for name, tally in sorted(each.remedies.items(), key=lambda pair: (-success(pair[1]), pair[0]))
            ),
            plain(each.last_cause),
            ", ".join(code(id) for id in each.last_incidents[-1:]),
        )
        for each in worst_first
    ]
    if not rows:
        return "## What went wrong, and what helped\n\nNothing."
    head = ("what", "phase", "times", "seen", "helped (likely to)", "the newest cause", "record")
    return f"## What went wrong, and what helped\n\n{table(head, rows, numbers=('times',))}"
