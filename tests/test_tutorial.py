"""Every page, typed as it stands: each block marked `sh`, one after the other.

The tutorial and the how-tos begin in an empty place; pages about what a campaign leaves are typed where the tutorial
has left its champion, each in a copy of its own, so that one campaign serves them all. What is marked `console` wants
another place, or other words, than a reader has at that line: `documented_commands` says which, and those that want
what a campaign has left are typed here.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pyarrow.parquet
import pytest
from documented_commands import INSTEAD, MADE, PARITY, scene
from pine_builders import pinets_folder
from repository import ROOT
from typist import Typist

from swarmd.state.records.policy import Policy
from swarmd.supervisor.rule_pages import registry_page

DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ALONE = [
    "experiments.md", "howto/overnight.md", "howto/own-data.md", "howto/own-strategy.md", "strategies.md",
]  # fmt: skip
AFTERWARDS = [
    "champions.md", "handoff.md", "howto/read-a-certificate.md", "knowledge.md", "pine.md", "reports.md",
    "surrogates.md",
]  # fmt: skip
one_worker = pytest.mark.xdist_group("tutorial")


def typed(page: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Stops at the first command that ends badly, and says which by echoing each."""
    script = "set -euxo pipefail\n" + "".join(BLOCK.findall((DOCS / page).read_text()))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("SWARMD_NO_VERIFY")
    try:
        return subprocess.run(
            ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=900
        )
    finally:
        if "swarmd start" in script:
            # A swarm outlives who started it; nothing is left to stop where all went well.
            subprocess.run(["swarmd", "stop", "--now"], cwd=folder, env=environment, capture_output=True, check=False)


