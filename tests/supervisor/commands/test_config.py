"""``swarmd config``: everything that is wrong, as lines and as a document."""

import json
from pathlib import Path

from click.testing import CliRunner

from swarmd.supervisor.commands.config import config

SOUND = """\
name: majors
data: {root: bars}
assets: {tiers: {A: [BTCUSDT]}}
strategy: {name: mtf_ema, modes: [balanced]}
"""


def written(folder: Path, text: str) -> str:
    (folder / "bars").mkdir()
    (folder / "bars" / "BTCUSDT.parquet").write_bytes(b"")
    path = folder / "campaign.yaml"
    path.write_text(text)
    return str(path)


def test_a_sound_file_is_told_with_its_digest_and_its_resolved_settings(tmp_path: Path) -> None:
    path = written(tmp_path, SOUND)
    told = CliRunner().invoke(config, ["check", path])
    assert told.exit_code == 0
    assert told.stdout.startswith(f"{path}: sound: campaign majors, mtf_ema on 1 assets, 1 modes\ndigest ")
    document = json.loads(CliRunner().invoke(config, ["check", path, "--json"]).stdout)
    assert document["schema"] == "swarmd.config_check/1"
    assert document["is_sound"]
    assert document["resolved"]["data"]["root"] == str(tmp_path / "bars")
    assert f"digest {document['digest']}\n" in told.stdout


def test_every_mistake_is_a_line_on_stderr_and_an_entry_of_the_document(tmp_path: Path) -> None:
    path = written(tmp_path, SOUND.replace("name: majors", "nmae: majors") + "extra: 1\n")
    told = CliRunner().invoke(config, ["check", path, "--json"])
    assert told.exit_code == 2
    lines = told.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines] == [f"{path}:1:1", f"{path}:1:1", f"{path}:5:1"]
    assert [each["field"] for each in json.loads(told.stdout)["problems"]] == ["nmae", "name", "extra"]


def test_what_the_file_names_is_looked_at_unless_only_the_file_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, SOUND.replace("BTCUSDT", "BTCUSD").replace("[balanced]", "[bold]"))
    told = CliRunner().invoke(config, ["check", path])
    assert told.exit_code == 2
    assert f"{path}:3:22: assets.tiers.A.0: no bars of BTCUSD" in told.stderr
    assert f"{path}:4:35: strategy.modes.0: 'bold' is not a mode of mtf_ema" in told.stderr
    assert CliRunner().invoke(config, ["check", "--file-only", path]).exit_code == 0


def test_the_schema_is_one_document_on_stdout() -> None:
    told = CliRunner().invoke(config, ["schema"])
    assert told.exit_code == 0
    assert json.loads(told.stdout)["title"] == "CampaignSettings"
