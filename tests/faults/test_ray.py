"""The same campaign on a real cluster: nodes, head, courier and daemon are killed, and it comes to the same end."""

import json
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from faults.ray_cluster import NODES, Cluster, on_cluster
from faults.swarm import MODE, ONE_PRESCREEN, SYMBOL, Row, Swarm, campaign_text, outcome, state_of, wait
from faults.test_killed import trial_lines

pytest.importorskip("ray", reason="Ray is not installed; run: pip install 'swarmd[cluster]'")

from builders import the_settings
from search_builders import a_desk, a_market, an_order, files_below, run_phase

from swarmd.engine.phases.table import PHASES
from swarmd.state.beats import BeatsPage
from swarmd.state.cluster import ADDRESS_VARIABLE, ray_environment, token_path
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.job import Phase
from swarmd.state.store.files import Home, atomic_write, is_locked, lock_file
from swarmd.state.work_order import BEATS_VARIABLE, LOCK_FD, LOCK_FD_VARIABLE, RUN_VARIABLE, ExitCode, WorkOrder
from swarmd.supervisor.backends.ray.backend import COURIER, SpareCouriers
from swarmd.supervisor.backends.ray.reach import require_reach
from swarmd.supervisor.backends.ray.watch import NodeWatch, look_once
from swarmd.supervisor.processes import processes_with

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    made = Cluster(folder, folder / "orders")
    try:
        made.start_head()
        made.join(*NODES)
        yield made
    finally:
        made.end()


def lost(swarm: Swarm, suffix: str) -> Row:
    """The run once it has ended."""
    return wait(f"the end of {suffix}", lambda: row if (row := swarm.run_of(suffix)).get("ended_at") else None)


def anywhere(found: Any) -> Any:
    """Without the commit of the checkout that a lane was started from: each machine has one of its own."""
    if isinstance(found, dict):
        return {key: anywhere(inner) for key, inner in found.items() if key not in ("git_sha", "git_commit")}
    return [anywhere(inner) for inner in found] if isinstance(found, list) else found


def held(swarm: Swarm) -> tuple[str, int] | None:
    """The attempt that stands at its order now, with the pid of its lane on the node."""
    for path in swarm.orders.glob("refine-*.reached"):
        pid = int(path.read_text().split()[0])
        if state_of(pid):
            return path.name.partition("@")[0], pid
    return None


def test_node_daemon_courier_and_head_are_killed_and_nothing_is_lost_or_doubled(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any], cluster: Cluster
) -> None:
    swarm = on_cluster(swarm_of(campaign_text(bars)), cluster)
    first_order = swarm.order("refine-a1@4.wait")
    # Which attempt comes to a living node is a matter of who hears of the dead one first.
    later = [swarm.order(f"refine-a{attempt}@3.wait") for attempt in range(2, 20)]
    swarm.start()

    # The node with the lane on it goes down.
    (first,) = swarm.reached(first_order.name)
    node = swarm.run_of("refine-a1")["node"]
    assert node in NODES
    cluster.kill(node)
    wait("the lane to end with its node", lambda: not state_of(first))
    gone = lost(swarm, "refine-a1")
    assert gone["exit_code"] == ExitCode.NODE_LOST
    assert node in gone["reason"], "it says which node is gone"

    # Its successor lives on another; the daemon dies, and the next one takes the same courier over.
    name, second = wait("a lane on another node", lambda: held(swarm))
    courier = swarm.run_of(name)["pid"]
    assert swarm.run_of(name)["node"] in set(NODES) - {node}
    swarm.kill_daemon()
    assert state_of(second), "a lane on a node outlives the daemon"
    swarm.start()
    assert "1 run adopted" in swarm.closed("daemon_lost")["outcome"]
    assert (swarm.run_of(name)["pid"], swarm.run_of(name)["status"]) == (courier, "running")
    assert state_of(second)

    # The courier is killed, and what it had on the node ends with it.
    os.kill(courier, signal.SIGKILL)
    wait("the lane to end with its courier", lambda: not state_of(second))
    assert lost(swarm, name)["status"] == "lost"
    name, third = wait("its successor", lambda: held(swarm))

    # The head goes down, and all nodes with it; it comes back where it was, and they join again.
    cluster.kill("head")
    wait("the lane to end with its cluster", lambda: not state_of(third))
    assert lost(swarm, name)["reason"]
    for each in NODES:
        wait(f"{each} to leave", lambda each=each: not cluster.pids(each), 90)  # type: ignore[misc]
    cluster.end_nodes()
    for order in (first_order, *later):
        order.unlink()
    cluster.start_head()
    cluster.join(*NODES)

    assert swarm.finish() == 0
    assert anywhere(outcome(swarm)) == anywhere(undisturbed)
    assert trial_lines(swarm) == list(range(12)), "each trial was made and told once"
    runs = [row for name, row in swarm.records("run").items() if "refine" in name]
    spans = sorted((row["ordered_at"], row["ended_at"]) for row in runs)
    assert all(before[1] <= after[0] for before, after in pairwise(spans)), "no two at once"


