"""Whom `swarmd ensure` takes at his word: a stop that a person asked for stays one, wherever it was asked."""

from pathlib import Path

import orjson
import pytest
from builders import a_campaign, a_request
from click.testing import CliRunner
from swarm_builders import a_home, a_swarm

from swarmd.supervisor.commands.ensure import ensure


@pytest.mark.parametrize("person", ["cli", "Ctrl-C", "dashboard"])
def test_what_a_person_stopped_is_left_alone(tmp_path: Path, person: str) -> None:
    home = a_home(tmp_path)
    asked = a_request("stop", asked_by=person, status="answered", answer="stopped")
    with a_swarm(home, a_campaign(status="stopped", reason="asked"), asked):
        pass
    done = CliRunner().invoke(ensure, ["--json", "--home", str(home.root)], catch_exceptions=False)
    assert done.exit_code == 0
    assert orjson.loads(done.output)["did"] == "nothing"
