"""Which program carries a run on a cluster, and what is asked before a session on one begins."""

import importlib.util
from pathlib import Path

import pytest
from builders import a_campaign, a_view

from swarmd.state.cluster import AWAY, ClusterFile, address_of, cluster_path, token_path
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.backend import BackendSettings
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import Phase
from swarmd.state.store.files import Home, atomic_write
from swarmd.supervisor.backends.chosen import Ground, grounded
from swarmd.supervisor.backends.ray.node_processes import NodeOffer, free_port, make_token, start_head, start_node
from swarmd.supervisor.processes import processes_with


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "swarm")
    made.prepare()
    return made


def settings(kind: str = "local", address: str = "") -> CampaignSettings:
    backend = BackendSettings.model_validate({"kind": kind, "address": address})
    return a_campaign().settings.model_copy(update={"backend": backend})


def test_what_searches_goes_away_and_what_judges_stays() -> None:
    assert {Phase.PRESCREEN, Phase.REFINE, Phase.SURROGATES, Phase.REOPTIMIZE} == AWAY


def test_the_command_says_the_backend_and_the_campaign_file_where_it_does_not(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert grounded(home, a_view(), settings("local"), None) == (settings("local"), Ground())
    assert grounded(home, a_view(), settings("ray", "h:1"), "local") == (settings("local", "h:1"), Ground())
    assert grounded(home, a_view(), None, None) == (None, Ground())


def test_without_ray_its_backend_is_refused_with_the_remedy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else there(name))
    with pytest.raises(OperatorError, match=r"pip install 'swarmd\[cluster\]'"):
        grounded(home, a_view(), settings("ray", "h:1"), None)


def test_without_a_cluster_or_its_secret_a_session_does_not_begin(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed; run: pip install 'swarmd[cluster]'")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(OperatorError, match="swarmd cluster up"):
        grounded(home, a_view(), settings("ray"), None)
    with pytest.raises(OperatorError, match=r"cluster\.token is not there"):
        grounded(home, a_view(), settings("ray", "10.0.0.2:6379"), None)
    make_token(home).chmod(0o644)
    with pytest.raises(OperatorError, match="chmod 600"):
        grounded(home, a_view(), settings("ray", "10.0.0.2:6379"), None)


def test_auto_is_the_cluster_that_this_home_was_told_of(home: Home) -> None:
    file = ClusterFile(address="10.0.0.2:6379")
    atomic_write(cluster_path(home), file.model_dump_json().encode())
    assert [address_of(home, asked) for asked in ("", "auto", "other:1")] == [
        "10.0.0.2:6379",
        "10.0.0.2:6379",
        "other:1",
    ]
    atomic_write(cluster_path(home), b"{")
    with pytest.raises(OperatorError, match="cannot be read"):
        address_of(home, "auto")


def test_the_secret_is_its_owners_alone_and_made_once(home: Home) -> None:
    first = make_token(home).read_bytes()
    assert make_token(home).read_bytes() == first
    assert len(first) == 64
    assert token_path(home).stat().st_mode & 0o777 == 0o600


def test_a_head_takes_no_port_of_the_workers(home: Home) -> None:
    with pytest.raises(OperatorError, match="10002 to 19999"):
        start_head(home, NodeOffer("head", "127.0.0.1", 0), port=15_000)
    assert free_port("127.0.0.1") not in range(10_002, 20_000)


def test_joining_a_dead_head_ends_within_its_time_and_leaves_nothing(home: Home) -> None:
    pytest.importorskip("ray", reason="Ray is not installed; run: pip install 'swarmd[cluster]'")
    make_token(home)
    address = f"127.0.0.1:{free_port('127.0.0.1')}"
    with pytest.raises(OutsideError, match=r"the node of the cluster at 127.*within 6 s"):
        start_node(home, NodeOffer("n1", "127.0.0.1", 1), address, within_s=6.0)
    assert processes_with("SWARMD_NODE", f"n1@{home.run_dir}") == []
    assert not cluster_path(home).exists()
