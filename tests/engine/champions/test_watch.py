"""Live users: told of a new champion, of its fall, of its damage; not of what has stayed as it was."""

import threading

import pytest

from swarmd.engine.champions.champion import read_champion, write_champion
from swarmd.engine.champions.loader import ChampionLoader
from swarmd.engine.champions.succession import dethrone
from tests.champion_builders import a_champion

SOON = 0.02
WAIT_S = 60.0


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "BTCUSDT_5m.json"
    write_champion(place, a_champion())
    return place


def test_refresh_gives_what_has_another_answer_now_and_nothing_else(path):
    loader = ChampionLoader(path.parent)
    loader.load("BTCUSDT", "5m")
    loader.load_cached("ETHUSDT", "5m")
    assert loader.refresh() == {}
    write_champion(path, a_champion(score=2.0))
    changed = loader.refresh()
    assert {niche: loaded.champion.score for niche, loaded in changed.items()} == {("BTCUSDT", "5m"): 2.0}
    assert loader.refresh() == {}


def test_a_watcher_is_told_of_a_new_champion_and_of_its_fall(path):
    told, heard = [], threading.Semaphore(0)

    def on_change(loaded):
        told.append(loaded)
        heard.release()

    with ChampionLoader(path.parent).watch("BTCUSDT", "5m", on_change, every_seconds=SOON) as watch:
        assert watch.loaded.champion.score == 1.5
        write_champion(path, a_champion(score=2.0))
        assert heard.acquire(timeout=WAIT_S)
        dethrone(path, read_champion(path), None, at="2026-05-01T00:00:00.000Z", reason="its days", evidence={})
        while told[-1].champion is not None:
            assert heard.acquire(timeout=WAIT_S)
        assert watch.loaded == told[-1]
    assert not watch.is_watching
    assert told[0].champion.score == 2.0
    # Between its word and its deed the file still lies there and is refused already: the reason may be told twice.
    assert {loaded.meta["champion"]["source"] for loaded in told[1:]} == {"baseline"}
    assert all("dethroned on 2026-05-01: its days" in loaded.meta["champion"]["reason"] for loaded in told[1:])


def test_a_hook_that_fails_ends_the_watch_and_is_not_forgotten(path, monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda arguments: ended.set())

    def on_change(loaded):
        raise RuntimeError("no broker")

    watch = ChampionLoader(path.parent).watch("BTCUSDT", "5m", on_change, every_seconds=SOON)
    write_champion(path, a_champion(score=2.0))
    assert ended.wait(WAIT_S)
    watch.stop()
    assert (str(watch.failure), watch.is_watching) == ("no broker", False)


def test_a_hook_may_stop_its_own_watch(path):
    watches, called = [], threading.Event()

    def on_change(loaded):
        watches[0].stop()
        called.set()

    watches.append(ChampionLoader(path.parent).watch("BTCUSDT", "5m", on_change, every_seconds=SOON))
    write_champion(path, a_champion(score=2.0))
    assert called.wait(WAIT_S)
    watches[0].stop()
    assert not watches[0].is_watching


def test_a_watch_without_a_pause_is_refused(path):
    with pytest.raises(ValueError, match="give a positive number"):
        ChampionLoader(path.parent).watch("BTCUSDT", "5m", print, every_seconds=0.0)
