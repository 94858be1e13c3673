from typing import Any

from builders import a_beat, a_job, a_lane, a_policy, a_run, a_view, an_incident

from swarmd.agents.rules.breaker import everywhere, may_probe, worked_after
from swarmd.agents.rules.losses import was_fleet_wide
from swarmd.agents.rules.pulse import UNKILLABLE_GRACES
from swarmd.agents.util_controller import decide
from swarmd.state.actions import CloseIncident, OpenIncident, SetLane
from swarmd.state.records.incident import Signature
from swarmd.state.records.lane import LaneStatus
from swarmd.state.records.run import run_id
from swarmd.state.units import DAY, MINUTE

LONG_AGO: Any = {"status": "lost", "signal": 9, "ordered_at": 0, "ended_at": 1_000}
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
LANES = [a_lane("cpu0"), a_lane("cpu1")]
HELD = [a_lane("cpu0", status="held"), a_lane("cpu1", status="held")]


def job_of(symbol: str) -> str:
    return f"majors.{symbol}.balanced.prescreen"


# Ready, and no part of any row.
OTHER = a_job("ADAUSDT")


def jobs() -> list[Any]:
    return [a_job(symbol, attempt=1) for symbol in SYMBOLS]


def lost(n: int = 4, **fields: Any) -> list[Any]:
    return [
        a_run(job_of(symbol), **{"status": "failed", "exit_code": 1, "ordered_at": 0, "ended_at": 1_000 + at, **fields})
        for at, symbol in enumerate(SYMBOLS[:n])
    ]


def view(runs: list[Any], **tables: Any) -> Any:
    return a_view(**{"jobs": [*jobs(), OTHER], "runs": runs, "lanes": LANES, "policy": a_policy(max_lanes=2), **tables})


def resting(**fields: Any) -> Any:
    told = {"agent": "util_controller", "id": "fleet.crash/x", "opened_at": 2_000, **fields}
    return an_incident("fleet.crash", "fleet_wide", **told)


def lanes_set(found: list[Any]) -> list[tuple[str, LaneStatus]]:
    return [(wish.lane, wish.status) for wish in found if isinstance(wish, SetLane)]


def test_one_signature_in_a_row_over_several_jobs_is_trouble_everywhere() -> None:
    found = everywhere(view(lost()), 2_000)
    assert found is not None
    assert (found.signature, found.n_jobs, found.since) == (Signature.CRASH, 4, 1_000)


def test_too_few_too_old_mixed_or_one_jobs_losses_are_not() -> None:
    assert everywhere(view(lost(3)), 2_000) is None
    assert everywhere(view(lost()), 62_000) is None
    assert everywhere(view([*lost(3), *lost(4, exit_code=5)[3:]]), 2_000) is None
    of_one = [
        a_run(job_of("BTCUSDT"), attempt=n, status="failed", exit_code=1, ended_at=1_000 + n) for n in range(1, 5)
    ]
    assert everywhere(view(of_one), 2_000) is None
    assert everywhere(view(lost(exit_code=2)), 2_000) is None


def slow() -> list[Any]:
    """On a single lane: each took four minutes to be found unable to start, and a minute lies between two."""
    ends = [5 * MINUTE * (at + 1) for at in range(len(SYMBOLS))]
    return [
        a_run(job_of(symbol), status="lost", signal=9, ordered_at=ended_at - MINUTE, ended_at=ended_at)
        for symbol, ended_at in zip(SYMBOLS, ends, strict=True)
    ]


def test_a_row_of_slow_losses_is_trouble_everywhere_too_and_is_forgiven_from_its_first_on() -> None:
    now = 20 * MINUTE + 500
    found = everywhere(view(slow()), now)
    assert found is not None
    assert (found.signature, found.n_jobs, found.since) == (Signature.CRASH, 4, 5 * MINUTE)
    rest = next(wish for wish in decide(view(slow()), now) if isinstance(wish, OpenIncident))
    assert (rest.subject, rest.since) == ("fleet.crash", 5 * MINUTE)
    told = [an_incident(run.id, "crash", opened_at=run.ended_at) for run in slow()]
    known = an_incident(rest.subject, "fleet_wide", id=rest.incident, opened_at=now, since=rest.since)
    later = view(slow(), incidents=[*told, known])
    assert [was_fleet_wide(later, run) for run in slow()] == [True] * 4
    unknown = view(slow(), incidents=[*told, known.model_copy(update={"since": 0})])
    assert [was_fleet_wide(unknown, run) for run in slow()] == [False, False, False, True]


