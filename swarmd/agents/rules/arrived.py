"""Results that are about to end their job: whoever settles jobs counts them in the same cycle that sees them."""

from swarmd.state.records.job import Job
from swarmd.state.records.result import Result
from swarmd.state.records.run import run_id
from swarmd.state.units import SECOND, Millis
from swarmd.state.view import View

# A result that is not counted by then is not waited for.
_COUNTED_WITHIN: Millis = SECOND


def arrived(view: View) -> list[tuple[Job, Result]]:
    """Unsettled jobs with the result of their newest attempt, as they were queued."""
    found = []
    for job in view.begun_of({result.job for result in view.loose_results}):
        result = view.results.get(run_id(job.id, job.attempt))
        if result is not None and result.attempt == job.attempt:
            found.append((job, result))
    return found


def lanes_with_news(view: View, now: Millis) -> set[str]:
    """Lanes whose run has just told that it went well.

    What that opens is ready in the next cycle, which follows at once, and goes deeper into what was begun than anything
    that waited already: an asset is through sooner, and the last one does not find the other lanes idle.
    """
    opened = [
        result.id
        for _, result in arrived(view)
        if result.summary.verdict == "pass" and now - result.at < _COUNTED_WITHIN
    ]
    return {run.lane for run in map(view.runs.get, opened) if run is not None}
