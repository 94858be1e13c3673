"""Who goes on in its chain: past a rung, into a branch, to its judgement; as it starts, and as it stands at the end.

Each law is seen to fail on a planted state, and to hold on the nearest lawful one.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from builders import a_run, a_view, an_action, an_action_wished
from chain_builders import Chains, a_climb, a_priced_one, a_strict_one, ended

from simulation.laws import LawBroken, Laws
from simulation.world import World
from swarmd.state.records.campaign import CampaignStatus
from swarmd.state.records.run import RunOrdered

NOW = 100_000
GRID = [f"reoptimize-displacement-{length}" for length in (26, 39, 52, 65, 78)]


def starts(chains: Chains, name: str, attempt: int = 1) -> None:
    chains.job(name, status="queued", attempt=attempt)
    job = chains.at(name)
    run = a_run(job.id, attempt, status="starting")
    assert isinstance(run, RunOrdered)
    chains.campaign = chains.campaign.model_copy(update={"status": CampaignStatus.ACTIVE})
    Laws().starts(chains.view(), run, NOW, World(1, fault_rate=0.0))


def ends(chains: Chains, *, again: str = "") -> None:
    """After a job of that name was tried again, where one is named."""
    laws = Laws()
    if again:
        retry = an_action(action=an_action_wished("retry_job", job=f"majors.{again}"))
        laws.looked(a_view(actions=[retry]), [], 0, World(1))
    laws.at_the_end(chains.view(), NOW)


# -- past a rung ------------------------------------------------------------------------------------------------------


def scored(scores: Mapping[str, float | None], **others: Any) -> Chains:
    """The first cohort is through its rung with these scores and nobody is sound, unless it is told otherwise."""
    chains = ended(a_climb())
    for symbol in ("AUSDT", "BUSDT", "CUSDT"):
        figures = {"score": scores.get(symbol, 0.0), "best_annual_sharpe": 0.1} | others.get(symbol, {})
        chains.answer(f"{symbol}.refine-50", **figures)
    return chains


def left_behind(chains: Chains, *symbols: str) -> Chains:
    for symbol in symbols:
        for step in ("refine", "screen", "crown"):
            chains.job(f"{symbol}.{step}", status="skipped", attempt=0, answered=False)
    return chains


BEHIND_BOTH = ("majors.CUSDT.balanced.refine-50", "majors.CUSDT.balanced.prescreen")
DESCENDING = {"AUSDT": 0.9, "BUSDT": 0.8, "CUSDT": 0.7}


def test_who_starts_before_its_cohort_is_through_the_rung_is_found_out() -> None:
    with pytest.raises(LawBroken, match=r"AUSDT.balanced.refine starts before its cohort .*\['majors.CUSDT"):
        starts(scored(DESCENDING).job("CUSDT.refine-50", status="queued"), "AUSDT.refine")
    starts(scored(DESCENDING).job("CUSDT.refine-50", status="failed"), "AUSDT.refine")
    starts(scored(DESCENDING).job("DUSDT.refine-50", status="queued"), "AUSDT.refine")  # of the other cohort
    starts(scored(DESCENDING).job("CUSDT.prescreen", status="queued"), "BUSDT.screen")  # no rung is behind it


@pytest.mark.parametrize(
    ("chains", "name"),
    [
        (lambda: scored(DESCENDING), "CUSDT.refine"),
        (lambda: scored(DESCENDING).job("CUSDT.refine", after=BEHIND_BOTH), "CUSDT.refine"),
        (lambda: scored({"AUSDT": 0.5, "BUSDT": 0.5, "CUSDT": 0.5}), "CUSDT.refine"),  # of equals the first stay
        (lambda: scored(DESCENDING, CUSDT={"best_annual_sharpe": 0.799}), "CUSDT.refine"),
        (lambda: scored(DESCENDING, CUSDT={"best_annual_sharpe": 2.0, "paced_annual_sharpe": 0.799}), "CUSDT.refine"),
        (lambda: scored(DESCENDING, CUSDT={"best_annual_sharpe": 2.0, "paced_annual_sharpe": None}), "CUSDT.refine"),
        (lambda: scored(DESCENDING).job("CUSDT.refine-50", status="failed"), "BUSDT.refine"),  # one of two
        (lambda: scored({"AUSDT": 0.5, "BUSDT": 0.5}).job("CUSDT.refine-50", status="failed"), "BUSDT.refine"),
        # no score is a score of nothing
        (lambda: scored({"AUSDT": None, "BUSDT": 0.5, "CUSDT": 0.7}), "AUSDT.refine"),
        (lambda: scored({"AUSDT": None, "BUSDT": -0.5, "CUSDT": 0.9}), "BUSDT.refine"),
    ],
)
def test_who_was_left_behind_and_starts_is_found_out(chains: Any, name: str) -> None:
    with pytest.raises(LawBroken, match=f"{name.replace('.', '.balanced.')} starts though its cohort has left it beh"):
        starts(chains(), name)
    starts(chains(), name, attempt=2)  # what was begun is worked to its end


@pytest.mark.parametrize(
    ("chains", "name"),
    [
        (lambda: scored(DESCENDING), "BUSDT.refine"),  # two of three go on
        (lambda: scored({"AUSDT": 0.5, "BUSDT": 0.5, "CUSDT": 0.5}), "BUSDT.refine"),
        (lambda: scored(DESCENDING, CUSDT={"best_annual_sharpe": 0.8}), "CUSDT.refine"),
        (lambda: scored(DESCENDING, CUSDT={"best_annual_sharpe": 0.1, "paced_annual_sharpe": 0.8}), "CUSDT.refine"),
        (lambda: scored(DESCENDING).job("CUSDT.refine-50", status="failed"), "AUSDT.refine"),
        (lambda: scored({"AUSDT": 0.5, "BUSDT": 0.5}).job("CUSDT.refine-50", status="failed"), "AUSDT.refine"),
        (lambda: scored({"AUSDT": None, "BUSDT": 0.5, "CUSDT": -0.5}), "AUSDT.refine"),
        (lambda: scored({"AUSDT": None, "BUSDT": 0.5, "CUSDT": 0.9}), "BUSDT.refine"),
    ],
)
def test_the_better_half_and_who_is_sound_go_on(chains: Any, name: str) -> None:
    starts(chains(), name)


def test_a_standing_that_is_not_kept_is_found_out_at_the_end() -> None:
    for against in (scored(DESCENDING), left_behind(scored(DESCENDING), "BUSDT", "CUSDT")):
        with pytest.raises(LawBroken, match="against the standing of its cohort"):
            ends(against)
        # Another standing may have been true when it was asked, where one of the cohort was tried again later.
        ends(against, again="AUSDT.balanced.refine-50")
        with pytest.raises(LawBroken, match="against the standing"):
            ends(against, again="DUSDT.balanced.refine-50")
    ends(left_behind(scored(DESCENDING), "CUSDT"))
    # Of one that never passed its rung nothing follows.
    ends(left_behind(scored(DESCENDING).job("CUSDT.refine-50", status="failed"), "BUSDT", "CUSDT"))


# -- into a branch ----------------------------------------------------------------------------------------------------


def refused(symbol: str = "AUSDT", *, at_first: Chains | None = None, **figures: Any) -> Chains:
    """Its guards said no, and what may be tried once more is told by their figures."""
    chains = at_first or ended(a_strict_one())
    chains.job(f"{symbol}.guards", status="failed")
    return chains.answer(f"{symbol}.guards", **({"displacement": None, "conservative": False} | figures))


def branched(chains: Chains, *steps: str, symbol: str = "AUSDT", **fields: Any) -> Chains:
    for step in steps:
        phase, _, branch = step.partition("-")
        chains.add(f"{symbol}.{step}", phase, branch=branch, **{"status": "done", "attempt": 1, **fields})
    return chains


def test_what_is_tried_once_more_though_the_guards_said_no_such_thing_is_found_out() -> None:
    for said in (
        ended(a_strict_one()),
        ended(a_strict_one()).job("AUSDT.guards", status="quarantined"),
        refused().job("AUSDT.guards", answered=False),
        refused().job("AUSDT.guards", attempt=2),  # what an attempt before said no longer counts
    ):
        with pytest.raises(LawBroken, match=r"displacement-26 starts though majors.AUSDT.balanced.guards is"):
            starts(branched(said, GRID[0]), f"AUSDT.{GRID[0]}")
    starts(branched(refused(), GRID[0]), f"AUSDT.{GRID[0]}")


@pytest.mark.parametrize("step", ["guards-displacement", "crown-displacement", "reoptimize-conservative"])
def test_what_starts_before_the_other_lengths_have_ended_is_found_out(step: str) -> None:
    for left in GRID:
        waits = branched(refused(), *GRID, step).job(f"AUSDT.{left}", status="queued")
        with pytest.raises(LawBroken, match=rf"starts before the other lengths have ended: \['majors.AUSDT.*{left}'\]"):
            starts(waits, f"AUSDT.{step}")
    starts(branched(refused(), *GRID, step), f"AUSDT.{step}")
    starts(branched(refused(), *GRID, status="queued"), f"AUSDT.{GRID[0]}")  # the lengths need not wait for each other


CONSERVATIVE = [f"{phase}-conservative" for phase in ("reoptimize", "guards", "crown")]
DISPLACED = [f"{phase}-displacement" for phase in ("guards", "crown")]
ALL = {"displacement": 52, "conservative": True}


@pytest.mark.parametrize(
    ("figures", "called_for"),
    [
        ({}, []),
        ({"conservative": True}, CONSERVATIVE),
        ({"displacement": 52}, [*GRID, *DISPLACED]),
        (ALL, [*GRID, *DISPLACED]),  # the best length passed: nothing is left to try
    ],
)
def test_a_branch_too_many_or_too_few_is_found_out_at_the_end(figures: Any, called_for: list[str]) -> None:
    ends(branched(refused(**figures), *called_for))
    for step in (*GRID, *DISPLACED, *CONSERVATIVE):
        one_off = sorted({*called_for} ^ {step})
        with pytest.raises(LawBroken, match=f"branches were lost, or made without need: .*AUSDT.balanced.{step}'"):
            ends(branched(refused(**figures), *one_off))
    with pytest.raises(LawBroken, match="made without need"):
        ends(branched(ended(a_strict_one()), CONSERVATIVE[0]))


def test_the_conservative_branch_follows_where_no_length_passes() -> None:
    judged = branched(refused(**ALL), *GRID, *DISPLACED, *CONSERVATIVE)
    with pytest.raises(LawBroken, match=r"made without need: .*crown-conservative"):
        ends(judged)
    ends(judged.job(f"AUSDT.{DISPLACED[0]}", status="failed"))
    no_length = branched(refused(**ALL), *GRID, *CONSERVATIVE, status="failed")
    ends(no_length)
    with pytest.raises(LawBroken, match="branches were lost"):
        # The best of the lengths is to be judged.
        ends(no_length.job(f"AUSDT.{GRID[4]}", status="done").answer(f"AUSDT.{GRID[4]}"))


def test_an_asset_of_a_later_tier_tries_no_lengths() -> None:
    ends(branched(refused("BUSDT", **ALL), *CONSERVATIVE, symbol="BUSDT"))
    with pytest.raises(LawBroken, match="made without need"):
        ends(branched(refused("BUSDT", **ALL), *CONSERVATIVE, *GRID, symbol="BUSDT"))


# -- to its judgement -------------------------------------------------------------------------------------------------

FIRSTS = (0, 8, 16, 24, 49, 74, 99, 124, 149, 174)


def heard(*shares: tuple[int, int | None, int | None], at: int = NOW - 1, of: Chains | None = None) -> Chains:
    """So many of each share were searched and were as good: (the number of its first, searched, as good)."""
    chains = of or ended(a_priced_one())
    for first, searched, as_good in shares:
        name = f"AUSDT.surrogates-{first}"
        chains.add(name, "surrogates", surrogates=(first, 8 if first < 24 else 25), status="done", attempt=1, at=at)
        chains.answer(name, searched=searched, as_good=as_good)
    return chains


def every_share(last: int = 25) -> list[tuple[int, int, int]]:
    sizes = [8, 8, 8, *[25] * 6, last]
    return [(first, size, 0) for first, size in zip(FIRSTS, sizes, strict=True)]


TOO_FEW = [
    (heard, 0, 0),
    (lambda: heard((0, 8, 4)), 8, 4),
    (lambda: heard((0, None, None)), 0, 0),
    (lambda: heard(*every_share(24)), 198, 0),
    (lambda: heard(*every_share(24), (199, 1, 0)), 198, 0),  # beyond the last share there is none
    (lambda: heard((0, 8, 1), (16, 8, 4)), 8, 1),  # of what lies behind a gap nothing is heard
    (lambda: heard((0, 8, 1), (8, 8, 4)).job("AUSDT.surrogates-8", status="failed"), 8, 1),
]
ENOUGH = [
    (lambda: heard((0, 8, 5)), 8, 5),
    (lambda: heard((0, 8, 1), (8, 3, 4)), 11, 5),
    (lambda: heard((0, 8, 4), (8, 3, 1)), 11, 5),
    (lambda: heard((0, 8, 5), (8, 8, 0)), 8, 5),  # with five as good the rest is not asked
    (lambda: heard(*every_share()), 199, 0),
]


@pytest.mark.parametrize(("chains", "searched", "as_good"), TOO_FEW)
def test_a_judgement_on_too_few_surrogates_is_found_out(chains: Any, searched: int, as_good: int) -> None:
    with pytest.raises(LawBroken, match=f"validate starts after {searched} surrogates, {as_good} as good"):
        starts(chains(), "AUSDT.validate")
    with pytest.raises(LawBroken, match=f"validate was judged on {searched} surrogates, {as_good} as good"):
        ends(chains())
    ends(chains().job("AUSDT.validate", answered=False, status="quarantined"))  # it was never judged
    starts(chains().add("AUSDT.surrogates-100", "surrogates"), "AUSDT.surrogates-100")


@pytest.mark.parametrize(("chains", "searched", "as_good"), ENOUGH)
def test_a_share_behind_surrogates_that_said_enough_is_found_out(chains: Any, searched: int, as_good: int) -> None:
    with pytest.raises(LawBroken, match=f"-100 starts though {searched} surrogates were heard, {as_good} as good"):
        starts(chains().add("AUSDT.surrogates-100", "surrogates"), "AUSDT.surrogates-100")
    starts(chains(), "AUSDT.validate")
    starts(chains(), "AUSDT.crown")
    ends(chains())


def test_what_was_counted_in_this_very_cycle_is_known_to_a_judgement_and_not_to_a_share() -> None:
    starts(heard((0, 8, 5), at=NOW).add("AUSDT.surrogates-100", "surrogates"), "AUSDT.surrogates-100")
    starts(heard((0, 8, 5), at=NOW), "AUSDT.validate")
    with pytest.raises(LawBroken, match="after 0 surrogates"):
        starts(heard((0, 8, 5), at=NOW + 1), "AUSDT.validate")


def test_what_another_asset_heard_says_nothing_of_this_one() -> None:
    chains = heard((0, 8, 4)).add("BUSDT.surrogates-0", "surrogates", status="done", attempt=1)
    with pytest.raises(LawBroken, match="after 8 surrogates, 4 as good"):
        starts(chains.answer("BUSDT.surrogates-0", searched=8, as_good=5), "AUSDT.validate")
