"""Pricing a finalist: share by share until enough was heard, whoever searches them and in whatever order they end."""

from typing import Any

import pytest
from builders import a_campaign, a_job, a_lane, a_result, a_run, a_view, the_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.agents import auto_scheduler, main_orchestrator
from swarmd.agents.pages.tracker import rows_of
from swarmd.agents.pages.verdicts import verdicts
from swarmd.agents.rules.plan import plan_size, planned_jobs
from swarmd.agents.rules.readiness import ready_jobs
from swarmd.agents.rules.surrogates import pricings
from swarmd.engine.validation.whole_search import EXCEEDANCES as HEARD_IN_THE_ENGINE
from swarmd.state.actions import QueueJob, SetCampaign, SettleJob, StartRun, StopRun
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.record import Record
from swarmd.state.records.run import RunStatus, run_id
from swarmd.state.surrogates import EXCEEDANCES, Priced, priced, shares
from swarmd.state.view import View

NOW = 100_000
CHAIN = "majors.BTCUSDT.balanced"


def evident(surrogates: int = 49, symbols: tuple[str, ...] = ("BTCUSDT",), **validation: Any) -> Campaign:
    asked = the_settings(
        assets={"tiers": {"ONE": symbols}},
        validation={"crown_on": "evidence", "surrogates": surrogates, **validation},
        search={"refine": {"rungs": []}},
    )
    return a_campaign(settings=asked)


class Story:
    """A campaign whose jobs end as told; what is queued and settled is put on record, as the supervisor would."""

    def __init__(self, campaign: Campaign, lanes: int = 2) -> None:
        self.campaign = campaign
        self.lanes = [a_lane(f"cpu{slot}", slot=slot) for slot in range(lanes)]
        self.jobs: dict[str, Job] = {}
        self.results: list[Record] = []
        self.runs: list[Record] = []
        for planned in planned_jobs(campaign):
            self._queue(planned)

    def _queue(self, job: Any) -> None:
        assert job.id not in self.jobs, "queued twice"
        self.jobs[job.id] = a_job(
            job.symbol, job.phase, id=job.id, mode=job.mode, after=job.after, priority=job.priority,
            surrogates=job.surrogates,
        )  # fmt: skip

    def view(self) -> View:
        return a_view(
            campaigns=[self.campaign], jobs=[*self.jobs.values()], results=self.results, lanes=self.lanes,
            runs=self.runs,
        )  # fmt: skip

    def end(self, id: str, status: str = "done", **figures: Any) -> None:
        job = self.jobs[id]
        attempt = 1 if status in ("done", "failed") else 0
        self.jobs[id] = job.model_copy(update={"status": JobStatus(status), "attempt": attempt, "reason": f"{status}!"})
        if attempt:
            verdict = "pass" if status == "done" else "fail"
            summary = {"verdict": verdict, "headline": f"{status}!", "tried": 10, "figures": figures}
            self.results.append(a_result(run_id(id, 1), job=id, phase=job.phase, summary=summary))

    def decide(self) -> list[Any]:
        """One decision of the orchestrator, put on record."""
        wishes = main_orchestrator.decide(self.view(), NOW)
        for wish in wishes:
            if isinstance(wish, QueueJob):
                self._queue(type("Queued", (), {**wish.model_dump(), "id": wish.job}))
            elif isinstance(wish, SettleJob):
                settled = {"status": wish.status, "reason": wish.reason}
                self.jobs[wish.job] = self.jobs[wish.job].model_copy(update=settled)
        return wishes

    def go_on(self) -> list[str]:
        return [wish.job.removeprefix(f"{CHAIN}.") for wish in self.decide() if isinstance(wish, QueueJob)]

    def searched(self, symbol: str = "BTCUSDT") -> "Story":
        self.end(f"majors.{symbol}.preflight")
        for phase in ("prescreen", "refine"):
            self.end(f"majors.{symbol}.balanced.{phase}")
        return self

    def share(self, first: int, as_good: int = 0, searched: int | None = None) -> None:
        count = self.jobs[f"{CHAIN}.surrogates-{first}"].surrogates
        assert count is not None
        self.end(f"{CHAIN}.surrogates-{first}", as_good=as_good, searched=searched or count[1])


