"""The commands of the pages about another machine: a box behind a real sshd, nodes of a real cluster, both here."""

import os
import re
from pathlib import Path

import pytest
from documented_commands import BENCHES, BOX, INSTEAD, NODES, scene
from faults.swarm import leftovers, wait
from repository import ROOT
from ssh_server import an_ssh_server
from study_servers import free_port
from test_deploy import Box
from typist import Typist

from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import noise_market
from swarmd.state.projection import Projection
from swarmd.state.store.files import Home

# A hundred days in which there is nothing to be found: it ends at the prescreen, with a no.
NOTHING = """\
name: majors
data: {root: data/bars_5m}
assets: {tiers: {A: [COIN]}}
strategy: {name: mtf_ema, modes: [balanced]}
search: {prescreen: {combos: 40}}
limits: {disk_free_min: 1MiB, max_lanes: 1, spares: 0}
"""


@pytest.mark.xdist_group("deploy")
@pytest.mark.timeout(900)
def test_a_box_is_set_up_looked_at_and_fetched_from_as_the_pages_show(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    at_home = f'SetEnv HOME={there}\nForceCommand cd {there} && exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n'
    with an_ssh_server(tmp_path / "sshd", config=at_home) as server:
        box = Box(tmp_path, server)
        box.dest, box.home = there / "swarmd", there / "swarmd" / "swarm"
        box.prepare()
        (box.checkout / "data" / "bars_5m").mkdir(parents=True)
        write_bars(box.checkout / "data" / "bars_5m" / "COIN.parquet", noise_market(100, 7, symbol="COIN"))
        for name in ("campaign.yaml", "majors.yaml"):
            (box.checkout / name).write_text(NOTHING)
        ssh = f"ssh -p {server.port} -i {server.identity} -o UserKnownHostsFile={server.folder}/known_hosts"
        typist = Typist(
            box.checkout, INSTEAD[BOX],
            box=" ".join(server.words()), ssh=ssh, tunnel=free_port(), place=tmp_path, checkout=box.checkout,
            dest=box.dest,
        )  # fmt: skip
        typist.environment["RSYNC_RSH"] = ssh
        try:
            for text in scene(BOX):
                if text.startswith("ssh "):
                    box.swarmd("stop", "--now")
                if "--tunnel" in text:
                    with typist.staying(text, r"open: http://127\.0\.0\.1:\d+/"):
                        pass
                else:
                    typist.once(text)
        finally:
            for home in (box.home, there / "swarm-home"):
                typist.type(f"swarmd --home {home} stop --now")
            for pid in leftovers(tmp_path):
                os.kill(pid, 9)
    for back in (box.checkout / "back", tmp_path / "cron"):
        assert (back / "campaigns" / "majors.yaml").exists()
    assert (tmp_path / "volume" / "results" / "majors" / "run_meta.json").exists()
    assert (tmp_path / "demo" / "results" / "majors" / "run_meta.json").exists()
    assert typist.needless == []


@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(900)
def test_machines_join_a_cluster_and_a_campaign_runs_on_them_as_the_pages_show(tmp_path: Path) -> None:
    """Two homes as two machines have them; the lanes of the one are on the node of the other."""
    pytest.importorskip("ray", reason="Ray is not installed; run: pip install 'swarmd[cluster]'")
    (tmp_path / "desk" / "bars").mkdir(parents=True)
    (tmp_path / "box").mkdir()
    write_bars(tmp_path / "desk" / "bars" / "COIN.parquet", noise_market(100, 7, symbol="COIN"))
    (tmp_path / "desk" / "campaign.yaml").write_text(NOTHING.replace("data/bars_5m", "bars"))
    port = free_port()
    desk, box = (Typist(tmp_path / name, INSTEAD[NODES], port=port) for name in ("desk", "box"))
    left = scene(NODES)

    def take(typist: Typist, said: str) -> None:
        for text in [each for each in left if re.search(said, each)]:
            left.remove(text)
            typist.once(text)

    try:
        take(desk, r"cluster up")
        take(box, r"^scp desk:")
        take(box, r"--token-file cluster.token$")
        box.type("swarmd cluster down")
        stays = [text for text in left if text.endswith("--stay")]
        assert len({box.replaced(text) for text in stays}) == 1
        with box.staying(stays[0], "has joined"):
            take(desk, r"cluster status")
            take(desk, r"^swarmd start")
            journal = Home(tmp_path / "desk" / "swarm").journal

            def on_the_node() -> list[str]:
                return [run.id for run in Projection.from_journal(journal).view().runs.values() if run.node == "box"]

            wait("a run on the node", on_the_node, 280)
            desk.type("swarmd stop --now")
        take(desk, r"cluster down")
        assert set(left) == set(stays)
    finally:
        for typist in (box, desk):
            typist.type("swarmd cluster down")


@pytest.mark.timeout(600)
def test_the_benchmarks_are_asked_as_the_pages_show(tmp_path: Path) -> None:
    typist = Typist(tmp_path, INSTEAD[BENCHES], root=ROOT)
    for text in scene(BENCHES):
        typist.once(text)
    assert typist.needless == []
