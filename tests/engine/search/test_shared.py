"""Several workers on one study: none takes another's trial, and what the dead leave is tried again, not for ever."""

import os
from pathlib import Path

from swarmd.engine.search.refine import finished_trials
from swarmd.engine.search.sampler import ReproducibleSampler, TpeSettings
from swarmd.engine.search.shared import MOST_ATTEMPTS, SharedStudy
from swarmd.engine.search.space import search_space
from swarmd.engine.search.storage import join_study, lock_of_worker, open_study
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.store.files import lock_file

EMA = strategy_named("ema_cross")
SPACE = search_space(EMA.card, next(iter(EMA.card.modes)), {})
LISTED = tuple({**EMA.card.baseline, "L_fast": n, "L_slow": 10 * n} for n in (5, 6, 7))


def a_study(journal: Path, *, n_trials: int = 4, is_first: bool = True) -> SharedStudy:
    sampler = ReproducibleSampler(EMA, SPACE, seed=3, settings=TpeSettings(constant_liar=True))
    study = (open_study if is_first else join_study)(journal, name="c", sampler=sampler, is_shared=True)
    return SharedStudy(study, journal, SPACE, n_trials)


def suggested(trial) -> dict[str, float]:
    return {
        spec.name: trial.suggest_categorical(spec.name, spec.choices)
        if spec.kind == "choice"
        else (trial.suggest_int if spec.kind == "int" else trial.suggest_float)(
            spec.name, spec.low, spec.high, log=spec.log
        )
        for spec in SPACE
    }


class AWorker:
    """Lives as long as it holds its lock; `dies` as a kill makes it: the lock is free, nothing else happens."""

    def __init__(self, journal: Path, name: str, **how) -> None:
        self.name = name
        self.shared = a_study(journal, is_first=False, **how)
        held = lock_file(lock_of_worker(journal, name), {"pid": os.getpid()})
        assert held is not None
        self._lock = held

    def dies(self) -> None:
        os.close(self._lock)

    def takes(self):
        return self.shared.claim(self.name)


def test_what_is_listed_goes_first_and_no_trial_is_taken_twice(tmp_path):
    journal = tmp_path / "s.journal"
    first = a_study(journal)
    first.line_up(LISTED, "grid")
    first.line_up(LISTED, "grid")
    one, two = AWorker(journal, "one"), AWorker(journal, "two")
    taken = [worker.takes() for worker in (one, two, one, two)]
    assert [trial.number for trial in taken] == [0, 1, 2, 3]
    assert [suggested(trial) for trial in taken[:3]] == [dict(vector) for vector in LISTED]
    assert (one.takes(), two.takes()) == (None, None)
    assert not first.is_done
    for trial in taken:
        suggested(trial)
        one.shared.study.tell(trial.number, 1.0)
    assert first.is_done
    assert first.reap() == ()


def test_a_line_up_broken_off_by_a_kill_is_completed_and_nothing_is_doubled(tmp_path):
    journal = tmp_path / "s.journal"
    a_study(journal).line_up(LISTED[:2], "grid")
    again = a_study(journal)
    again.line_up(LISTED, "grid")
    assert [trial.user_attrs["listed"] for trial in again.study.get_trials()] == [0, 1, 2]


def test_an_orphan_is_reaped_and_its_vector_tried_again_while_the_living_keep_theirs(tmp_path):
    journal = tmp_path / "s.journal"
    shared = a_study(journal)
    one, two = AWorker(journal, "one"), AWorker(journal, "two")
    left, kept = one.takes(), two.takes()
    vector = suggested(left)
    suggested(kept)
    assert shared.reap() == ()
    one.dies()
    (orphan,) = shared.reap()
    assert (orphan.number, orphan.worker, orphan.again) == (left.number, "one", 2)
    assert orphan.told == "its worker one died; tried again as trial 2"
    assert shared.reap() == ()
    (told,) = finished_trials(shared.study)
    assert (told.state, told.error, told.params) == ("failed", orphan.told, vector)
    again = two.takes()
    assert again.number == 2
    assert suggested(again) == vector
    # The orphan does not count among those asked for: four vectors get their outcome.
    assert [two.takes().number, two.takes().number, two.takes()] == [3, 4, None]


def test_an_orphan_without_a_vector_or_a_name_is_replaced_by_another_trial(tmp_path):
    journal = tmp_path / "s.journal"
    shared = a_study(journal, n_trials=2)
    one = AWorker(journal, "one", n_trials=2)
    one.takes()
    shared.study._storage.create_new_trial(shared.study._study_id)  # killed before it could put its name to it
    one.dies()
    assert [(orphan.worker, orphan.again) for orphan in shared.reap()] == [("one", None), ("nobody", None)]
    two = AWorker(journal, "two", n_trials=2)
    assert [two.takes().number, two.takes().number, two.takes()] == [2, 3, None]


def test_a_kill_between_lining_up_and_putting_away_doubles_nothing(tmp_path):
    journal = tmp_path / "s.journal"
    shared = a_study(journal)
    one = AWorker(journal, "one")
    suggested(one.takes())
    one.dies()
    shared.reap()
    lines = journal.read_bytes().splitlines(keepends=True)
    queued = next(at for at, line in enumerate(lines) if b'"again"' in line)
    for kept in range(queued, len(lines) + 1):
        cut = tmp_path / f"{kept}.journal"
        cut.write_bytes(b"".join(lines[:kept]))
        other = a_study(cut)
        other.reap()
        trials = other.study.get_trials()
        assert [trial.state.name for trial in trials] == ["FAIL", "WAITING"], f"cut after {kept} of {len(lines)} lines"
        assert trials[1].system_attrs["fixed_params"] == trials[0].params


def test_a_vector_that_takes_every_worker_with_it_is_given_up(tmp_path):
    journal = tmp_path / "s.journal"
    shared = a_study(journal, n_trials=1)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        worker = AWorker(journal, f"w{attempt}", n_trials=1)
        suggested(worker.takes())
        worker.dies()
        (orphan,) = shared.reap()
        assert orphan.attempt == attempt
    assert orphan.told == f"its worker w{MOST_ATTEMPTS} died, as in each of {MOST_ATTEMPTS} attempts; not tried again"
    assert shared.is_done
    assert len(finished_trials(shared.study)) == MOST_ATTEMPTS


def test_a_line_that_a_killed_writer_left_torn_spoils_no_other(tmp_path):
    journal = tmp_path / "s.journal"
    shared = a_study(journal)
    one = AWorker(journal, "one")
    with journal.open("ab") as torn:
        torn.write(b'{"op_code": 4, "wor')
    trial = one.takes()
    vector = suggested(trial)
    assert shared.study.get_trials()[0].params == vector
    one.shared.study.tell(trial.number, 1.0)
    assert [trial.state for trial in finished_trials(shared.study)] == ["complete"]
