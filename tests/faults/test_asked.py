"""What `scripts/chaos` cannot begin it refuses in one clear sentence, before anything is made."""

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).resolve().parents[2] / "scripts" / "chaos"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read"),
        (b"\xd0\xff", "cannot read"),
        (b"a: [", "cannot read"),
        (b"data: root", "has no data.root"),
        (b"data: {root: nowhere}", "no bars at"),
    ],
)
def test_a_campaign_that_cannot_be_begun_is_refused_with_what_is_wrong(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    campaign = tmp_path / "campaign.yaml"
    if content is not None:
        campaign.write_bytes(content)
    work = tmp_path / "work"
    asked = subprocess.run(
        [sys.executable, str(CHAOS), str(campaign), "--work", str(work)], capture_output=True, text=True, check=False
    )
    assert asked.returncode == 2
    assert asked.stderr.startswith("error: ")
    assert told in asked.stderr
    assert str(tmp_path) in asked.stderr
    assert "Traceback" not in asked.stderr
    assert not work.exists()