def test_the_plan_holds_the_judgement_and_no_share() -> None:
    campaign = evident()
    ids = [job.id for job in planned_jobs(campaign)]
    assert ids == ["majors.BTCUSDT.preflight", *(f"{CHAIN}.{p}" for p in ("prescreen", "refine", "validate", "crown"))]
    assert plan_size(campaign) == len(ids)
    assert Story(campaign).go_on() == []


def test_shares_hold_every_market_once_the_first_and_the_last_ones_small() -> None:
    for planned in range(1, 1000):
        numbers = [number for first, count in shares(planned) for number in range(first, first + count)]
        assert numbers == list(range(planned))
        assert all(2 < count <= 25 for _, count in shares(planned)[1:])
    assert [count for _, count in shares(199)] == [8, 8, 8, 25, 25, 25, 25, 18, 14, 10, 8, 6, 6, 6, 7]
    assert EXCEEDANCES == HEARD_IN_THE_ENGINE


@pytest.mark.parametrize("lanes", [2, 3, 4])
@pytest.mark.parametrize("planned", [49, 99, 199, 999])
def test_no_lane_searches_the_last_share_long_after_the_others_are_done(planned: int, lanes: int) -> None:
    """Each share in order to whoever is free first; the last ends less than nine markets after an even division."""
    busy = [0] * lanes
    for _, count in shares(planned):
        busy[busy.index(min(busy))] += count
    assert max(busy) - planned / lanes < 9


def test_idle_lanes_and_one_place_in_the_queue_are_filled_with_shares() -> None:
    story = Story(evident(), lanes=2).searched()
    assert story.go_on() == ["surrogates-0", "surrogates-8", "surrogates-16"]
    assert story.go_on() == [], "three wait for two lanes: enough"
    starts = [wish for wish in auto_scheduler.decide(story.view(), NOW) if isinstance(wish, StartRun)]
    assert [start.job for start in starts] == [f"{CHAIN}.surrogates-0", f"{CHAIN}.surrogates-8"]


def test_a_share_whose_result_is_forgotten_costs_nobody_his_turn() -> None:
    story = Story(evident(), lanes=2).searched()
    story.go_on()
    story.share(0)
    story.results = [each for each in story.results if "surrogates" not in each.id]
    assert [job.id for job in pricings(story.view())[f"{CHAIN}.validate"].open_shares] == [
        f"{CHAIN}.surrogates-8", f"{CHAIN}.surrogates-16",
    ]  # fmt: skip
    story.decide()


def test_where_no_lane_is_idle_every_judgement_has_one_share_all_the_same() -> None:
    story = Story(evident(symbols=("BTCUSDT", "ETHUSDT", "SOLUSDT")), lanes=0)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        story.searched(symbol)
    queued = [wish.job for wish in story.decide() if isinstance(wish, QueueJob)]
    assert queued == ["majors.BTCUSDT.balanced.surrogates-0", "majors.ETHUSDT.balanced.surrogates-0"]


def test_the_judgement_waits_and_says_what_for() -> None:
    story = Story(evident()).searched()
    story.go_on()
    story.share(0, as_good=2)
    held = pricings(story.view())[f"{CHAIN}.validate"]
    assert held.why == "held: 8 of 49 surrogate markets searched, 2 as good"
    assert f"{CHAIN}.validate" not in [job.id for job in ready_jobs(story.view(), NOW)]
    sentence = verdicts(story.view(), story.campaign)[0].sentence
    assert sentence == f"Unfinished: 3 of 5 phases done, validate is {held.why}"
    assert rows_of(story.view())[0]["Screen Status"] == "validate held"


def test_five_as_good_settle_it_and_what_was_queued_beyond_is_let_go_with_the_figures() -> None:
    story = Story(evident()).searched()
    story.go_on()
    story.share(0, as_good=3)
    story.share(8, as_good=2)
    assert story.go_on() == []
    assert story.jobs[f"{CHAIN}.surrogates-16"].status is JobStatus.SKIPPED
    told = "not needed: 16 of 49 surrogate markets searched, 5 as good"
    assert story.jobs[f"{CHAIN}.surrogates-16"].reason == told
    assert [job.id for job in ready_jobs(story.view(), NOW)] == [f"{CHAIN}.validate"]


