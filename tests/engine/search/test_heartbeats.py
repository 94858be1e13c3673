"""Who is taken for dead across machines: whoever gave no sign for long enough while one could look, and nobody else."""

import contextlib
import time
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import JournalStorage
from optuna.trial import TrialState

from swarmd.engine.search.heartbeats import BeatPresence, Pulse
from swarmd.engine.search.storage import SharedJournal
from swarmd.state.errors import OperatorError, OutsideError

NEVER = Pulse(every_s=3600.0, dead_after_s=20.0)
OFTEN = Pulse(every_s=0.02, dead_after_s=20.0)


class AClock:
    """The looker's own steady clock, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def kept(tmp_path):
    """The same journal seen by as many as there are machines."""
    return lambda: JournalStorage(SharedJournal(str(tmp_path / "s.journal")))


@pytest.fixture
def seen_from(kept, tmp_path):
    def presence(machine: str, pulse: Pulse = NEVER, clock=time.monotonic, token: int = 0) -> BeatPresence:
        return BeatPresence(kept(), "c", locks=tmp_path / machine, pulse=pulse, machine=machine, token=token, now=clock)

    return presence


def look_for(presence: BeatPresence, clock: AClock, seconds: float) -> None:
    """A look a second, as a leader takes them."""
    for _ in range(round(seconds)):
        clock.now += 1.0
        presence.look()


def test_one_elsewhere_that_is_silent_for_too_long_is_dead_and_hears_of_it(seen_from, kept):
    clock, worker = AClock(), seen_from("there")
    looker = seen_from("here", Pulse(2.0, 20.0), clock)
    with worker.at_work("w"):
        looker.look()
        assert looker.lives("w", 0)
        look_for(looker, clock, 20)
        assert looker.lives("w", 0)
        look_for(looker, clock, 1)
        assert not looker.lives("w", 0)
        (study,) = [study for study in kept().get_all_studies() if study.study_name == "c workers"]
        (row,) = kept().get_all_trials(study._study_id)
        assert row.state is TrialState.FAIL
        with pytest.raises(UpdateFinishedTrialError):
            kept().set_trial_user_attr(row._trial_id, "beat", 7)


def test_time_in_which_nobody_could_look_makes_nobody_dead(seen_from):
    """The server was away, or the looker slept: the workers could not be heard either."""
    clock, worker = AClock(), seen_from("there")
    looker = seen_from("here", Pulse(2.0, 20.0), clock)
    with worker.at_work("w"):
        looker.look()
        for _ in range(4):
            clock.now += 3_600.0
            looker.look()
        assert looker.lives("w", 0)
        look_for(looker, clock, 5)
        assert not looker.lives("w", 0)


def test_a_beat_is_life_whatever_the_clocks_say(seen_from):
    clock, worker = AClock(), seen_from("there", OFTEN)
    looker = seen_from("here", Pulse(2.0, 0.5), clock)
    with worker.at_work("w"):
        looker.look()
        for _ in range(5):
            beats = looker._rows[0].user_attrs.get("beat", 0)
            for _ in range(2_000):
                time.sleep(0.01)
                looker.look()
                if looker._rows[0].user_attrs.get("beat", 0) != beats:
                    break
            clock.now += 1_000.0
            assert looker.lives("w", 0)


def test_a_worker_that_was_taken_for_dead_shows_itself_anew(seen_from):
    clock, worker = AClock(), seen_from("there", OFTEN)
    looker = seen_from("here", Pulse(2.0, 20.0), clock)
    with worker.at_work("w"):
        looker.look()
        looker._close(looker._rows[0]._trial_id)
        for _ in range(2_000):
            looker.look()
            if len(looker._rows) > 1:
                break
            time.sleep(0.01)
        assert looker.lives("w", 0)
    looker.look()
    assert not looker.lives("w", 0)


def test_on_ones_own_machine_the_lock_says_it_at_once(seen_from, tmp_path):
    clock = AClock()
    worker, looker = seen_from("here"), seen_from("here", Pulse(2.0, 20.0), clock)
    with worker.at_work("w"):
        looker.look()
        look_for(looker, clock, 1_000)
        assert looker.lives("w", 0)
        (tmp_path / "here" / "w.lock").unlink()  # as where its holder is gone
        assert not looker.lives("w", 0)


def test_a_trial_that_was_taken_and_not_named_has_a_moment(seen_from):
    clock = AClock()
    looker = seen_from("here", Pulse(2.0, 20.0), clock)
    looker.look()
    for second in range(40):
        clock.now += 1.0
        looker.look()
        assert looker.lives(None, 3) is (second <= 20)


def test_one_leads_and_another_is_told_who(seen_from):
    first, second = seen_from("here", OFTEN), seen_from("there", OFTEN)
    with first.lead(lambda: None):
        with pytest.raises(OperatorError, match=r"is led by another: leader-.*swarmd storage work"):
            second.lead(lambda: None).__enter__()
        first.check_leading()
    with second.lead(lambda: None):
        second.check_leading()


@pytest.mark.parametrize(("mine", "theirs"), [(2, 2), (1, 2), (2, 0), (0, 2)])
def test_no_lead_is_taken_from_one_whose_lease_is_as_new_or_that_has_none(seen_from, mine, theirs):
    first, second = seen_from("there", OFTEN, token=theirs), seen_from("here", OFTEN, token=mine)
    with first.lead(lambda: None), pytest.raises(OperatorError, match="is led by another"):
        second.lead(lambda: None).__enter__()


def test_the_owner_takes_the_lead_from_the_living_run_of_a_former_owner_which_hears_of_it(seen_from):
    first, second = seen_from("there", Pulse(0.02, 20.0), token=1), seen_from("here", Pulse(0.02, 0.1), token=2)
    with contextlib.ExitStack() as former:
        former.enter_context(first.lead(lambda: None))
        with second.lead(lambda: None):
            for _ in range(2_000):
                if first._is_deposed.is_set():
                    break
                time.sleep(0.01)
            with pytest.raises(OutsideError, match="another leads now"):
                first.check_leading()
            second.check_leading()


def test_the_lead_of_a_dead_machine_is_taken_and_is_refused_to_it_when_it_comes_back(seen_from):
    first, second = seen_from("there", Pulse(0.3, 20.0)), seen_from("here", Pulse(0.02, 0.1))
    with contextlib.ExitStack() as slow:
        slow.enter_context(first.lead(lambda: None))
        # Before its first beat it is as silent as the dead.
        with second.lead(lambda: None):
            for _ in range(2_000):
                if first._is_deposed.is_set():
                    break
                time.sleep(0.01)
            with pytest.raises(OutsideError, match="another leads now"):
                first.check_leading()
            second.check_leading()


def test_nothing_is_left_lying_about(seen_from, tmp_path):
    presence = seen_from("here", OFTEN)
    with presence.lead(lambda: None), presence.at_work("w"):
        assert len(list((tmp_path / "here").iterdir())) == 2
    presence.put_up()
    assert not (tmp_path / "here").exists()


def test_rows_are_no_trials_of_the_search(seen_from, kept):
    study = optuna.create_study(storage=kept(), study_name="c", direction="maximize")
    with seen_from("here").at_work("w"):
        assert study.get_trials() == []


def test_the_place_for_locks_is_told_where_it_cannot_be_had(kept):
    presence = BeatPresence(kept(), "c", locks=Path("/proc/nowhere"))
    with pytest.raises(OutsideError, match="cannot hold the lock"), presence.at_work("w"):
        raise AssertionError("at work without a lock")
