"""Days on a made-up cluster: nodes come, go, fall silent and spoil their runs, and no law is broken."""

from dataclasses import replace

from simulation.cluster import Assumptions
from simulation.cluster_play import ClusterDay, play_cluster
from swarmd.state.units import HOUR, MINUTE, SECOND

ROUGH = Assumptions(
    arrive_within=2 * MINUTE, lives_for=2 * HOUR, back_within=5 * MINUTE, mass_loss=0.4, bad_nodes=0.3,
    bad_for=15 * MINUTE, muffled_per_day=60, deaf_couriers=0.3,
)  # fmt: skip
SMALL = ClusterDay(
    1, nodes=5, lanes=40, hours=2, pace=0.05, loses_at=40 * MINUTE, beats_every=15 * SECOND, assumed=ROUGH, kills=2
)


def test_a_rough_day_on_five_nodes_breaks_no_law() -> None:
    report, _ = play_cluster(SMALL)
    assert report.deaths >= 4
    assert report.opened["node_lost"] > 4
    assert report.opened["fleet_wide"] == 0
    assert report.killed >= 1
    assert report.jobs["done"] > 40


def test_nor_does_one_where_some_of_the_nodes_lend_a_graphics_processor() -> None:
    day = replace(SMALL, seed=2, hours=1, loses_at=20 * MINUTE, assumed=replace(ROUGH, with_gpu=0.6), kills=1)
    report, view = play_cluster(day)
    assert report.deaths >= 2
    assert report.on_gpus > 20
    lanes = {(lane.node, lane.device) for lane in view.gpu_lanes}
    assert lanes, "some lend one"
    assert {node for node, _ in lanes} < {node.id for node in view.nodes.values()}, "and some do not"
