"""The `storage` section of a campaign file: its mistakes with line and column, and its password nowhere on record."""

import sys
from pathlib import Path

import pytest

from swarmd.supervisor.campaign_checks import check_campaign
from swarmd.supervisor.campaign_file import CampaignFileError, read_campaign

SOUND = """name: c
data: {root: bars, interval: 5m}
assets: {tiers: {TIER1: [BTCUSDT]}}
strategy: {name: mtf_ema, modes: [aggressive]}
"""


def written(tmp_path: Path, storage: str) -> Path:
    (tmp_path / "bars").mkdir(exist_ok=True)
    (tmp_path / "bars" / "BTCUSDT.parquet").touch()
    path = tmp_path / "campaign.yaml"
    path.write_text(SOUND + storage)
    return path


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("storage:\n  kind: journal\n  url: grpc://h:1\n", ":7:8: storage.url: a journal lies beside its results"),
        ("storage:\n  kind: grcp\n", ":6:9: storage.kind: must be"),
        ("storage:\n  kind: grpc\n  url: h:1\n", ":7:8: storage.url: is no address of a gRPC proxy"),
        ("storage:\n  kind: postgres\n  url: mysql://a:s3cret@h/d\n", ":7:8: storage.url: is no address of a Postgres"),
        ("storage:\n  kind: postgres\n", ":6:3: storage: is no address of a Postgres"),
        ("storage:\n  kind: grpc\n  adress: x\n", ":7:3: storage.adress: is not a field"),
    ],
)
def test_a_mistake_is_told_with_line_and_column_and_without_the_password(
    tmp_path: Path, storage: str, said: str
) -> None:
    with pytest.raises(CampaignFileError) as refused:
        read_campaign(written(tmp_path, storage))
    assert said in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(("kind", "package"), [("grpc", "grpc"), ("postgres", "psycopg")])
def test_a_missing_extra_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, package: str
) -> None:
    url = "" if kind == "grpc" else "  url: postgresql://me@h/d\n"
    file = read_campaign(written(tmp_path, f"storage:\n  kind: {kind}\n{url}"))
    check_campaign(file)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(CampaignFileError) as refused:
        check_campaign(file)
    (problem,) = refused.value.problems
    assert (problem.field, problem.place.line) == ("storage.kind", 6)
    assert problem.text == f"{kind} needs the extra: pip install 'swarmd[{kind}]'"
