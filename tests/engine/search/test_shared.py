"""Several workers on one study: none takes another's trial, and what the dead leave is tried again, not for ever.

The same of a journal, of the gRPC proxy and of Postgres, each of them real.
"""

import contextlib
import itertools
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from postgres_server import ADVICE, programs
from study_servers import a_postgres, a_proxy

from swarmd.engine.search.sampler import ReproducibleSampler, TpeSettings
from swarmd.engine.search.shared import MOST_ATTEMPTS, SharedStudy
from swarmd.engine.search.space import search_space
from swarmd.engine.search.storage import lock_of_worker
from swarmd.engine.search.storages import storage_of
from swarmd.engine.search.trial import finished_trials
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.records.storage import StorageSettings
from swarmd.state.store.files import Home

pytestmark = pytest.mark.xdist_group("studies on servers")
EMA = strategy_named("ema_cross")
SPACE = search_space(EMA.card, next(iter(EMA.card.modes)), {})
LISTED = tuple({**EMA.card.baseline, "L_fast": n, "L_slow": 10 * n} for n in (5, 6, 7))
N_PROCESSES, N_TRIALS = 3, 24
_names = itertools.count()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    with a_proxy(tmp_path_factory.mktemp("proxy")) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def database():
    with a_postgres(connections=100) as url:
        yield url


@pytest.fixture(params=["journal", "grpc", "postgres"])
def kept(request, tmp_path) -> "APlace":
    """Where the test's study is kept; a study of its own on a server that all of these tests share."""
    match request.param:
        case "journal":
            settings = StorageSettings()
        case "grpc":
            settings = StorageSettings(kind="grpc", url=request.getfixturevalue("proxy").url)
        case _:
            if programs() is None:
                pytest.skip(ADVICE)
            settings = StorageSettings(kind="postgres", url=request.getfixturevalue("database"))
    return APlace(settings, tmp_path / "s.journal", f"c{next(_names)}")


@dataclass
class APlace:
    settings: StorageSettings
    journal: Path
    name: str

    def study(self, *, n_trials: int = 4, is_first: bool = True) -> SharedStudy:
        sampler = ReproducibleSampler(EMA, SPACE, seed=3, settings=TpeSettings(constant_liar=True))
        place = storage_of(
            self.settings, Home(self.journal.parent), journal=self.journal, name=self.name, digest="d",
            parameters=tuple(spec.name for spec in SPACE), is_shared=True,
        )  # fmt: skip
        study = (place.opened if is_first else place.joined)(sampler)
        return SharedStudy(study, place.presence(study), SPACE, n_trials)


def suggested(trial) -> dict[str, float]:
    return {
        spec.name: trial.suggest_categorical(spec.name, spec.choices)
        if spec.kind == "choice"
        else (trial.suggest_int if spec.kind == "int" else trial.suggest_float)(
            spec.name, spec.low, spec.high, log=spec.log
        )
        for spec in SPACE
    }


@pytest.fixture
def workers():
    with contextlib.ExitStack() as living:
        yield lambda kept, name, **how: AWorker(living, kept, name, **how)


class AWorker:
    """Lives as long as it holds its lock; once it `dies` nobody holds it, and nothing else happens."""

    def __init__(self, living: contextlib.ExitStack, kept: APlace, name: str, **how) -> None:
        self.name = name
        self.shared = kept.study(is_first=False, **how)
        living.enter_context(self.shared.presence.at_work(name))
        self._lock = lock_of_worker(kept.journal, name)

    def dies(self) -> None:
        self._lock.unlink()

    def takes(self):
        return self.shared.claim(self.name)


def test_what_is_listed_goes_first_and_no_trial_is_taken_twice(kept, workers):
    first = kept.study()
    first.line_up(LISTED, "grid")
    first.line_up(LISTED, "grid")
    one, two = workers(kept, "one"), workers(kept, "two")
    taken = [worker.takes() for worker in (one, two, one, two)]
    assert [trial.number for trial in taken] == [0, 1, 2, 3]
    assert [suggested(trial) for trial in taken[:3]] == [dict(vector) for vector in LISTED]
    first.line_up(LISTED, "grid")
    assert (one.takes(), two.takes()) == (None, None)
    assert not first.is_done
    for trial in taken:
        suggested(trial)
        one.shared.study.tell(trial.number, 1.0)
    assert first.is_done
    assert first.reap() == ()