def test_a_share_that_is_under_way_in_vain_is_asked_to_leave_once() -> None:
    story = Story(evident()).searched()
    story.go_on()
    under_way = f"{CHAIN}.surrogates-16"
    story.jobs[under_way] = story.jobs[under_way].model_copy(update={"attempt": 1})
    story.runs = [a_run(under_way)]
    story.share(0, as_good=3)
    story.share(8, as_good=2)
    stops = [wish for wish in story.decide() if isinstance(wish, StopRun)]
    assert [(stop.run, stop.how) for stop in stops] == [(run_id(under_way, 1), "term")]
    story.runs = [a_run(under_way, status="stopping")]
    assert not [wish for wish in story.decide() if isinstance(wish, StopRun)]
    story.runs = [a_run(under_way, status="lost", exit_code=75)]
    assert isinstance(story.runs[0].status, RunStatus)
    story.decide()
    assert story.jobs[under_way].status is JobStatus.SKIPPED


def test_a_later_share_counts_for_nothing_before_those_in_front_of_it() -> None:
    story = Story(evident()).searched()
    story.go_on()
    story.share(8, as_good=5)
    assert pricings(story.view())[f"{CHAIN}.validate"].known == Priced(0, 0, 49)
    story.share(0, as_good=0)
    assert pricings(story.view())[f"{CHAIN}.validate"].known == Priced(16, 5, 49)


def test_all_that_are_planned_are_searched_where_few_are_as_good() -> None:
    story = Story(evident(surrogates=19)).searched()
    seen = []
    for _ in range(10):
        seen += story.go_on()
        for share in [each for each in story.jobs.values() if each.phase is Phase.SURROGATES]:
            if share.status is JobStatus.QUEUED and share.surrogates is not None:
                story.share(share.surrogates[0])
    assert seen == ["surrogates-0", "surrogates-8", "surrogates-16"]
    assert [job.id for job in ready_jobs(story.view(), NOW)] == [f"{CHAIN}.validate"]


def test_a_share_that_came_to_a_bad_end_ends_its_judgement_with_the_reason() -> None:
    story = Story(evident()).searched()
    story.go_on()
    story.end(f"{CHAIN}.surrogates-8", "quarantined")
    story.decide()
    for step in ("surrogates-0", "surrogates-16", "validate"):
        assert story.jobs[f"{CHAIN}.{step}"].status is JobStatus.SKIPPED
        assert story.jobs[f"{CHAIN}.{step}"].reason == "surrogates quarantined: quarantined!"
    story.decide()
    assert story.jobs[f"{CHAIN}.crown"].status is JobStatus.SKIPPED
    assert story.go_on() == [], "nothing more is searched for it"
    assert any(isinstance(wish, SetCampaign) for wish in main_orchestrator.decide(story.view(), NOW))


@settings(max_examples=60, deadline=None)
@given(st.integers(19, 120), st.integers(0, 4), st.randoms(use_true_random=False), st.floats(0.0, 0.6))
def test_whatever_the_lanes_and_the_order_the_same_markets_are_heard(
    planned: int, lanes: int, chance: Any, share_as_good: float
) -> None:
    """What settles is the prefix of shares, and the judgement becomes ready exactly then."""
    as_good = {first: sum(chance.random() < share_as_good for _ in range(count)) for first, count in shares(planned)}
    expected = priced(planned, ({"searched": n, "as_good": as_good[first]} for first, n in shares(planned)))
    story = Story(evident(surrogates=planned), lanes=lanes).searched()
    for _ in range(200):
        story.go_on()
        left = [job for job in story.jobs.values() if job.phase is Phase.SURROGATES and job.status is JobStatus.QUEUED]
        if not left:
            break
        one = chance.choice(left)
        assert one.surrogates is not None
        story.share(one.surrogates[0], as_good=as_good[one.surrogates[0]])
    else:
        raise AssertionError("it never ends")
    known = pricings(story.view())[f"{CHAIN}.validate"].known
    assert known == expected
    assert [job.id for job in ready_jobs(story.view(), NOW)] == [f"{CHAIN}.validate"]
