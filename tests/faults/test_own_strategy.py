"""A strategy in one file of a user's own goes all the way, with nothing of swarmd touched."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import Swarm

from swarmd.cli import exit_code_of

pytestmark = pytest.mark.xdist_group("surroundings of a daemon")

_CAMPAIGN = """\
name: own
data: {{root: {bars}, interval: 15m}}
assets: {{tiers: {{A: [EDGE]}}}}
strategy: {{name: "{strategy}", modes: [long_short]}}
search: {{prescreen: {{combos: 30, seed: 42}}, refine: {{trials: 9, seed: 42, warm_start: 2}}}}
space: {{entry: {{low: 20, high: 80, type: int}}, leave: {{low: 10, high: 40, type: int}}}}
constraints: {{min_trades: 30, max_drawdown: 0.95}}
validation: {{crown_on: screen}}
limits: {{disk_free_min: 1MiB, backoff: [100ms, 1s], max_lanes: 1, spares: 0}}
"""


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs a command as it would be typed, gives back its JSON document; it must end well."""

    def run(*words: Any) -> Any:
        code = exit_code_of([str(word) for word in words])
        out, err = capsys.readouterr()
        assert code == 0, f"{words}: {err}"
        return json.loads(out)

    return run


def test_the_starter_goes_through_prescreen_refine_optimize_and_a_campaign(
    swarm_of: Callable[..., Swarm], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Callable[..., Any]
) -> None:
    monkeypatch.setenv("SWARMD_HOME", str(tmp_path / "by-hand"))
    bars = tmp_path / "bars"
    told("data", "synth", "--kind", "planted", "--days", 300, "--seed", 7, "--sharpe", 5, "--interval", "15m",
         "--out", bars, "--symbol", "EDGE", "--json")  # fmt: skip
    reference = told("strategies", "new", "my_break", "--dir", tmp_path, "--json")["strategy"]
    asked = ("--data", bars / "EDGE.parquet", "--strategy", reference, "--mode", "long_short")

    screened = told("prescreen", *asked, "--combos", 40, "--json")
    assert (screened["strategy"], screened["tried"]) == ("my_break", 40)
    assert screened["top"][0]["metrics"]["annual_sharpe"] > 3.0
    refined = told("refine", *asked, "--trials", 8, "--json")
    assert refined["schema"] == "swarmd.refine/1"
    document = told("optimize", *asked, "--prescreen", 40, "--trials", 8, "--crown-on", "screen", "--json")
    assert [entry["phase"] for entry in document["phases"]][:4] == ["preflight", "prescreen", "refine", "screen"]

    swarm = swarm_of(_CAMPAIGN.format(bars=bars, strategy=reference))
    checked = swarm.run("config", "check", str(swarm.campaign))
    assert checked.returncode == 0, checked.stderr
    swarm.start()
    assert swarm.finish() == 0
    assert swarm.trouble() == []
    jobs = {name.rpartition(".")[2]: row["status"] for name, row in swarm.records("job").items()}
    assert {jobs[phase] for phase in ("preflight", "prescreen", "refine", "screen")} == {"done"}
    trials = json.loads((swarm.home.results / "own" / "EDGE" / "long_short" / "all_trials.json").read_text())
    assert trials["strategy"] == reference
    assert len(trials["trials"]) == 9
    # The user's file is part of what the numbers come from.
    assert re.fullmatch(r".+\+[0-9a-f]{12}\.[0-9a-f]{12}", trials["code_version"])
