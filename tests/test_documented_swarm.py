"""The commands about a swarm at work, typed while one works: started, steered, looked at, stopped, kept by a service.

Three assets and a strategy that is slow, or dies, as files of orders tell it to, so that each command meets what it is
about: a crash, a run to kill, a job that was given up, a campaign that is over.
"""

import contextlib
import json
import os
import shutil
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented_commands import INSTEAD, WORKING, scene
from faults.swarm import leftovers, wait
from repository import ROOT
from study_servers import free_port
from typist import Typist

from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import noise_market, planted_market
from swarmd.state.projection import Projection
from swarmd.state.store.files import Home

pytestmark = [pytest.mark.xdist_group("daemon"), pytest.mark.timeout(1800)]

JOB = "majors.BTCUSDT.aggressive.refine"
CAMPAIGN = f"""\
name: majors
data: {{root: data/bars_5m, interval: 5m}}
assets: {{tiers: {{A: [BTCUSDT, ETHUSDT, SOLUSDT]}}, batch_size: 1}}
strategy: {{name: "{ROOT / "tests" / "slow_strategy.py"}:Slow", modes: [aggressive]}}
search: {{prescreen: {{combos: 40, seed: 42}}, refine: {{trials: 300, seed: 42, rungs: []}}}}
space:
  tf_fast: [15]
  tf_slow: [60]
  L_fast: {{low: 8, high: 16, type: int}}
  L_slow: {{low: 15, high: 28, type: int}}
  sl: {{low: 0.03, high: 0.05}}
  tp: {{low: 0.05, high: 0.15}}
constraints: {{min_trades: 30, max_drawdown: 0.6}}
validation: {{crown_on: screen}}
limits: {{disk_free_min: 1MiB, backoff: [100ms, 1s], max_attempts: 2, max_lanes: 1, spares: 0}}
"""
# A hundred days in which there is nothing to be found: it ends at the prescreen, with a no.
NOTHING = """\
name: {name}
data: {{root: nothing}}
assets: {{tiers: {{A: [COIN]}}}}
strategy: {{name: mtf_ema, modes: [balanced]}}
search: {{prescreen: {{combos: 40}}}}
limits: {{disk_free_min: 1MiB, max_lanes: 1, spares: 0}}
"""
# A manager in reach: it answers as `systemctl --user` does, and writes down what it was asked.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> asked
case "$*" in
  *--value*) echo 252.38-1~deb12u1 ;;
  *"show --property"*) printf 'LoadState=loaded\\nActiveState=active\\nMainPID=1\\n' ;;
esac
"""
BROWSER = """#!/bin/sh
printf '%s' "$1" > opened.part && mv opened.part opened
"""


@pytest.fixture
def typist(tmp_path: Path) -> Iterator[Typist]:
    orders = tmp_path / "orders"
    for folder in (tmp_path / "data" / "bars_5m", tmp_path / "nothing", tmp_path / "bin", orders):
        folder.mkdir(parents=True)
    edge, _ = planted_market(300, 7, 6.0, symbol="BTCUSDT")
    write_bars(tmp_path / "data" / "bars_5m" / "BTCUSDT.parquet", edge)
    for symbol in ("ETHUSDT", "SOLUSDT"):
        shutil.copy(
            tmp_path / "data" / "bars_5m" / "BTCUSDT.parquet", tmp_path / "data" / "bars_5m" / f"{symbol}.parquet"
        )
    write_bars(tmp_path / "nothing" / "COIN.parquet", noise_market(100, 7, symbol="COIN"))
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN)
    for file, name in (("night", "night"), ("majors", "one"), ("alts", "other"), ("CAMPAIGN", "scripts")):
        (tmp_path / f"{file}.yaml").write_text(NOTHING.format(name=name))
    for name, text in (("systemctl", SYSTEMCTL), ("browser", BROWSER)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    made = Typist(tmp_path, INSTEAD[WORKING], port=free_port(), root=ROOT)
    made.environment |= {
        "PATH": f"{tmp_path / 'bin'}:{made.environment['PATH']}",
        "BROWSER": "browser",
        "SWARMD_TEST_ORDERS": str(orders),
        "VENV_PATH": sys.prefix,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    try:
        yield made
        assert wait("all processes to end", lambda: not leftovers(tmp_path), 280)
    finally:
        for pid in leftovers(tmp_path):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)


def on_lane(typist: Typist, attempt: int) -> str:
    """The lane that works on this attempt of the job."""

    def found() -> str:
        runs = Projection.from_journal(Home(typist.folder / "swarm").journal).view().runs
        run = runs.get(f"{JOB}-a{attempt}")
        return run.lane if run is not None and run.status == "running" else ""

    return wait(f"attempt {attempt} to run", found, 280)


def test_every_command_about_a_swarm_at_work_does_what_it_says(typist: Typist) -> None:
    orders = typist.folder / "orders"
    (orders / "slow").touch()
    (orders / "hold").touch()
    (orders / f"{JOB}-a1.crash").touch()
    typist.type("swarmd start campaign.yaml --until-done")
    # Claims are stated before the searches they are about begin.
    typist.type(
        'swarmd hypothesis state "drawdown stays small" --campaign majors --metric oos_max_drawdown --at-most 0.2'
    )
    typist.type(
        "swarmd hypothesis state 'the edge survives costs' --campaign majors --metric oos_annual_sharpe --above 0.8 "
        "--asset BTCUSDT --among every"
    )
    (orders / "hold").unlink()
    on_lane(typist, 2)
    look(typist)
    steer(typist, orders)
    leave(typist)
    begin_again(typist)
    serve_it(typist)
    assert set(scene(WORKING)) - set(typist.typed) == set()
    assert typist.needless == []


def look(typist: Typist) -> None:
    """One run has crashed, its successor stands still."""
    assert "majors" in typist.type("swarmd status")
    with typist.staying("swarmd status --watch", "majors"):
        pass
    assert "exit code 7" in typist.type("swarmd explain majors.BTCUSDT.balanced.refine-a1/crash")
    with (typist.folder / "swarm" / "logs" / "swarmd.log").open("a") as log:
        log.write("2026-01-31T09:30:00.250Z WARNING the disk fills up\n")  # nothing so grave has come about
    with typist.staying("swarmd log -f --level warning", "the disk fills up"):
        pass
    typist.type("swarmd log --lane cpu0 -n 100")
    for words, window in (("swarmd attach", r"0:gpu\*"), ("swarmd attach progress", r"progress\*")):
        with typist.staying(words, window, leave="\x02d", insists=True):
            pass
    with typist.staying("swarmd monitor progress", "majors", leave="q"):
        pass
    typist.type("swarmd mcp --allow-control")  # nobody asks anything: it leaves
    with typist.staying("swarmd serve", "Ctrl-C ends it"):
        opened = typist.folder / "opened"
        said = typist.type("swarmd serve --open")
        wait("the browser", opened.exists)
        # What stands in a command line, every user of the machine may read: the token lies in the file it names.
        door = Path(urllib.parse.unquote(opened.read_text().removeprefix("file://")))
        token = (typist.folder / "swarm" / "state" / "run" / "dashboard.token").read_text().strip()
        assert token not in said + opened.read_text()
        assert (token in door.read_text(), door.stat().st_mode & 0o777) == (True, 0o600)
        curl = 'curl -s -H "Authorization: Bearer $(cat $SWARMD_HOME/state/run/dashboard.token)" '
        now = json.loads(typist.type(f"{curl}http://127.0.0.1:8787/api/now"))
        assert "majors" in json.dumps(now)
        asked = typist.type(f"""{curl}-d '{{"verb": "pause"}}' http://127.0.0.1:8787/api/actions""")
        assert json.loads(asked)["refused"] is False, asked


