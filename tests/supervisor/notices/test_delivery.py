"""Messages that really leave: a daemon, its delivering process, and a server that counts what arrives."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from swarmd.state.store.files import Home

pytest.importorskip("apprise", reason="the extra is missing: pip install 'swarmd[notify]'")

pytestmark = [pytest.mark.xdist_group("surroundings of a daemon"), pytest.mark.timeout(400)]

WITHIN_S = 180
TOKEN = "s3cr3t-t0k3n"
CAMPAIGN = """\
name: told
data: {{root: bars}}
assets: {{tiers: {{A: [COIN]}}}}
strategy: {{name: mtf_ema, modes: [balanced]}}
limits: {{max_lanes: 1, disk_free_min: 1MiB, spares: 0}}
notify:
  - {{url: "json://user:{token}@127.0.0.1:{port}/all"}}
  - {{url: "json://127.0.0.1:{port}/${{NOTIFY_PLACE}}", levels: [info]}}
  - {{url: "json://127.0.0.1:{port}/broken", events: [campaign]}}
"""


class Received(ThreadingHTTPServer):
    """Takes what is posted but on ``/broken``; ``taken`` are path and title."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[tuple[str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Received

    def do_POST(self) -> None:
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_broken = self.path.startswith("/broken")
        if not is_broken:
            self.server.taken.append((self.path.strip("/"), said["title"]))
        self.send_response(500 if is_broken else 200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Not to the terminal."""


@pytest.fixture
def server() -> Iterator[Received]:
    with Received() as server:
        yield server
        server.shutdown()


def command(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    parts = ("STATE_ROOT", "LOGS_ROOT", "RESULTS_ROOT")
    environment = {name: value for name, value in os.environ.items() if name not in parts}
    environment |= {"SWARMD_HOME": str(folder / "home"), **more}
    return subprocess.run(
        [sys.executable, "-P", "-m", "swarmd", *words],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def rows(folder: Path) -> list[dict[str, Any]]:
    answer = command(folder, "query", "notices", "--json")
    assert answer.returncode == 0, answer.stderr
    found: list[dict[str, Any]] = json.loads(answer.stdout)["rows"]
    return found


def test_what_befalls_a_campaign_is_told_once_and_no_secret_is_left_behind(tmp_path: Path, server: Received) -> None:
    home, file = Home(tmp_path / "home"), tmp_path / "campaign.yaml"
    (tmp_path / "bars").mkdir()
    (tmp_path / "bars" / "COIN.csv").write_text("this,is,no,market\n1,2,3,4\n")
    file.write_text(CAMPAIGN.format(token=TOKEN, port=server.server_port))

    tested = command(tmp_path, "notify", "test", str(file), "--json", NOTIFY_PLACE="some")
    assert tested.returncode == 1, "one of them does not take it"
    errors = [row["error"] for row in json.loads(tested.stdout)["channels"]]
    assert errors[:2] == ["", ""]
    assert "did not take it" in errors[2]
    assert server.taken == [("all", "swarmd: a test"), ("some", "swarmd: a test")]
    unset = command(tmp_path, "notify", "test", str(file))
    assert "needs ${NOTIFY_PLACE}" in unset.stdout
    server.taken.clear()

    started = ("start", str(file), "--until-done", "--no-monitors", "--no-screen")
    ran = command(tmp_path, *started, NOTIFY_PLACE="some")
    assert ran.returncode == 1, "its only preflight refused the data"
    until = time.monotonic() + WITHIN_S
    done = "campaign/told/done/"
    while len([row for row in rows(tmp_path) if row["id"].startswith(done)]) < 3:
        assert time.monotonic() < until, rows(tmp_path)
        time.sleep(0.3)
    command(tmp_path, "notify", "deliver", "--wait", NOTIFY_PLACE="some")
    by_channel: dict[str, list[str]] = {}
    for place, title in server.taken:
        by_channel.setdefault(place, []).append(title)
    assert by_channel["some"] == ["swarmd: campaign told is done"]
    assert sorted(by_channel["all"]) == [
        "swarmd: campaign told is done", "swarmd: data refused: told.COIN.preflight",
    ]  # fmt: skip
    failed = [row for row in rows(tmp_path) if row["status"] == "failed"]
    assert {(row["event"], row["channel"].partition("#")[0]) for row in failed} == {("campaign", "json")}
    assert all("did not take it" in row["why"] for row in failed)

    # A daemon that comes later has nothing to tell again.
    n_told = len(server.taken)
    again = command(tmp_path, "start", "--until-done", "--no-monitors", "--no-screen", NOTIFY_PLACE="some")
    assert again.returncode in (0, 1)
    command(tmp_path, "notify", "deliver", "--wait", NOTIFY_PLACE="some")
    assert len(server.taken) == n_told

    kept = home.state / "notify.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert TOKEN in kept.read_text()
    for path in home.root.rglob("*"):
        if path.is_file() and path != kept:
            assert TOKEN.encode() not in path.read_bytes(), path


def test_without_channels_or_with_a_bad_one_the_person_is_told(tmp_path: Path) -> None:
    file = tmp_path / "campaign.yaml"
    file.write_text(CAMPAIGN.format(token=TOKEN, port=1).replace("levels: [info]", "levels: [loud], at_most: 5"))
    wrong = command(tmp_path, "config", "check", str(file))
    assert wrong.returncode == 2
    assert "notify.1.levels.0" in wrong.stdout + wrong.stderr
    assert "no channel is asked for" in command(tmp_path, "notify", "test").stderr
    assert command(tmp_path, "notify", "deliver").returncode == 2
