"""Which phases a question goes through, by what it crowns on: asked by the plan of a campaign and by `optimize`."""

from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import Phase

# What stands between the refinement and the crown. The surrogate markets behind a refinement are none of these: how
# many are searched follows from what they bring, and the judgement waits for them.
_JUDGED_BY_EVIDENCE = (Phase.VALIDATE,)
_JUDGED_BY_TABLE = (Phase.SCREEN, Phase.REOPTIMIZE, Phase.GUARDS)
_JUDGED_BY_SCREEN = (Phase.SCREEN,)


def phases_of(settings: CampaignSettings) -> tuple[Phase, ...]:
    """The phases of its chains, in their order."""
    if settings.asks_evidence:
        judges: tuple[Phase, ...] = _JUDGED_BY_EVIDENCE
    else:
        judges = _JUDGED_BY_TABLE if settings.is_strict else _JUDGED_BY_SCREEN
    return (Phase.PREFLIGHT, Phase.PRESCREEN, Phase.REFINE, *judges, Phase.CROWN)


def judging_phase(settings: CampaignSettings) -> Phase:
    """The phase that looks at the vault."""
    return phases_of(settings)[-2]
