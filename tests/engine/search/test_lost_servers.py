"""Servers that are stopped, held or killed in the middle of a search: an end to every wait, and the same trials."""

import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import psutil
import psycopg
import pytest
from postgres_server import ADVICE, programs
from search_builders import a_desk
from study_servers import a_postgres, a_proxy, free_port, held

from swarmd.engine.backtest import Simulation
from swarmd.engine.kernel.trades import Trades
from swarmd.engine.metrics.summary import Metrics
from swarmd.engine.phases.desk import Yielded
from swarmd.engine.search import storage_grpc, storage_postgres
from swarmd.engine.search.refine import run_trials
from swarmd.engine.search.sampler import ReproducibleSampler, TpeSettings
from swarmd.engine.search.score import Constraints, ScoreRule
from swarmd.engine.search.space import search_space
from swarmd.engine.search.storage import open_study
from swarmd.engine.search.storage_contract import LOST, StorageLostError
from swarmd.engine.search.storage_grpc_server import serve
from swarmd.engine.search.storage_patience import patiently
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.beats import BeatsPage
from swarmd.state.errors import OperatorError, OutsideError

pytestmark = pytest.mark.xdist_group("studies on servers")
MTF = strategy_named("mtf_ema")
SPACE = search_space(MTF.card, "aggressive", {})
WARM = ({"tf_fast": 15, "L_fast": 10, "tf_slow": 60, "L_slow": 20, "sl": 0.02, "tp": 0.03},)
NAMES = tuple(spec.name for spec in SPACE)
N_TRIALS = 14
SOON_S = 0.7


def hill(params) -> Simulation:
    """A smooth landscape in place of a market."""
    far = abs(math.log(params["sl"] / 0.02)) + abs(params["L_slow"] - 90) / 100 + abs(params["L_fast"] - 20) / 40
    figures = dict.fromkeys(Metrics.__slots__, 0.5)
    figures |= {"annual_sharpe": 2.0 - far, "total_trades": int(60 - 15 * far), "max_drawdown": 0.1 + 0.05 * far}
    return Simulation(Trades(*(np.empty(0) for _ in range(10))), np.empty(0), Metrics(**figures))


def searched(opened, *, after=lambda trial: None, say=lambda text: None):
    """The search of `test_refine`, in whatever `opened` gives, taken up again where that is lost."""
    sampler = ReproducibleSampler(MTF, SPACE, seed=5, warm=WARM, settings=TpeSettings(n_startup_trials=6))

    def attempt():
        return run_trials(
            opened(sampler), sampler, SPACE, hill, n_trials=N_TRIALS, rule=ScoreRule("annual_sharpe", {}),
            constraints=Constraints(30, 0.35), finished=after,
        )  # fmt: skip

    return patiently(attempt, say=say, safe_point=lambda: None)