def test_where_only_the_lost_ones_are_left_slow_losses_are_their_own() -> None:
    now = 20 * MINUTE + 500
    assert everywhere(view(slow(), jobs=[*jobs(), OTHER]), now) is not None
    assert everywhere(view(slow(), jobs=jobs()), now) is None, "they are to be given up, and the campaign to end"
    fast = [run.model_copy(update={"ended_at": now - 1_000 + at}) for at, run in enumerate(slow())]
    assert everywhere(view(fast, jobs=jobs()), now) is not None, "within the window it does not matter"


def test_a_long_run_whose_beat_is_forgotten_may_have_worked() -> None:
    now = 20 * MINUTE + 500
    begun = [run.model_copy(update={"ordered_at": run.ended_at - 5 * MINUTE}) for run in slow()]
    assert everywhere(view(begun), now) is not None
    assert everywhere(view([*begun[:1], begun[1].model_copy(update={"ordered_at": 0}), *begun[2:]]), now) is None


def test_a_row_of_slow_losses_ends_at_a_gap_and_at_a_run_that_worked_before_it_was_lost() -> None:
    now = 20 * MINUTE + 500
    assert everywhere(view(slow()), now + MINUTE) is None, "the last of them is too old"
    assert everywhere(view([a_run(job_of("BTCUSDT"), **LONG_AGO), *slow()[1:]]), now) is None
    worked = a_beat(slow()[0].id, is_ready=True, done=3)
    assert everywhere(view(slow(), beats=[worked]), now) is None
    only_read = worked.model_copy(update={"skipped": 3})
    assert everywhere(view(slow(), beats=[only_read]), now) is not None
    lately = a_beat(slow()[-1].id, is_ready=True, done=3)
    assert everywhere(view(slow(), beats=[lately]), now) is not None, "within the window whatever is lost counts"


def test_what_the_swarm_rested_for_is_no_part_of_the_next_row() -> None:
    now = 20 * MINUTE + 500
    again = [
        a_run(job_of(symbol), attempt=2, status="lost", signal=9, ordered_at=0, ended_at=now + 30_000 + at)
        for at, symbol in enumerate(SYMBOLS)
    ]
    over = resting(id="fleet.crash@1/x", opened_at=now, since=5 * MINUTE, status="closed", at=now + 20_000)
    tables: Any = {"incidents": [over], "jobs": [*(a_job(symbol, attempt=2) for symbol in SYMBOLS), OTHER]}
    assert everywhere(view([*slow(), *again[:3]], **tables), now + 31_000) is None
    found = everywhere(view([*slow(), *again], **tables), now + 31_000)
    assert found is not None
    assert (found.n_jobs, found.since) == (4, now + 30_000)


def test_a_run_that_works_meanwhile_shows_that_it_is_not_everywhere() -> None:
    living = a_run(job_of("BTCUSDT"), attempt=2)
    works = a_beat(run_id(job_of("BTCUSDT"), 2), is_ready=True, done=1, progress_at=1_500)
    assert everywhere(view([*lost(), living], beats=[works]), 2_000) is None
    read_again = works.model_copy(update={"done": 5, "skipped": 5})
    assert everywhere(view([*lost(), living], beats=[read_again]), 2_000) is not None
    before = works.model_copy(update={"progress_at": 900})
    assert everywhere(view([*lost(), living], beats=[before]), 2_000) is not None


