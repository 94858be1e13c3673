"""How a campaign stands, in figures and words."""

from builders import a_campaign, a_job, a_lane, a_run, a_view

from swarmd.state.units import MINUTE, SECOND
from swarmd.supervisor.standing import eta_of, idle_because, job_counts, size, waits_because


def test_a_free_lane_says_why_it_is_free() -> None:
    first, second = a_job(phase="preflight"), a_job(after=("majors.BTCUSDT.preflight",))
    assert idle_because(a_view(jobs=[]), 0) == "nothing queued"
    assert idle_because(a_view(jobs=[first, second]), 0) == ""
    held = a_job(phase="preflight", not_before=MINUTE)
    told = idle_because(a_view(jobs=[held, second]), 0)
    assert told == "1 job in back-off, the first for another 1 min 0 s"
    running = a_run(job=first.id)
    assert idle_because(a_view(jobs=[first, second], runs=[running]), 0) == "1 job to wait for others"
    assert idle_because(a_view(campaigns=[a_campaign(status="paused")], jobs=[first]), 0) == ""


def test_beside_a_gpu_a_free_lane_speaks_of_the_work_that_is_for_it() -> None:
    cpu, gpu = a_lane("cpu0"), a_lane("gpu0a", device="gpu0", slot=0)
    resting = a_lane("gpu0a", device="gpu0", slot=0, status="held", reason="gpu0 rests")
    refine = a_view(lanes=[cpu, gpu], jobs=[a_job(phase="refine")])
    assert [waits_because(refine, lane, 0) for lane in (cpu, gpu)] == ["", "no prescreen is queued"]
    screen = a_view(lanes=[cpu, gpu], jobs=[a_job()])
    told = [waits_because(screen, lane, 0) for lane in (cpu, gpu)]
    assert told == ["only prescreens are queued, for a lane of a GPU", ""]
    rests = a_view(lanes=[cpu, resting], jobs=[a_job()])
    assert [waits_because(rests, lane, 0) for lane in (cpu, resting)] == ["", "gpu0 rests"]


def test_time_left_is_unknown_without_a_rate_or_a_total() -> None:
    assert eta_of(10, 110, 2.0) == 50 * SECOND
    assert eta_of(120, 110, 2.0) == 0
    assert eta_of(10, 0, 2.0) is None
    assert eta_of(10, 110, 0.0) is None


def test_sizes_are_told_in_the_unit_that_fits() -> None:
    assert [size(n) for n in (0, 1023, 1024, 1536 << 10, 5 << 30, 3 << 40)] == [
        "0 B", "1023 B", "1.0 KiB", "1.5 MiB", "5.0 GiB", "3.0 TiB",
    ]  # fmt: skip


def test_a_queued_job_with_a_run_counts_as_running() -> None:
    counts = job_counts(a_view(jobs=[a_job(), a_job(phase="refine")], runs=[a_run()]))
    assert (counts["running"], counts["queued"], counts["done"]) == (1, 1, 0)
