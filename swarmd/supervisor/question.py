"""The question a campaign asks: its settings to the last default, and the digest by which it is known again.

Apart from the file it may have been written in: a daemon that goes on with its campaign reads no file.
"""

import hashlib
from typing import Any

import orjson

from swarmd.state.records.campaign_settings import CampaignSettings


def resolved(settings: CampaignSettings) -> dict[str, Any]:
    """The settings to the last default, as plain JSON values: what is saved beside the results."""
    return settings.model_dump(mode="json")


def digest(settings: CampaignSettings) -> str:
    """sha256 of the resolved settings: two files that ask the same question have the same digest.

    Without the budget, the spares and what graphics processors are to do: how much the answer may cost, how soon a lost
    lane is back, and what computes the same bits, change no result.
    Rungs count as the figures they come to; without any it is the question of before there were rungs. So it is with
    what else came later: where it stands at its default it asks nothing new.
    """
    question = resolved(settings)
    refine = question["search"]["refine"]
    refine["rungs"] = settings.rungs()
    if not refine["rungs"]:
        del refine["rungs"]
    if settings.search.method != "walk_forward":
        del question["search"]["walk_forward"]
    for section, shape, name in (
        (refine, settings.search.refine, "prune"),
        (refine, settings.search.refine, "workers"),
        (question["constraints"], settings.constraints, "enforce_tp_progression"),
        (question["validation"], settings.validation, "paths"),
    ):
        if getattr(shape, name) == type(shape).model_fields[name].default:
            del section[name]
    if not settings.is_strict:
        del question["search"]["reoptimize"]["trials"], question["assets"]["important"]
        if not settings.asks_evidence:
            del question["search"]["reoptimize"]
        if settings.validation.crown_on != "both":
            del question["validation"]["strict"]
    if not settings.asks_evidence:
        del question["validation"]["surrogates"]
    if not settings.hypotheses:
        del question["hypotheses"]
    for name in ("budget", "spares", "gpu_lanes"):
        del question["limits"][name]
    del question["targets"]["gpu_util"]
    # Neither who is told of the answer, nor where the lanes live and what they keep lies, is part of the question.
    del question["notify"], question["backend"], question["storage"], question["ledger"]
    return hashlib.sha256(orjson.dumps(question, option=orjson.OPT_SORT_KEYS)).hexdigest()