def test_the_swarm_rests_in_the_very_cycle_and_says_so_once() -> None:
    found = decide(view(lost()), 2_000)
    told = next(wish for wish in found if isinstance(wish, OpenIncident))
    assert (told.signature, told.subject) == (Signature.FLEET_WIDE, "fleet.crash")
    assert told.reason.startswith("the last 4 runs were all lost to crash, of 4 jobs, within 1000 ms")
    assert lanes_set(found) == [("cpu0", LaneStatus.HELD), ("cpu1", LaneStatus.HELD)]
    known = resting(id=told.incident)
    assert lanes_set(decide(view(lost(), incidents=[known], lanes=HELD), 2_100)) == []


def test_after_a_wait_one_lane_tries_and_is_held_again_once_its_run_is_there() -> None:
    assert lanes_set(decide(view(lost(), incidents=[resting()], lanes=HELD), 11_999)) == []
    assert lanes_set(decide(view(lost(), incidents=[resting()], lanes=HELD), 12_000)) == [("cpu0", LaneStatus.OPEN)]
    probe = a_run(job_of("BTCUSDT"), attempt=2, ordered_at=12_100)
    opened = [LANES[0], HELD[1]]
    assert lanes_set(decide(view([*lost(), probe], incidents=[resting()], lanes=opened), 12_200)) == [
        ("cpu0", LaneStatus.HELD)
    ]


def test_each_probe_that_is_lost_doubles_the_wait() -> None:
    gone = a_run(job_of("BTCUSDT"), attempt=2, ordered_at=12_100, status="failed", exit_code=1, ended_at=13_000)
    resting_view = view([*lost(), gone], incidents=[resting()], lanes=HELD)
    assert not may_probe(resting_view, resting(), 13_000 + 19_999)
    assert may_probe(resting_view, resting(), 13_000 + 20_000)


def test_a_probe_that_nothing_can_end_is_lost_and_another_lane_tries() -> None:
    stuck = a_run(job_of("BTCUSDT"), attempt=2, status="stopping", ordered_at=12_100, killed_at=20_000)
    resting_view = view([*lost(), stuck], incidents=[resting()], lanes=HELD)
    tried_at = 20_000 + 20_000  # the second wait, counted from its kill; its graces are over by then
    assert UNKILLABLE_GRACES * resting_view.policy.term_grace < 20_000
    assert not may_probe(resting_view, resting(), tried_at - 1)
    assert may_probe(resting_view, resting(), tried_at)
    assert lanes_set(decide(resting_view, tried_at)) == [("cpu1", LaneStatus.OPEN)], "not beside it"
    second = a_run(job_of("ETHUSDT"), attempt=2, lane="cpu1", ordered_at=tried_at)
    assert not may_probe(view([*lost(), stuck, second], incidents=[resting()], lanes=HELD), resting(), tried_at + DAY)


def test_the_rest_is_over_when_a_run_works_and_the_lanes_open() -> None:
    probe = a_run(job_of("BTCUSDT"), attempt=2, ordered_at=12_100)
    works = a_beat(run_id(job_of("BTCUSDT"), 2), is_ready=True, done=3, progress_at=14_000)
    resting_view = view([*lost(), probe], beats=[works], incidents=[resting()], lanes=HELD)
    assert worked_after(resting_view, 2_000) == probe.id
    read_again = works.model_copy(update={"skipped": 3})
    assert worked_after(view([*lost(), probe], beats=[read_again]), 2_000) == "", "what an earlier run left, read again"
    (closed,) = [wish for wish in decide(resting_view, 15_000) if isinstance(wish, CloseIncident)]
    assert closed.reason == f"{probe.id} works, 13000 ms later"
    over = resting(status="closed", at=15_000)
    ready = view([*lost(), probe], beats=[works], incidents=[over], lanes=HELD)
    assert lanes_set(decide(ready, 16_000)) == [("cpu0", LaneStatus.OPEN)]


def test_without_a_job_left_to_try_the_rest_ends_unverified() -> None:
    done = [a_job(symbol, attempt=1, status="done") for symbol in SYMBOLS]
    found = decide(view(lost(), jobs=done, incidents=[resting()], lanes=HELD), 15_000)
    (closed,) = [wish for wish in found if isinstance(wish, CloseIncident)]
    assert not closed.is_verified
