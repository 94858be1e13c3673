"""Branches: what is tried once more after the guards' no, each thing once, and never what was not called for."""

from typing import Any

import pytest
from builders import a_campaign, a_hypothesis, a_job, a_result, a_view, the_settings

from swarmd.agents import main_orchestrator
from swarmd.agents.hypothesis_runner import decide as judge
from swarmd.agents.pages.verdicts import verdicts
from swarmd.agents.quant_analyst import decide as analyse
from swarmd.agents.rules.branches import branches, branches_of
from swarmd.agents.rules.plan import plan_size, planned_jobs
from swarmd.state.actions import QueueJob, Say, SetCampaign, SettleJob
from swarmd.state.branches import DISPLACEMENTS, GRID, STEPS, displacement_of
from swarmd.state.pipeline import judging_phase, phases_of
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.job import Job, JobStatus, Phase, job_id
from swarmd.state.records.record import Record
from swarmd.state.records.run import run_id
from swarmd.state.view import View

NOW = 100_000
CHAIN = "majors.BTCUSDT.balanced"
BOTH = {"guards": "4/7", "displacement": 52, "conservative": True, "oos_annual_sharpe": 0.7}


def strict(**fields: Any) -> Campaign:
    assets = {"tiers": {"ONE": ["BTCUSDT"], "TWO": ["ETHUSDT"]}, **fields}
    return a_campaign(settings=the_settings(assets=assets, validation={"crown_on": "source_strict"}))


class Story:
    """A campaign whose jobs end as told; what is queued is put on record, as the supervisor would."""

    def __init__(self, campaign: Campaign, **figures: Any) -> None:
        self.campaign, self.figures = campaign, {**BOTH, **figures}
        self.jobs: dict[str, Job] = {}
        self.results: list[Record] = []
        for planned in planned_jobs(campaign):
            self._queue(planned)

    def _queue(self, job: Any) -> None:
        assert job.id not in self.jobs, "queued twice"
        self.jobs[job.id] = a_job(
            job.symbol, job.phase, id=job.id, mode=job.mode, after=job.after, priority=job.priority,
            trials=job.trials, branch=job.branch,
        )  # fmt: skip

    def view(self) -> View:
        return a_view(campaigns=[self.campaign], jobs=[*self.jobs.values()], results=self.results)

    def end(self, id: str, status: str, **figures: Any) -> None:
        job = self.jobs[id]
        attempt = 1 if status in ("done", "failed") else 0
        self.jobs[id] = job.model_copy(update={"status": JobStatus(status), "attempt": attempt, "reason": f"{status}!"})
        if attempt:
            told = self.figures if job.phase is Phase.GUARDS else {}
            summary = {
                "verdict": "pass" if status == "done" else "fail", "headline": f"{status}!", "tried": 10,
                "figures": {**told, **figures},
            }  # fmt: skip
            self.results.append(a_result(run_id(id, 1), job=id, phase=job.phase, summary=summary))

    def go_on(self) -> list[str]:
        """One decision of the orchestrator, put on record; what it queued."""
        queued = []
        for wish in main_orchestrator.decide(self.view(), NOW):
            if isinstance(wish, QueueJob):
                job = {**wish.model_dump(), "id": wish.job}
                self._queue(type("Queued", (), job))
                queued.append(wish.job.removeprefix(f"{CHAIN}."))
            elif isinstance(wish, SettleJob) and wish.status is JobStatus.SKIPPED:
                settled = {"status": wish.status, "reason": wish.reason}
                self.jobs[wish.job] = self.jobs[wish.job].model_copy(update=settled)
        return queued

    def up_to_guards(self, symbol: str = "BTCUSDT") -> None:
        self.end(f"majors.{symbol}.preflight", "done")
        for phase in ("prescreen", *(f"refine-{n}" for n in self.campaign.settings.rungs()), "refine", "screen"):
            self.end(f"majors.{symbol}.balanced.{phase}", "done")
        self.end(f"majors.{symbol}.balanced.reoptimize", "done")

    def status(self, step: str) -> str:
        return self.jobs[f"{CHAIN}.{step}"].status.value


@pytest.fixture
def story() -> Story:
    told = Story(strict())
    told.up_to_guards()
    return told


