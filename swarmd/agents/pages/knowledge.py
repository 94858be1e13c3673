"""The knowledge base: what the campaigns of this home have found out, claim by claim, and what went wrong meanwhile.

The page of `KNOWLEDGE_BASE_BACKTEST.md`. A lesson here is a claim with its scope, its verdict and the records behind
it; an honest "no" is a lesson like any other, and what was not judged is told as that.
"""

from collections import Counter

from swarmd.agents.pages.markdown import figure, table
from swarmd.agents.pages.troubles import in_words
from swarmd.agents.rules.words import several
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus
from swarmd.state.records.incident import IncidentStatus
from swarmd.state.units import Millis, iso
from swarmd.state.view import View

_ORDER = (HypothesisStatus.SUPPORTED, HypothesisStatus.NOT_SUPPORTED, HypothesisStatus.NOT_JUDGED)


def knowledge(view: View, now: Millis) -> str:
    """The whole page, Markdown, ending in a newline."""
    sections = [
        "# Knowledge base",
        f"Written {iso(now)[:19].replace('T', ' ')} UTC from the journal of this home: every line names the records it "
        "rests on, and `swarmd explain ID` walks from there to what was observed.",
        *(_of_campaign(view, campaign) for campaign in view.campaigns.values()),
        _champions(view),
        _troubles(view),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _of_campaign(view: View, campaign: Campaign) -> str:
    asked = campaign.settings
    claims = [each for each in view.hypotheses.values() if each.campaign == campaign.id]
    count = Counter(each.status for each in claims)
    scope = (
        f"`{asked.strategy.name}`, {asked.data.interval} bars {asked.data.start or 'from the first'} to "
        f"{asked.data.end or 'the last'}, {asked.costs.fee_bps:g} bps fee and {asked.costs.slippage_bps:g} bps slippage"
    )
    verdict = ", ".join(f"{count[status]} {status.value.replace('_', ' ')}" for status in _ORDER if count[status])
    told = f"{campaign.status.value}. Scope: {scope}. {several(len(claims), 'claim')}: {verdict or 'none judged yet'}."
    judged = sorted(
        (each for each in claims if each.status is not HypothesisStatus.STATED),
        key=lambda each: (_ORDER.index(each.status), -(each.measured or 0.0)),
    )
    head = ("asset", "mode", "verdict", "Sharpe out of sample", "tried", "why", "record")
    lessons = f"\n\n{table(head, [_lesson(each) for each in judged], numbers=head[3:5])}" if judged else ""
    return f"## {campaign.id}\n\n{told}{lessons}"


def _lesson(claim: Hypothesis) -> tuple[str, ...]:
    word = claim.status.value.replace("_", " ")
    return (claim.symbol, claim.mode, word, figure(claim.measured), f"{claim.tried:,}", claim.verdict, f"`{claim.id}`")


def _champions(view: View) -> str:
    lines = [
        f"- `{each.id}`: {each.strategy} {each.mode}, annual Sharpe {each.oos_annual_sharpe:.2f} out of sample and "
        f"{each.annual_sharpe:.2f} in sample, {each.tried:,} tried (campaign `{each.campaign}`)"
        for each in view.champions.values()
        if each.is_in_force
    ]
    return "## In force\n\n" + ("\n".join(lines) if lines else "No champion.")


def _troubles(view: View) -> str:
    """What went wrong, by kind, with how often it ended well and the newest account of it."""
    rows = []
    for signature, n_times in Counter(each.signature for each in view.incidents.values()).most_common():
        of_kind = [each for each in view.incidents.values() if each.signature is signature]
        closed = sum(1 for each in of_kind if each.status is IncidentStatus.CLOSED)
        newest = max(of_kind, key=lambda each: each.opened_at)
        rows.append((in_words(signature), str(n_times), str(closed), newest.cause, newest.outcome, f"`{newest.id}`"))
    if not rows:
        return "## Troubles\n\nNone."
    head = ("what", "times", "closed", "the newest cause", "what came of it", "record")
    return f"## Troubles\n\n{table(head, rows, numbers=head[1:3])}"