def test_a_line_up_broken_off_by_a_kill_is_completed_and_nothing_is_doubled(kept):
    kept.study(n_trials=2).line_up(LISTED, "grid")
    again = kept.study(n_trials=3)
    again.line_up(LISTED, "grid")
    assert [trial.user_attrs["place"] for trial in again.study.get_trials()] == [0, 1, 2]
    assert [trial.system_attrs["fixed_params"] for trial in again.study.get_trials()] == list(LISTED)


def test_trials_are_lined_up_a_few_ahead_of_the_workers(kept, workers):
    shared, one = kept.study(n_trials=200), workers(kept, "one")
    shared.line_up(LISTED, "grid", n_workers=2)
    n_first = len(shared.study.get_trials())
    assert len(LISTED) < n_first < 200
    assert [one.takes().number, one.takes().number] == [0, 1]
    shared.line_up(LISTED, "grid", n_workers=2)
    assert len(shared.study.get_trials()) == n_first + 2


def test_one_made_late_in_the_place_of_another_is_nobodys(kept, workers):
    """A server that was lost may yet do as it was told, after its answer was given up."""
    shared, one = kept.study(n_trials=2), workers(kept, "one", n_trials=2)
    shared.line_up(LISTED, "grid")
    shared.study.enqueue_trial(dict(LISTED[0]), user_attrs={"place": 0, "origin": "grid"})
    taken = [one.takes(), one.takes()]
    assert ([trial.number for trial in taken], one.takes()) == ([0, 1], None)
    for trial in taken:
        one.shared.study.tell(trial.number, 1.0)
    assert shared.is_done


def test_who_lost_sight_of_the_study_finds_its_trial_again(kept, workers):
    shared, one = kept.study(), workers(kept, "one")
    shared.line_up(LISTED, "grid")
    vector = suggested(one.takes())
    back = kept.study(is_first=False)
    (in_hand, none) = back.under_way("one"), back.under_way("two")
    assert (in_hand.number, suggested(in_hand), none) == (0, vector, None)


def test_an_orphan_is_reaped_and_its_vector_tried_again_while_the_living_keep_theirs(kept, workers):
    shared = kept.study()
    shared.line_up((), "tpe")
    one, two = workers(kept, "one"), workers(kept, "two")
    left, held = one.takes(), two.takes()
    vector = suggested(left)
    suggested(held)
    assert shared.reap() == ()
    one.dies()
    (orphan,) = shared.reap()
    assert (orphan.number, orphan.worker, orphan.again) == (left.number, "one", 4)
    assert orphan.told == "its worker one died; tried again as trial 4"
    assert shared.reap() == ()
    (told,) = finished_trials(shared.study)
    assert (told.state, told.error, told.params) == ("failed", orphan.told, vector)
    # The orphan does not count among those asked for: four vectors get their outcome.
    shared.line_up((), "tpe")
    assert [two.takes().number, two.takes().number] == [2, 3]
    again = two.takes()
    assert again.number == 4
    assert suggested(again) == vector
    assert two.takes() is None


def test_an_orphan_without_a_vector_is_replaced_by_another_trial(kept, workers):
    shared = kept.study(n_trials=2)
    shared.line_up((), "tpe")
    one = workers(kept, "one", n_trials=2)
    one.takes()
    one.takes()
    one.dies()
    assert [(orphan.worker, orphan.again) for orphan in shared.reap()] == [("one", None), ("one", None)]
    shared.line_up((), "tpe")
    two = workers(kept, "two", n_trials=2)
    assert [two.takes().number, two.takes().number, two.takes()] == [2, 3, None]


def test_a_worker_that_came_to_an_outcome_just_before_it_was_reaped_keeps_it(kept, workers):
    shared, one = kept.study(n_trials=1), workers(kept, "one", n_trials=1)
    shared.line_up((), "tpe")
    trial = one.takes()
    suggested(trial)
    # What a reaper says first, of one that was slow and not dead.
    trial.set_user_attr("replaced", True)
    trial.set_user_attr("reaped", json.dumps({"error": "its worker one died"}))
    one.shared.study.tell(trial, 1.0)
    (told,) = finished_trials(shared.study)
    assert (told.state, told.score, told.error) == ("complete", 1.0, None)
    assert (shared.is_done, shared.n_replaced, shared.reap()) == (True, 0, ())


def test_a_vector_that_takes_every_worker_with_it_is_given_up(kept, workers):
    shared = kept.study(n_trials=1)
    shared.line_up((), "tpe")
    for attempt in range(1, MOST_ATTEMPTS + 1):
        worker = workers(kept, f"w{attempt}", n_trials=1)
        suggested(worker.takes())
        worker.dies()
        (orphan,) = shared.reap()
        assert orphan.attempt == attempt
    assert orphan.told == f"its worker w{MOST_ATTEMPTS} died, as in each of {MOST_ATTEMPTS} attempts; not tried again"
    assert shared.is_done
    assert len(finished_trials(shared.study)) == MOST_ATTEMPTS