# -- the plan ---------------------------------------------------------------------------------------------------------


def test_the_chain_is_a_function_of_what_crowns() -> None:
    plain, whole = a_campaign(), strict()
    begin = ["preflight", "prescreen", "refine"]
    assert [phase.value for phase in phases_of(plain.settings)] == [*begin, "screen", "crown"]
    assert [phase.value for phase in phases_of(whole.settings)] == [*begin, "screen", "reoptimize", "guards", "crown"]
    for crown_on in ("evidence", "both"):
        asked = the_settings(validation={"crown_on": crown_on})
        assert [phase.value for phase in phases_of(asked)] == [*begin, "validate", "crown"]
        assert judging_phase(asked) is Phase.VALIDATE
    assert (judging_phase(plain.settings), judging_phase(whole.settings)) == (Phase.SCREEN, Phase.GUARDS)
    for campaign in (plain, whole):
        assert plan_size(campaign) == len(planned_jobs(campaign))
    ids = [job.id for job in planned_jobs(whole) if job.symbol == "BTCUSDT"]
    assert ids[-3:] == [f"{CHAIN}.reoptimize", f"{CHAIN}.guards", f"{CHAIN}.crown"]


def test_a_campaign_that_crowns_on_the_screen_never_branches() -> None:
    story = Story(a_campaign())
    story.end("majors.BTCUSDT.preflight", "done")
    story.end(f"{CHAIN}.prescreen", "done")
    for trials in story.campaign.settings.rungs():
        story.end(f"{CHAIN}.refine-{trials}", "done")
    story.end(f"{CHAIN}.refine", "done")
    story.end(f"{CHAIN}.screen", "failed")
    assert story.go_on() == []
    assert story.status("crown") == "skipped"
    assert branches(story.view()).missing == ()
    assert branches_of(story.view(), story.campaign, "BTCUSDT", "balanced") == []


def test_every_step_has_an_id_of_its_own_and_every_length_reads_back() -> None:
    ids = {job_id("c", "S", "m", Phase(phase), branch=branch) for phase, branch in STEPS}
    assert len(ids) == len(STEPS) == 10
    assert [displacement_of(branch) for branch in GRID] == [*DISPLACEMENTS]
    assert [displacement_of(branch) for branch in (None, "displacement", "conservative")] == [None] * 3


# -- after the guards -------------------------------------------------------------------------------------------------


def test_guards_that_pass_or_could_not_work_branch_nowhere(story: Story) -> None:
    story.end(f"{CHAIN}.guards", "done")
    assert story.go_on() == []
    other = Story(strict())
    other.up_to_guards()
    other.end(f"{CHAIN}.guards", "quarantined")
    assert other.go_on() == []
    assert other.status("crown") == "skipped"


def test_an_important_asset_is_tried_at_each_length_and_its_best_is_judged(story: Story) -> None:
    story.end(f"{CHAIN}.guards", "failed")
    assert story.go_on() == [f"reoptimize-{branch}" for branch in GRID]
    assert all(story.jobs[f"{CHAIN}.reoptimize-{branch}"].after == (f"{CHAIN}.reoptimize",) for branch in GRID)
    assert story.go_on() == [], "nothing twice"
    assert story.status("crown") == "queued", "the chain's own crown waits for its branches"
    for branch in GRID[:-1]:
        story.end(f"{CHAIN}.reoptimize-{branch}", "done")
        assert story.go_on() == []
    # One that found nothing valid shuts the way to nobody.
    story.end(f"{CHAIN}.reoptimize-{GRID[-1]}", "failed")
    assert story.go_on() == ["guards-displacement", "crown-displacement"]
    judged = story.jobs[f"{CHAIN}.guards-displacement"]
    assert judged.after == tuple(f"{CHAIN}.reoptimize-{branch}" for branch in GRID[:-1])
    assert judged.branch == "displacement"