def steer(typist: Typist, orders: Path) -> None:
    assert "paused" in typist.type("swarmd pause && swarmd status")
    typist.type("swarmd resume")
    with typist.staying("swarmd kill majors.BTCUSDT.balanced.refine-a1", r"\[y/N\]", leave="y\n"):
        pass
    typist.words["lane"] = on_lane(typist, 3)
    (orders / f"{JOB}-a4.crash").touch()
    typist.type("swarmd kill cpu3 --yes")
    # The fourth crashes like the first: the job is given up, and who follows it leaves with 1.
    assert "quarantined" in typist.type("swarmd follow majors.BTCUSDT.balanced.refine", code=1)
    typist.type("swarmd retry majors.BTCUSDT.balanced.refine")
    typist.type("swarmd prioritise SOLUSDT")
    typist.type("swarmd prioritise BTCUSDT --last")


def leave(typist: Typist) -> None:
    typist.type("swarmd restart")
    typist.type("swarmd ensure")
    with typist.staying("swarmd cancel", r"\[y/N\]", leave="n\n"):
        pass
    typist.type("swarmd cancel --yes")
    assert "cancelled" in typist.type("swarmd follow majors && echo done", code=1)
    typist.type("swarmd stop --timeout 600")
    assert "nothing to stop" in typist.type("swarmd stop")


def begin_again(typist: Typist) -> None:
    """Each in a home of its own, where nothing was asked before."""
    typist.environment["SWARMD_HOME"] = str(typist.folder / "second")
    typist.type("swarmd start majors.yaml --until-done && swarmd start alts.yaml --until-done")
    for home, words in (
        ("third", "swarmd start night.yaml --detach"),
        ("fourth", "scripts/backtest-optimize --parallel CAMPAIGN.yaml"),
        ("fifth", "scripts/backtest-optimize --parallel 4 CAMPAIGN.yaml"),
        ("sixth", "scripts/start_swarm_watchdogs.sh CAMPAIGN.yaml"),
    ):
        typist.environment["SWARMD_HOME"] = str(typist.folder / home)
        typist.type(words)
        if home == "sixth":
            assert "running: pid" in typist.type("scripts/ensure_swarm_watchdogs.sh")
        typist.type("swarmd stop --now")


def serve_it(typist: Typist) -> None:
    for words in ("swarmd service install", "swarmd service install --campaign night.yaml"):
        typist.type(words)
    typist.type("swarmd service install --campaign campaign.yaml")
    typist.type("swarmd service print --campaign campaign.yaml > swarmd.service")
    assert "ExecStart=" in (typist.folder / "swarmd.service").read_text()
    typist.type("swarmd service status")
    typist.type("swarmd service uninstall")
    assert not list((typist.folder / "config").rglob("*.service"))
