"""What was asked, as the campaign's file resolved it: a section of the handoff."""

from swarmd.agents.pages.markdown import code, plain, table
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.campaign_settings import CampaignSettings


def asked(campaign: Campaign | None) -> str:
    if campaign is None:
        return ""
    settings = campaign.settings
    data, limits = settings.data, settings.constraints
    span = f"{data.start or 'the first bar'} to {data.end or 'the last'}"
    prescreen, refine = settings.search.prescreen, settings.search.refine
    rows = [
        *([("in its author's words", plain(settings.label))] if settings.label else []),
        ("campaign file", f"{code(campaign.file)}, settings digest {code(campaign.digest[:12])}"),
        ("strategy", f"{code(settings.strategy.name)}, modes {', '.join(settings.strategy.modes)}"),
        *((f"assets, {plain(tier)}", ", ".join(symbols)) for tier, symbols in settings.assets.tiers.items()),
        ("data", f"{data.interval} bars in {code(data.root)}, {span}; the last {data.oos_share:.0%} kept unseen"),
        ("search", f"{prescreen.combos:,} combinations an asset and mode (seed {prescreen.seed}), top {prescreen.top}"),
        ("refinement", f"{_method_asked(settings)} (seed {refine.seed}){_rungs_asked(settings)}"),
        ("costs", f"fee {settings.costs.fee_bps:g} bps, slippage {settings.costs.slippage_bps:g} bps"),
        (
            "gates",
            f"at least {limits.min_trades} trades, drawdown at most {limits.max_drawdown:.2f}, "
            f"{_judged_by(settings)} at alpha {settings.validation.alpha:g}",
        ),
        *_second_asked(settings),
    ]
    return f"## What was asked\n\n{table(('what', 'as asked'), rows)}"


def _judged_by(asked: CampaignSettings) -> str:
    validation = asked.validation
    if not asked.asks_evidence:
        return validation.screen
    also = f" and {validation.strict}" if validation.crown_on == "both" else ""
    return f"evidence of up to {validation.surrogates} surrogate markets and the vault{also}"


def _second_asked(asked: CampaignSettings) -> list[tuple[str, str]]:
    """Nothing where the screen crowns."""
    if not asked.is_strict:
        return []
    again = asked.search.reoptimize
    important = ", ".join(asked.important()) or "no asset"
    return [
        ("second search", f"{again.trials:,} trials on all development data, {again.window_trials:,} in each window"),
        ("guards", f"{asked.validation.strict} on the unseen part; other displacements for {important}"),
    ]


def _method_asked(asked: CampaignSettings) -> str:
    search = asked.search
    trials = "every point of a grid" if search.procedure == "grid" else f"{search.refine.trials:,} trials"
    method = "" if search.procedure == "grid" else f" with {search.procedure}"
    walked = f", walked forward over {search.walk_forward.windows} windows" if search.method == "walk_forward" else ""
    return f"{trials}{method}{walked}"


def _rungs_asked(asked: CampaignSettings) -> str:
    rungs = ", ".join(map(str, asked.rungs()))
    return f", in cohorts of {asked.assets.batch_size} with rungs after {rungs}" if rungs else ""
