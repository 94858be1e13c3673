"""Who works: open runs by lane and job, ended ones in the order of their ends."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice

from swarmd.state.questions.picture import Picture
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered
from swarmd.state.units import Millis


class OfRuns(Picture):
    """What the View answers about runs."""

    def open_runs(self) -> list[RunOrdered | RunAlive]:
        """Runs that hold their lane: ordered, running or stopping."""
        return [*self._open]

    def live_runs(self) -> list[RunAlive]:
        return [run for run in self._open if isinstance(run, RunAlive)]

    @cached_property
    def _open(self) -> tuple[RunOrdered | RunAlive, ...]:
        """Few among thousands that have ended, and asked for hundreds of times a cycle."""
        return tuple(self._open_by_id.values())

    @property
    def open_by_id(self) -> Mapping[str, RunOrdered | RunAlive]:
        """The same by id."""
        return self._open_by_id

    @cached_property
    def _open_by_id(self) -> Mapping[str, RunOrdered | RunAlive]:
        return {run.id: run for run in self.runs.values() if not isinstance(run, RunEnded)}

    @cached_property
    def _open_by_job(self) -> Mapping[str, RunOrdered | RunAlive]:
        return {run.job: run for run in reversed(self._open)}  # the first of several stands

    @cached_property
    def _open_by_lane(self) -> Mapping[str, RunOrdered | RunAlive]:
        return {run.lane: run for run in reversed(self._open)}

    @cached_property
    def ended_runs(self) -> tuple[RunEnded, ...]:
        """In the order in which they ended."""
        return tuple(self._ended_by_id.values())

    @property
    def ended_by_id(self) -> Mapping[str, RunEnded]:
        """The same by id."""
        return self._ended_by_id

    @cached_property
    def _ended_by_id(self) -> dict[str, RunEnded]:
        ended = [run for run in self.runs.values() if isinstance(run, RunEnded)]
        return {run.id: run for run in sorted(ended, key=lambda run: run.ended_at)}

    @property
    def runs_told_to_stop(self) -> Iterable[str]:
        """Ended runs that were told to stop, as they themselves say."""
        return self._told_to_stop_by_id

    @cached_property
    def _told_to_stop_by_id(self) -> Mapping[str, RunEnded]:
        return {run.id: run for run in self.ended_runs if run.was_stopped}

    @cached_property
    def taken_slots(self) -> Mapping[int, str]:
        """Places in the page of progress counters that open runs hold, each with its run."""
        return {run.slot: run.id for run in self._open}

    @property
    def first_free_slot(self) -> int:
        """The lowest place in the page of progress counters that no open run holds."""
        return self._first_free_slot[""]

    @cached_property
    def _first_free_slot(self) -> Mapping[str, int]:
        taken = self.taken_slots
        return {"": next(slot for slot in range(len(taken) + 1) if slot not in taken)}

    @cached_property
    def n_runs_on(self) -> Mapping[str, int]:
        """How many open runs are on each node; those on none under the empty name."""
        return Counter(run.node for run in self._open)

    def last_ended(self, count: int) -> list[RunEnded]:
        """So many runs that ended last, the last one first."""
        return [*islice(self.ended_backwards(), count)]

    def ended_since(self, since: Millis) -> list[RunEnded]:
        """Runs that ended after that instant, the first one first."""
        late: list[RunEnded] = []
        for run in self.ended_backwards():
            if run.ended_at <= since:
                break
            late.append(run)
        return late[::-1]

    def ended_backwards(self) -> Iterator[RunEnded]:
        """The last one first."""
        return reversed(self._ended_by_id.values())

    def ended_runs_of(self, job: str) -> list[RunEnded]:
        return [run for run in self.runs.values() if isinstance(run, RunEnded) and run.job == job]

    def open_run_of(self, job: str) -> RunOrdered | RunAlive | None:
        return self._open_by_job.get(job)

    def run_in(self, lane: str) -> RunOrdered | RunAlive | None:
        return self._open_by_lane.get(lane)