WORKER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
import test_shared as t
kept = t.APlace(t.StorageSettings.model_validate_json(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
shared, name = kept.study(is_first=False), sys.argv[5]
with shared.presence.at_work(name):
    print("at work", flush=True)
    while True:
        if (trial := shared.claim(name)) is not None:
            t.suggested(trial)
            shared.study.tell(trial, 1.0)
"""


def test_processes_that_are_killed_in_whatever_they_do_lose_no_trial_and_double_none(kept):
    """The workers are killed one after the other at arbitrary moments, and others take their places."""
    shared = kept.study(n_trials=N_TRIALS)
    paths = f"{Path(__file__).parent}:{Path(__file__).parents[2]}"
    shared.line_up(LISTED, "grid", n_workers=N_PROCESSES)

    def a_process(name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORKER, paths, kept.settings.model_dump_json(), str(kept.journal), kept.name]
        return subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True)

    crew = [a_process(f"p{n}") for n in range(N_PROCESSES)]
    try:
        n_orphans, n_done = 0, 0
        with shared.presence.lead(lambda: None):
            for process in crew:
                assert process.stdout is not None
                assert process.stdout.readline() == "at work\n"
            while not shared.is_done:
                done = len(finished_trials(shared.study))
                # A victim after every seven trials, but the last who works.
                if done >= n_done + 7 and len(crew) > 1:
                    crew[0].send_signal(signal.SIGKILL)
                    crew.pop(0).communicate()
                    n_done = done
                n_orphans += len(shared.reap())
                shared.line_up(LISTED, "grid", n_workers=N_PROCESSES)
                time.sleep(0.01)
    finally:
        for process in crew:
            process.kill()
            process.communicate()
    trials = shared.study.get_trials()
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert len(trials) == N_TRIALS + n_orphans
    assert sum(trial.state.name == "COMPLETE" for trial in trials) == N_TRIALS
    assert sum(trial.state.name == "FAIL" for trial in trials) == n_orphans
    places = [trial.user_attrs["place"] for trial in trials if "place" in trial.user_attrs]
    assert len(places) == len(set(places))


# -- a journal alone: what only a file can be made to show ------------------------------------------------------------


@pytest.fixture
def in_a_file(tmp_path) -> APlace:
    return APlace(StorageSettings(), tmp_path / "s.journal", "c")


def test_one_taken_by_a_worker_that_died_before_it_could_put_its_name_to_it_is_replaced(in_a_file):
    shared = in_a_file.study(n_trials=1)
    shared.line_up((), "tpe")
    shared.study.ask()
    assert [(orphan.worker, orphan.again) for orphan in shared.reap()] == [("nobody", None)]


def test_a_kill_in_the_middle_of_reaping_loses_and_doubles_nothing(in_a_file, workers, tmp_path):
    shared = in_a_file.study(n_trials=1)
    shared.line_up((), "tpe")
    one = workers(in_a_file, "one", n_trials=1)
    suggested(one.takes())
    before = len(in_a_file.journal.read_bytes().splitlines())
    one.dies()
    shared.reap()
    lines = in_a_file.journal.read_bytes().splitlines(keepends=True)
    for n_kept in range(before, len(lines) + 1):
        cut = APlace(StorageSettings(), tmp_path / f"{n_kept}.journal", "c")
        cut.journal.write_bytes(b"".join(lines[:n_kept]))
        other = cut.study(n_trials=1)
        other.reap()
        other.reap()
        trials = other.study.get_trials()
        assert [trial.state.name for trial in trials] == ["FAIL", "WAITING"], f"after {n_kept} of {len(lines)} lines"
        assert trials[1].system_attrs["fixed_params"] == trials[0].params


def test_a_line_that_a_killed_writer_left_torn_spoils_no_other(in_a_file, workers):
    shared = in_a_file.study()
    shared.line_up((), "tpe")
    one = workers(in_a_file, "one")
    with in_a_file.journal.open("ab") as torn:
        torn.write(b'{"op_code": 4, "wor')
    trial = one.takes()
    vector = suggested(trial)
    assert shared.study.get_trials()[0].params == vector
    one.shared.study.tell(trial.number, 1.0)
    assert [trial.state for trial in finished_trials(shared.study)] == ["complete"]
