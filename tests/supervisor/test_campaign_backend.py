"""The backend of a campaign file: which it is, what its nodes cost, and where a mistake stands."""

from pathlib import Path

import pytest

from swarmd.supervisor.campaign_file import CampaignFileError, read_campaign
from swarmd.supervisor.question import digest

SOUND = """\
name: majors
data: {root: bars, interval: 5m}
assets: {tiers: {TIER1: [BTCUSDT]}}
strategy: {name: mtf_ema, modes: [balanced]}
"""
PRICED = """\
backend:
  kind: ray
  cost_per_hour: 0.5
  nodes:
  - {name: big, cost_per_hour: 2.5}
limits: {budget: {total: 100}}
"""


def read(folder: Path, more: str) -> object:
    path = folder / "campaign.yaml"
    path.write_text(SOUND + more)
    return read_campaign(path).settings


def told(folder: Path, more: str) -> str:
    with pytest.raises(CampaignFileError) as caught:
        read(folder, more)
    return str(caught.value).removeprefix(f"{folder}/")


def test_a_word_is_the_kind_and_where_lanes_live_is_no_part_of_the_question(tmp_path: Path) -> None:
    local, ray = read(tmp_path, ""), read(tmp_path, "backend: ray\n")
    assert (local.backend.kind, ray.backend.kind) == ("local", "ray")  # type: ignore[attr-defined]
    assert digest(local) == digest(ray)  # type: ignore[arg-type]


def test_prices_of_nodes_are_prices_enough_to_keep_a_total(tmp_path: Path) -> None:
    settings = read(tmp_path, PRICED)
    assert [(node.name, node.cost_per_hour) for node in settings.backend.nodes] == [("big", 2.5)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ("limits: {budget: {total: 100}}\n", "campaign.yaml:5:18: limits.budget: total 100 cannot be kept without"),
        ("backend: slurm\n", "campaign.yaml:5:10: backend: must be 'local' or 'ray' (got 'slurm')"),
        ("backend:\n  cost_per_hour: 0.5\n", "campaign.yaml:6:18: backend.cost_per_hour: belongs to a cluster"),
        (PRICED.replace("2.5", "-1"), "campaign.yaml:9:32: backend.nodes.0.cost_per_hour: must be greater than or"),
        (PRICED.replace("limits", "  - {name: big, cost_per_hour: 3}\nlimits"), "campaign.yaml:9:3: backend.nodes:"),
        (PRICED.replace("2.5}", "2.5, prize: 2}"), "campaign.yaml:9:37: backend.nodes.0.prize: is not a field here"),
    ],
)
def test_a_mistake_is_told_at_its_line(tmp_path: Path, more: str, place: str) -> None:
    assert told(tmp_path, more).startswith(place)