def spare_lanes(cluster: Cluster, name: str) -> list[int]:
    """Lanes that wait on that node."""
    words = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in cluster.pids(name)}
    return [pid for pid, said in words.items() if b"swarmd.engine.lane.away" in said and b"--spare" in said]


def test_a_spare_courier_becomes_the_run_with_the_lane_that_waited_and_goes_with_its_stock(
    cluster: Cluster, tmp_path: Path
) -> None:
    a_market(tmp_path / "bars")
    assert run_phase(tmp_path / "calm", tmp_path / "bars", "preflight").verdict == "pass"
    shutil.copytree(tmp_path / "calm", tmp_path / "home")
    assert run_phase(tmp_path / "calm", tmp_path / "bars", "prescreen").verdict == "pass"
    home = Home(tmp_path / "home")
    home.prepare()
    shutil.copy(token_path(cluster.home("head")), token_path(home))
    BeatsPage(home.beats_path, create=True).close()
    like, order = (
        an_order(home.root, tmp_path / "bars", "prescreen", run=run).model_copy(update={"node": "n1"})
        for run in ("cpu0-like", "cpu0-prescreen-1")
    )
    for each in (like, order):
        home.order_path(each.run).write_text(each.model_dump_json())
    home.outbox_of(order.run).mkdir(parents=True)
    spares = SpareCouriers(home, COURIER)
    environment = {**os.environ, **ray_environment(token_path(home)), ADDRESS_VARIABLE: cluster.address}
    variables = {
        LOCK_FD_VARIABLE: str(LOCK_FD),
        BEATS_VARIABLE: f"{home.beats_path}:0",
        RUN_VARIABLE: f"{order.run}@{home.run_dir}",
        ADDRESS_VARIABLE: cluster.address,
    }
    try:
        with home.log_path(order.run).open("ab") as log:
            lock = lock_file(home.lock_path(order.run), {"run": order.run})
            assert lock is not None

            def kept() -> list[int]:
                spares.keep(1, like, environment, may_start=True)
                return spare_lanes(cluster, "n1")

            (waiting,) = wait("a lane that waits", kept)
            handed = (order, variables, lock, log.fileno())
            pid = wait("a spare that takes the order", lambda: (kept(), spares.hand_over(*handed))[1])
            os.close(lock)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == ExitCode.DONE, home.log_path(order.run).read_text()
        assert not is_locked(home.lock_path(order.run))
        assert files_below(home.results) == files_below(Home(tmp_path / "calm").results)
        told = (home.outbox_of(order.run) / "events.jsonl").read_text()
        assert "the lane lives on node n1" in told
        assert f'"pid": {waiting}' in told, "it is ready that waited"
        wait("the lane to end", lambda: not state_of(waiting))
        # The next one waits, with its lane, until nobody wants it any more.
        wait("another lane that waits", kept)
        assert spares.pids()
    finally:
        spares.close()
    wait("the lane that waited to end with its courier", lambda: not spare_lanes(cluster, "n1"))
    assert processes_with(RUN_VARIABLE, f"{order.run}@{home.run_dir}") == []


def test_who_does_not_know_the_secret_is_not_let_in(cluster: Cluster, tmp_path: Path) -> None:
    stranger = Home(tmp_path / "stranger")
    stranger.prepare()
    atomic_write(token_path(stranger), b"0" * 64)
    with pytest.raises(OutsideError, match="does not"):
        look_once(stranger, cluster.address)
    friend = Home(tmp_path / "friend")
    friend.prepare()
    shutil.copy(token_path(cluster.home("head")), token_path(friend))
    assert {node.name for node in look_once(friend, cluster.address).nodes if node.is_alive} >= set(NODES)


