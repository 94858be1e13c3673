"""What watches the nodes of a cluster, when it hangs: real processes that stand in for the looker."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from swarmd.state.store.files import Home
from swarmd.supervisor.backends.ray import watch
from swarmd.supervisor.backends.ray.watch import Look, NodeWatch

SECONDS = 30.0
# As the looker tells: its pid in place of a node's name, again and again.
TELLS = """
import json, os, time
while True:
    node = {"name": f"n{os.getpid()}", "address": "a", "life": "l", "is_alive": True, "cpus": 1.0}
    print(json.dumps({"nodes": [node]}), flush=True)
    time.sleep(0.02)
"""


def heard(watch: NodeWatch, holds: Callable[[Look], bool]) -> tuple[Look, list[Look]]:
    """The first look that holds, and all that came before it."""
    before: list[Look] = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        look = watch.fresh()
        if look is not None and holds(look):
            return look, before
        before += [look] if look is not None else []
        time.sleep(0.01)
    raise AssertionError(f"not heard within {SECONDS} s; the last: {before[-1:]}")


def test_one_that_hangs_is_ended_and_another_begun_and_no_cluster_is_called_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "command", lambda address, every_s, reach="": [sys.executable, "-c", TELLS])
    monkeypatch.setattr(watch, "_SILENT_AFTER_S", 0.5)
    nodes = NodeWatch(Home(tmp_path), "there:1")
    try:
        nodes.begin()
        first, _ = heard(nodes, lambda look: bool(look.nodes))
        os.kill(int(first.nodes[0].name[1:]), signal.SIGSTOP)
        silent, _ = heard(nodes, lambda look: bool(look.trouble))
        assert silent.trouble == "the cluster at there:1 has not answered for 0.5 s"
        _, before = heard(nodes, lambda look: bool(look.nodes) and look.nodes != first.nodes)
        assert not any(look.is_lost for look in before)
    finally:
        nodes.end()


def test_one_that_has_just_begun_is_not_ended_for_the_silence_of_the_former(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connects = f"import time; time.sleep(0.7)\n{TELLS}"
    words = iter(["import time; time.sleep(0.9)", *[connects] * 9])
    monkeypatch.setattr(watch, "command", lambda address, every_s, reach="": [sys.executable, "-c", next(words)])
    monkeypatch.setattr(watch, "_SILENT_AFTER_S", 1.5)
    monkeypatch.setattr(watch, "_RESTS_S", (0.0, 0.0))
    nodes = NodeWatch(Home(tmp_path), "there:1", _rest_s=0.0)
    try:
        nodes.begin()
        _, before = heard(nodes, lambda look: bool(look.nodes))
    finally:
        nodes.end()
    assert [look.trouble for look in before] == ["the cluster at there:1 does not answer"]
    assert not any("has not answered for" in look.trouble for look in before)