def on(storage, sampler):
    return optuna.create_study(
        storage=storage, study_name="c", sampler=sampler, direction="maximize", load_if_exists=True
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    journal = tmp_path_factory.mktemp("undisturbed") / "s.journal"
    return searched(lambda sampler: open_study(journal, name="c", sampler=sampler))


def documents(trials) -> str:
    """With the order of what is in them: it is that of the files they are written to."""
    return repr([trial.document() for trial in trials])


def test_a_proxy_killed_and_held_in_the_middle_changes_nothing(undisturbed, tmp_path):
    said: list[str] = []
    with a_proxy(tmp_path) as proxy:

        def opened(sampler):
            return on(storage_grpc.connected("127.0.0.1", proxy.port, names=NAMES, answer_s=SOON_S), sampler)

        def disturb(trial):
            if trial.number == 4:
                proxy.kill()
                proxy.start()
            elif trial.number == 9:
                proxy.hold()
                line = storage_grpc.connected("127.0.0.1", proxy.port, names=NAMES, answer_s=SOON_S)
                began = time.monotonic()
                with pytest.raises(StorageLostError, match="does not answer"):
                    line.get_all_studies()
                assert time.monotonic() - began < 30  # and not for ever
                proxy.let_go()

        trials = searched(opened, after=disturb, say=said.append)
    assert documents(trials) == documents(undisturbed)
    # What the proxy left is a journal as any: the study is in it when no proxy is.
    sampler = ReproducibleSampler(MTF, SPACE, seed=5)
    assert len(open_study(tmp_path / "studies.journal", name="c", sampler=sampler).get_trials()) == N_TRIALS


def test_a_proxy_that_comes_late_is_waited_for(undisturbed, tmp_path):
    said: list[str] = []
    proxies = []
    with a_proxy(tmp_path) as proxy:
        proxy.kill()

        def opened(sampler):
            if said and not proxies:
                proxy.start()
                proxies.append(proxy)
            return on(storage_grpc.connected("127.0.0.1", proxy.port, names=NAMES), sampler)

        trials = searched(opened, say=said.append)
    assert documents(trials) == documents(undisturbed)
    assert said == [f"the storage grpc://127.0.0.1:{proxy.port} cannot be reached; waiting for it"]


def test_a_run_that_waits_for_a_server_does_not_stand_still_and_is_not_thought_to_have_done_anything(tmp_path):
    page = BeatsPage(tmp_path / "beats", create=True)
    writer, began = page.writer(0, token=1), time.monotonic()
    desk = replace(a_desk(tmp_path), advance=writer.advance)

    def attempt() -> str:
        if time.monotonic() - began < SOON_S:
            raise StorageLostError("no server")
        return "there"

    assert patiently(attempt, say=lambda text: None, safe_point=desk.wait) == "there"
    pulse = page.read(0)
    assert pulse.progress > 1
    assert pulse.done == 0
    with pytest.raises(Yielded):
        a_desk(tmp_path, should_yield=lambda: True).wait()
    page.close()


def test_one_that_stays_away_is_given_up():
    line = storage_grpc.connected("127.0.0.1", free_port(), names=NAMES)
    with pytest.raises(OutsideError, match="cannot be reached; given up after 0 s, run it again"):
        patiently(line.get_all_studies, say=lambda text: None, safe_point=lambda: None, give_up_after_s=0.1)


@pytest.fixture(scope="module")
def database():
    if programs() is None:
        pytest.skip(ADVICE)
    with a_postgres() as url:
        yield url


def backends(url: str) -> list[psutil.Process]:
    """The server's processes: one for every connection, and those that keep the house."""
    folder = url.rpartition("host=")[2]
    (main,) = [
        each for each in psutil.process_iter(["cmdline"])
        if "-k" in (each.info["cmdline"] or ()) and folder in each.info["cmdline"]
    ]  # fmt: skip
    return [main, *main.children()]


def test_postgres_held_and_its_connections_cut_in_the_middle_changes_nothing(undisturbed, database):
    plain = database.replace("+psycopg", "")
    lost: list[str] = []

    def opened(sampler):
        return on(storage_postgres.connected(database, answer_s=SOON_S), sampler)

    def disturb(trial):
        if trial.number == 4:
            with psycopg.connect(plain, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                              " AND application_name = 'swarmd refine'")  # fmt: skip
        elif trial.number == 9:
            line = storage_postgres.connected(database, answer_s=SOON_S)
            with held(backends(database)), pytest.raises(LOST):
                line.get_all_studies()

    trials = searched(opened, after=disturb, say=lost.append)
    assert documents(trials) == documents(undisturbed)


@pytest.mark.parametrize(
    ("change", "family", "said"),
    [
        (("s3cret", "wr0ng-one"), OperatorError, "authentication failed"),
        (("/postgres?", "/nowhere?"), OperatorError, "does not exist"),
        (("host=/tmp", "host=/nowhere"), StorageLostError, "cannot be reached"),
    ],
)
def test_what_is_wrong_with_an_address_is_told_without_its_password(database, change, family, said):
    url = database.replace(*change)
    with pytest.raises(family, match=said) as refused:
        storage_postgres.connected(url)
    assert not [word for word in ("s3cret", "wr0ng-one") if word in str(refused.value)]


def test_two_servers_never_write_one_journal(tmp_path: Path):
    journal = tmp_path / "studies.journal"
    with a_proxy(tmp_path), pytest.raises(OperatorError, match=r"is served already: pid \d+ on grpc://"):
        serve(journal, f"grpc://127.0.0.1:{free_port()}", ready=lambda: None, is_over=lambda idle_s: True)