def test_a_session_hears_at_once_who_is_there_and_each_node_tries_what_it_is_asked_to(
    cluster: Cluster, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    shutil.copy(token_path(cluster.home("head")), token_path(home))
    watch = NodeWatch(home, cluster.address)
    try:
        first = watch.first()
        assert {node.name for node in first.nodes if node.is_alive} >= set(NODES)
        assert watch.fresh() is not None, "the session sees it, too"
        wait(
            "a look with measures",
            lambda: (look := watch.fresh()) is not None and any(node.memory_bytes for node in look.nodes),
        )
    finally:
        watch.end()
    elsewhere = first.model_copy(
        update={"nodes": tuple(node.model_copy(update={"address": "198.51.100.7"}) for node in first.nodes)}
    )
    with socket.socket() as server:
        # Bound and not listening: the port is nobody else's, and refuses.
        server.bind(("127.0.0.1", 0))
        url = f"grpc://127.0.0.1:{server.getsockname()[1]}"
        settings = the_settings(backend={"kind": "ray"}, storage={"kind": "grpc", "url": url})
        require_reach(home, cluster.address, settings, first)  # of this machine: the daemon will serve it
        with pytest.raises(OperatorError, match=r"lanes on .*n\d.* cannot reach grpc://127"):
            require_reach(home, cluster.address, settings, elsewhere)
        server.listen()
        require_reach(home, cluster.address, settings, elsewhere)


def test_a_prescreen_goes_to_the_lane_of_a_nodes_gpu_and_falls_back_out_loud_where_there_is_none(
    swarm_of: Callable[..., Swarm], bars: Path, cluster: Cluster, tmp_path: Path
) -> None:
    """The node lends one to the cluster that it has not: as it is where a driver does not load."""
    swarm = on_cluster(swarm_of(ONE_PRESCREEN.format(bars=bars, symbol=SYMBOL, mode=MODE)), cluster)
    share = "backend: {lane_gpus: 0.5, lane_vram_gb: 8, "  # two by the device, one by its memory
    swarm.campaign.write_text(swarm.campaign.read_text().replace("backend: {", share))
    cluster.join("g1", gpus=1)
    try:
        swarm.start()
        assert swarm.finish() == 0
    finally:
        cluster.leave("g1")
    run = swarm.run_of("prescreen-a1")
    assert (run["lane"], run["node"], run["engine"], run["status"]) == ("g1.gpu0a", "g1", "auto", "done")
    others = [row for name, row in swarm.records("run").items() if not name.endswith("prescreen-a1")]
    # On a busy machine a fill lane may open beside cpu0: of the processor all the same, and here.
    assert {row["engine"] for row in others} == {"cpu"}
    assert {name for row in others if (name := row["lane"]) not in ("cpu0", "fill0")} == set()
    assert [swarm.records("node")["g1"][name] for name in ("gpus", "vram_gb")] == [1.0, 8.0]
    assert {"g1.gpu0a", "g1.gpu0b"} == {name for name in swarm.records("lane") if name.startswith("g1.")}
    lane = swarm.records("lane")["g1.gpu0a"]
    assert (lane["status"], lane["device"], lane["node"]) == ("held", "gpu0", "g1")
    name = f"faults.{SYMBOL}.{MODE}.prescreen-a1"
    rests = f"gpu0 of node g1 rests for 10 min 0 s: {name} fell back on the processor, 1 of its runs in a row"
    assert lane["reason"].startswith(rests)
    assert "engine: cpu (no GPU" in swarm.home.log_path(name).read_text()
    told = swarm.run("explain", name).stdout
    assert "g1.gpu0a is free" in told
    assert "prescreens take a lane of gpu0 of node g1 while one is open" in told
    # What was decided hangs on records alone, those of the node among them.
    assert json.loads(swarm.run("replay", "--json").stdout)["differences"] == []
    # What came of it is what a processor here makes of the same order.
    order = WorkOrder.model_validate_json(swarm.home.order_path(name).read_bytes())
    here = order.model_copy(update={"home": str(tmp_path / "here"), "lane": "cpu0", "engine": "cpu", "node": ""})
    for phase in (Phase.PREFLIGHT, Phase.PRESCREEN):
        summary = PHASES[phase](here.model_copy(update={"phase": phase}), a_desk(tmp_path / "here"))
    ours, theirs = summary.model_dump(mode="json"), swarm.records("result")[name]["summary"]
    assert ours["figures"].pop("seconds") > 0 < theirs["figures"].pop("seconds")
    assert ours == theirs
    top = next(swarm.home.results.rglob("phase0_top500.json")).relative_to(swarm.home.results)
    written = [
        json.loads((results / top).read_text()) for results in (Home(Path(here.home)).results, swarm.home.results)
    ]
    assert anywhere(written[0]) == anywhere(written[1])
