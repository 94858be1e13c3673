"""The tutorial and the how-tos, typed as they stand: each block marked `sh`, one after the other, in an empty place."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from repository import ROOT

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def typed(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Stops at the first command that ends badly, and says which by echoing each."""
    script = "set -euxo pipefail\n" + "".join(BLOCK.findall(page.read_text()))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("SWARMD_NO_VERIFY")
    try:
        return subprocess.run(
            ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=280
        )
    finally:
        # A swarm outlives who started it; nothing is left to stop where all went well.
        subprocess.run(["swarmd", "stop", "--now"], cwd=folder, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize("name", ["tutorial.md", "howto.md"])
def test_every_command_of_the_page_ends_well(name: str, tmp_path: Path) -> None:
    done = typed(ROOT / "docs" / name, tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    if name == "tutorial.md":
        assert (tmp_path / "swarm" / "champions" / "EDGE_15m.json").exists()
        assert not (tmp_path / "swarm" / "champions" / "NOISE_15m.json").exists()
        assert (tmp_path / "swarm" / "exports" / "pine" / "EDGE_15m.pine").exists()
        assert "EDGE_15m: holds" in done.stdout
        handoff = (tmp_path / "swarm" / "docs" / "reference" / "HANDOFF_LATEST.md").read_text()
        assert "6 of 6 commands run for this page ended well" in handoff
        assert "0 differences" in done.stdout