def assert_it_ended_well(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """What typing the tutorial said, and the place it has left. Nobody writes there: copy it."""
    place = tmp_path_factory.mktemp("tutorial")
    return typed("tutorial.md", place), place


@one_worker
def test_the_tutorial_ends_with_the_champion_it_promises(
    tutorial: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, place = tutorial
    assert_it_ended_well(done)
    assert (place / "swarm" / "champions" / "EDGE_15m.json").exists()
    assert not (place / "swarm" / "champions" / "NOISE_15m.json").exists()
    assert (place / "swarm" / "exports" / "pine" / "EDGE_15m.pine").exists()
    assert "EDGE_15m: holds" in done.stdout
    handoff = (place / "swarm" / "docs" / "reference" / "HANDOFF_LATEST.md").read_text()
    assert "6 of 6 commands run for this page ended well" in handoff
    assert "0 differences" in done.stdout


@one_worker
def test_the_figures_of_the_tutorial_are_those_that_came_out(
    tutorial: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    """The page tells them in words; a change of the engine that moves them must move the page."""
    _, place = tutorial
    text = (DOCS / "tutorial.md").read_text()
    results = place / "swarm" / "results" / "first"
    noise = json.loads((results / "NOISE" / "aggressive" / "phase0_top500.json").read_text())["top"][0]
    assert f"the best of them has a Sharpe ratio of {noise['metrics']['annual_sharpe']:.1f}." in text
    champion = json.loads((place / "swarm" / "champions" / "EDGE_15m.json").read_text())["metrics"]
    found, expected = champion["development"]["annual_sharpe"], champion["forecast"]["annual_sharpe"]
    assert f"a Sharpe ratio of about {found:.1f} in sample" in text
    assert f"is some {expected:.1f}: the best" in text
    shares = (results / "NOISE" / "aggressive").glob("surrogates-*/surrogates.json")
    told = sorted(
        (share["first"], share["scores"], share["real"]) for share in map(json.loads, map(Path.read_text, shares))
    )
    as_good = [score >= real for _, scores, real in told for score in scores]
    assert (as_good[:10].count(True), as_good[9]) == (5, True)
    assert "`NOISE` is done after ten: five of them had something as good." in text
    read = (DOCS / "howto" / "read-a-certificate.md").read_text()
    assert f"about {expected:.2f}, not the {found:.2f} of the data" in read


@one_worker
def test_every_file_of_a_home_is_told_of(tutorial: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """docs/reference/home.md against the home itself, and each row of it that a small campaign comes by."""
    _, place = tutorial
    patterns = told_paths()
    home = place / "swarm"
    files = [path.relative_to(home).as_posix() for path in sorted(home.rglob("*")) if path.is_file()]
    visible = [name for name in files if not name.rpartition("/")[2].startswith(".")]
    assert [name for name in visible if not any(fits(name, pattern) for pattern in patterns)] == []
    seldom = (
        "quarantine", "inbox", "backup", "knowledge.url", "guards", "summary.json", "notify.json", "notices", "drafts",
        "dashboard.log", "reoptimize", "displacement", "conservative", "screen_opened", "surrogates_", "lease.json",
        "ledger.url", "ledger_moved", "ledger.moving",
    )  # fmt: skip
    unseen = [pattern for pattern in patterns if not any(fits(name, pattern) for name in visible)]
    assert [pattern for pattern in unseen if not any(word in pattern for word in seldom)] == []


def told_paths() -> list[str]:
    """The paths in the first column of each table, its words in capitals as what they stand for."""
    rows = re.findall(r"^\| (`.+?`) \|", (DOCS / "reference" / "home.md").read_text(), re.MULTILINE)
    return [path for row in rows for path in re.findall(r"`([^`]+)`", row)]


@cache
def stands_for() -> dict[str, str]:
    agents = "|".join(re.findall(r"^## (\w+)$", registry_page(Policy(at=0)), re.MULTILINE))
    return {
        "RUN": r"[\w.-]+-a\d+", "SESSION": r"bt-\d{8}_\d{6}Z", "CAMPAIGN": "first", "SYMBOL_TF": r"(EDGE|NOISE)_15m",
        "SYMBOL": "(EDGE|NOISE)", "MODE": "aggressive", "AGENT": f"({agents})",
    }  # fmt: skip


def fits(name: str, pattern: str) -> bool:
    """``*`` at the end is all that lies below, as a folder's files are told together."""
    if pattern.endswith("/*") and fits_folder(name, pattern.removesuffix("/*")):
        return True
    return re.fullmatch(regular(pattern), name) is not None


def fits_folder(name: str, folder: str) -> bool:
    return re.match(regular(folder) + "/.", name) is not None


def regular(pattern: str) -> str:
    text = re.escape(pattern).replace(r"\*", "[^/]*")
    for word, meaning in stands_for().items():
        text = re.sub(rf"(?<![A-Z]){word}(?![A-Z])", lambda _, meaning=meaning: meaning, text)  # type: ignore[misc]
    return text


@one_worker
@pytest.mark.parametrize("page", AFTERWARDS)
def test_every_command_about_a_campaign_ends_well_where_one_was(
    page: str, tutorial: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    _, place = tutorial
    here = tmp_path / "place"
    shutil.copytree(place, here)
    done = typed(page, here)
    assert_it_ended_well(done)
    if page == "champions.md":
        assert "EDGE_15m: holds" in done.stdout
        changes = (here / "swarm" / "champions" / "changes.jsonl").read_text().splitlines()
        assert [json.loads(line)["change"] for line in changes] == ["crowned", "manual", "rollback"]
    if page == "reports.md":
        assert (here / "out" / "edge.html").exists()
    if page == "pine.md":
        with (here / "swarm" / "results" / "first" / "pine_plan_fullguards.csv").open() as file:
            assert list(csv.DictReader(file)) != []


@one_worker
@pytest.mark.timeout(900)
def test_every_other_command_about_what_a_campaign_has_left_ends_well(
    tutorial: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    _, place = tutorial
    here = tmp_path / "place"
    shutil.copytree(place, here)
    furnish(here)
    (session,) = (here / "swarm" / "state").glob("session_state_bt-*.jsonl")
    typist = Typist(here, INSTEAD[MADE], session=session.stem.removeprefix("session_state_"))
    typist.type("swarmd strategies new mine --dir .")
    typist.type('swarmd champion set --symbol EDGE --timeframe 15m --strategy mtf_ema --mode aggressive --reason "x"')
    for text in scene(MADE):
        if text.endswith("--watch"):
            with typist.staying(text, "Ctrl-C"):
                continue
        typist.type(text)
    assert typist.needless == []


def furnish(here: Path) -> None:
    """The files of their own that the examples name."""
    (readme,) = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (here / "campaign.yaml").write_text(readme)
    (here / "data").mkdir()
    (here / "data" / "bars_5m").symlink_to("../bars")
    edge = pyarrow.parquet.read_table(here / "bars" / "EDGE.parquet")
    (here / "small").mkdir()
    for name in ("bars/BTCUSDT", "bars/ETHUSDT", "small/EDGE"):
        pyarrow.parquet.write_table(edge.slice(0, 365 * 96), here / f"{name}.parquet")
    (grid,) = re.findall(
        r"^name: ema-grid\n.*?(?=^YAML$)", (DOCS / "experiments.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (here / "experiment.yaml").write_text(grid)
    rows = [f"{start * 900_000},1,1,1,1,1" for start in range(1_800_000, 1_800_200)]
    (here / "btc.csv").write_text("\n".join(["open_time,open,high,low,close,volume", *rows]) + "\n")
    (here / "note.md").write_text("Keep a tenth of the disk free.\n")
    (here / "scripts").symlink_to(ROOT / "scripts")
    shutil.copytree(here / "swarm" / "state" / "journal", here / "copy")
    shutil.copy(ROOT / "README.md", here)
    (here / "docs" / "old").mkdir(parents=True)
    (here / "docs" / "old" / "page.md").write_text("# Of old\n\nNothing that is still so.\n")
    (here / "src").mkdir()
    (here / "src" / "lane.py").write_text('"""A lane."""\n')


@one_worker
def test_the_trades_of_the_script_are_compared_as_the_pages_show(
    tutorial: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    _, place = tutorial
    shutil.copytree(place, tmp_path / "place")
    typist = Typist(tmp_path / "place", INSTEAD[PARITY], pinets=pinets_folder())
    for text in scene(PARITY):
        typist.once(text)
    assert typist.needless == []


@pytest.mark.parametrize("page", ALONE)
def test_every_command_of_the_page_ends_well(page: str, tmp_path: Path) -> None:
    assert_it_ended_well(typed(page, tmp_path))


def test_every_page_with_commands_to_type_is_typed() -> None:
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if BLOCK.search(path.read_text())}
    assert pages == {"tutorial.md", *ALONE, *AFTERWARDS}