def test_a_branch_that_passes_ends_it_and_the_chain_s_own_crown_is_left_out_last(story: Story) -> None:
    story.end(f"{CHAIN}.guards", "failed")
    story.go_on()
    for branch in GRID:
        story.end(f"{CHAIN}.reoptimize-{branch}", "done")
    story.go_on()
    story.end(f"{CHAIN}.guards-displacement", "done")
    assert story.go_on() == []
    assert story.status("crown") == "queued"
    story.end(f"{CHAIN}.crown-displacement", "done")
    assert story.go_on() == []
    assert story.status("crown") == "skipped"
    assert all(job.branch != "conservative" for job in story.jobs.values())


def test_behind_the_lengths_comes_the_conservative_mode_and_behind_it_nothing(story: Story) -> None:
    story.end(f"{CHAIN}.guards", "failed")
    story.go_on()
    for branch in GRID:
        story.end(f"{CHAIN}.reoptimize-{branch}", "done")
    story.go_on()
    story.end(f"{CHAIN}.guards-displacement", "failed")
    assert story.go_on() == ["reoptimize-conservative", "guards-conservative", "crown-conservative"]
    assert story.status("crown-displacement") == "skipped"
    story.end(f"{CHAIN}.reoptimize-conservative", "done")
    story.end(f"{CHAIN}.guards-conservative", "failed")
    assert story.go_on() == []
    story.go_on()
    assert story.status("crown") == story.status("crown-conservative") == "skipped"
    assert branches(story.view()) == branches(Story(a_campaign()).view()), "nothing is called for any more"


def test_no_length_with_a_finalist_goes_on_to_the_conservative_mode(story: Story) -> None:
    story.end(f"{CHAIN}.guards", "failed")
    story.go_on()
    for branch, status in zip(GRID, ("failed", "failed", "quarantined", "failed", "failed"), strict=True):
        story.end(f"{CHAIN}.reoptimize-{branch}", status)
    assert story.go_on() == ["reoptimize-conservative", "guards-conservative", "crown-conservative"]


@pytest.mark.parametrize(
    ("symbol", "fields", "figures", "first"),
    [
        ("ETHUSDT", {}, {}, "reoptimize-conservative"),
        ("ETHUSDT", {"important": ["ETHUSDT"]}, {}, "reoptimize-displacement-26"),
        ("BTCUSDT", {"important": []}, {}, "reoptimize-conservative"),
        ("BTCUSDT", {}, {"displacement": None}, "reoptimize-conservative"),
        ("BTCUSDT", {"important": []}, {"conservative": False}, None),
        ("BTCUSDT", {}, {"displacement": None, "conservative": False}, None),
    ],
)
def test_what_is_tried_follows_from_the_asset_and_what_the_strategy_has(
    symbol: str, fields: dict[str, Any], figures: dict[str, Any], first: str | None
) -> None:
    story = Story(strict(**fields), **figures)
    story.up_to_guards(symbol)
    story.end(f"majors.{symbol}.balanced.guards", "failed")
    queued = [id.rpartition(".")[2] for id in story.go_on()]
    assert (queued[0] if queued else None) == first
    if first is None:
        assert story.jobs[f"majors.{symbol}.balanced.crown"].status is JobStatus.SKIPPED


def test_a_branch_is_told_why_and_by_what(story: Story) -> None:
    story.end(f"{CHAIN}.guards", "failed")
    wishes = [wish for wish in main_orchestrator.decide(story.view(), NOW) if isinstance(wish, QueueJob)]
    assert wishes[0].reason == "branch displacement-26: guards said no, tier 1"
    assert wishes[0].caused_by == (f"{CHAIN}.guards-a1",)
    assert wishes[0].branch == "displacement-26"


def test_the_campaign_is_not_done_while_a_branch_is_to_come(story: Story) -> None:
    for id in [*story.jobs]:
        if "ETHUSDT" in id:
            story.end(id, "done")
    story.end(f"{CHAIN}.guards", "failed")
    assert not any(isinstance(wish, SetCampaign) for wish in main_orchestrator.decide(story.view(), NOW))
    for _ in range(20):
        story.go_on()
        for id, job in [*story.jobs.items()]:
            if job.branch is not None and job.status is JobStatus.QUEUED and job.phase is not Phase.CROWN:
                story.end(id, "failed" if job.phase is Phase.GUARDS else "done")
    (done,) = [wish for wish in main_orchestrator.decide(story.view(), NOW) if isinstance(wish, SetCampaign)]
    assert done.reason.startswith(f"{len(story.jobs)} jobs settled, 0 to do")


