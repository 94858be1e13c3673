"""The budget of a campaign file: its units, its mistakes, its schema, and that it is no part of the question."""

from pathlib import Path

import pytest

from swarmd.state.records.campaign_settings import BudgetSettings, CampaignSettings
from swarmd.state.units import HOUR
from swarmd.supervisor.campaign_file import CampaignFileError, read_campaign, schema
from swarmd.supervisor.question import digest

HEAD = """\
name: majors
data: {root: bars}
assets: {tiers: {A: [BTCUSDT]}}
strategy: {name: mtf_ema, modes: [balanced]}
"""


def read(folder: Path, limits: str) -> CampaignSettings:
    path = folder / "campaign.yaml"
    path.write_text(f"{HEAD}limits: {{{limits}}}\n")
    return read_campaign(path).settings


def test_a_budget_is_read_in_its_units(tmp_path: Path) -> None:
    told = "budget: {wall: 12h, cost_per_hour: 0.45, total: 5.00, device_time: {gpu: 8h}, disk: 20GiB}"
    assert read(tmp_path, told).limits.budget == BudgetSettings(
        wall=12 * HOUR, cost_per_hour=0.45, total=5.0, device_time={"gpu": 8 * HOUR}, disk=20 << 30, grace=0.05
    )


def test_the_digest_leaves_the_budget_out(tmp_path: Path) -> None:
    with_one = digest(read(tmp_path, "budget: {wall: 12h}"))
    assert with_one == digest(read(tmp_path, "max_attempts: 5"))
    assert with_one != digest(read(tmp_path, "budget: {wall: 12h}, max_attempts: 4"))


@pytest.mark.parametrize(
    ("budget", "field", "said"),
    [
        ("{wal: 12h}", "limits.budget.wal", "did you mean 'wall'?"),
        ("{wall: 12 hours}", "limits.budget.wall", "write a number and a unit"),
        ("{wall: 0s}", "limits.budget.wall", "greater than 0"),
        ("{total: 5}", "limits.budget", "add cost_per_hour"),
        ("{device_time: {tpu: 8h}}", "limits.budget.device_time.tpu", "'cpu' or 'gpu'"),
        ("{disk: 20GB}", "limits.budget.disk", "write 512MiB or 5GiB"),
        ("{wall: 1h, grace: 2}", "limits.budget.grace", "less than or equal to 1"),
    ],
)
def test_a_mistake_is_told_at_its_field(tmp_path: Path, budget: str, field: str, said: str) -> None:
    with pytest.raises(CampaignFileError) as caught:
        read(tmp_path, f"budget: {budget}")
    assert [(each.field, said in each.text) for each in caught.value.problems] == [(field, True)], caught.value


def test_the_schema_takes_durations_and_sizes_with_their_units() -> None:
    budget = schema()["$defs"]["BudgetSettings"]["properties"]
    for written in (budget["wall"], budget["disk"], budget["device_time"]["additionalProperties"]):
        assert "string" in [each.get("type") for each in written["anyOf"]]