# -- who reads it -----------------------------------------------------------------------------------------------------


def a_claim(story: Story) -> Any:
    view = a_view(
        campaigns=[story.campaign], jobs=[*story.jobs.values()], results=story.results,
        hypotheses=[a_hypothesis(threshold=1.0)],
    )  # fmt: skip
    return next((wish for wish in judge(view, NOW) if wish.kind == "judge_hypothesis"), None)


def test_a_claim_is_judged_when_the_branches_are_over_and_by_the_one_that_passed(story: Story) -> None:
    story.end(f"{CHAIN}.guards", "failed")
    story.go_on()
    assert a_claim(story) is None
    for branch in GRID:
        story.end(f"{CHAIN}.reoptimize-{branch}", "done")
    story.go_on()
    story.end(f"{CHAIN}.guards-displacement", "done", oos_annual_sharpe=1.7)
    story.end(f"{CHAIN}.crown-displacement", "done")
    assert a_claim(story) is None
    story.go_on()
    verdict = a_claim(story)
    assert (verdict.status.value, verdict.measured) == ("supported", 1.7)
    # Nine jobs of the chain, the crown left out, and seven of the branch, ten vectors each.
    assert verdict.tried == 10 * sum(1 for job in story.jobs.values() if job.attempt and job.mode)


def test_a_claim_that_no_branch_kept_is_not_supported(story: Story) -> None:
    story.figures["displacement"] = None
    story.end(f"{CHAIN}.guards", "failed")
    story.go_on()
    story.end(f"{CHAIN}.reoptimize-conservative", "done")
    story.end(f"{CHAIN}.guards-conservative", "failed")
    story.go_on()
    story.go_on()
    verdict = a_claim(story)
    assert (verdict.status.value, verdict.measured) == ("not_supported", 0.7)
    assert "guards said no: failed!; so did conservative" in verdict.reason


def a_sentence(story: Story) -> str:
    return verdicts(story.view(), story.campaign)[0].sentence


def test_the_page_tells_a_branch_under_way_its_champion_and_its_no(story: Story) -> None:
    story.end(f"{CHAIN}.guards", "failed")
    story.go_on()
    assert a_sentence(story) == "Unfinished: the guards said no, and reoptimize-displacement-26 is to do"
    for branch in GRID:
        story.end(f"{CHAIN}.reoptimize-{branch}", "done")
    story.go_on()
    story.end(f"{CHAIN}.guards-displacement", "done", oos_annual_sharpe=1.7)
    story.end(f"{CHAIN}.crown-displacement", "done")
    story.go_on()
    told = a_sentence(story)
    assert told == "Champion of the branch displacement: done! (annual Sharpe out of sample 1.70)"
    marks = dict(zip(phases_of(story.campaign.settings), verdicts(story.view(), story.campaign)[0].marks, strict=True))
    assert (marks[Phase.REOPTIMIZE], marks[Phase.GUARDS], marks[Phase.CROWN]) == ("pass", "no", "·")


def test_a_champion_beside_it_is_no_refutation(story: Story) -> None:
    story.figures["displacement"] = None
    story.end(f"{CHAIN}.guards", "failed")
    story.go_on()
    story.end(f"{CHAIN}.reoptimize-conservative", "done")
    story.end(f"{CHAIN}.guards-conservative", "done")
    story.end(f"{CHAIN}.crown-conservative", "failed")
    story.go_on()
    assert a_sentence(story).startswith("Survived the guards in the branch conservative, not crowned: failed!")


def test_what_was_found_is_told_branch_by_branch_behind_the_chain(story: Story) -> None:
    story.figures["displacement"] = None
    story.end(f"{CHAIN}.guards", "failed")
    story.go_on()
    story.end(f"{CHAIN}.reoptimize-conservative", "done")
    story.end(f"{CHAIN}.guards-conservative", "failed")
    (said,) = [wish for wish in analyse(story.view(), NOW) if isinstance(wish, Say)]
    steps = [part.split()[0] for part in said.reason.removeprefix("balanced: ").split(", then ")]
    assert steps[-4:] == ["reoptimize", "guards", "reoptimize-conservative", "guards-conservative"]
