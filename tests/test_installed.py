"""Installed like any tool, from the wheel: nothing of the checkout is in reach, and everything it needs is there.

`pip install` puts the wheel into an environment of its own; the packages it depends on are those installed here, so
that nothing is fetched. `scripts/try_install` does it with the commands of pipx and uv, and fetches what they ask.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import ROOT, committed_files

from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal

pytestmark = pytest.mark.xdist_group("packaging")

WITHIN_S = 120


def build(project: Path, dest: Path, *targets: str) -> None:
    for target in targets:
        subprocess.run(
            [sys.executable, "-P", "-m", "hatchling", "build", "-t", target, "-d", str(dest)],
            cwd=project, check=True, capture_output=True,
        )  # fmt: skip


def installer(python: Path) -> list[str]:
    """A real installer that puts a wheel into another environment."""
    if importlib.util.find_spec("pip"):
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
        return [*pip, "install", "--quiet", "--no-compile"]
    if shutil.which("uv"):
        return ["uv", "pip", "install", "--quiet", "--python", str(python)]
    pytest.skip("neither pip nor uv here; scripts/setup test brings pip")


class Tool:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.venv = folder / "venv"
        build(ROOT, folder / "dist", "wheel", "sdist")
        (self.wheel,) = (folder / "dist").glob("*.whl")
        (self.sdist,) = (folder / "dist").glob("*.tar.gz")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(self.venv)], check=True)
        self.python = self.venv / "bin" / "python"
        subprocess.run([*installer(self.python), "--no-index", "--no-deps", str(self.wheel)], check=True)
        (self.packages,) = self.venv.glob("lib/python*/site-packages")
        # As a path alone: no .pth beside those packages is read, so the checkout stays out of reach.
        (self.packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run(str(self.venv / "bin" / "swarmd"), *words)

    def run_python(self, code: str) -> str:
        said = self._run(str(self.python), "-c", code)
        assert said.returncode == 0, said.stderr
        return said.stdout

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = {**kept, "SWARMD_HOME": str(self.folder / "swarm"), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    return Tool(tmp_path_factory.mktemp("installed"))


def test_every_file_of_the_code_is_installed_as_it_is_committed(tool: Tool) -> None:
    lost = [
        str(path)
        for path in committed_files("swarmd")
        if not (tool.packages / path).is_file() or (tool.packages / path).read_bytes() != (ROOT / path).read_bytes()
    ]
    assert lost == []


def test_what_runs_is_what_was_installed_and_the_checkout_is_out_of_reach(tool: Tool) -> None:
    told = tool.run_python("import swarmd, sys; print(swarmd.__file__, *sys.path, sep='\\n')").splitlines()
    assert told[0] == str(tool.packages / "swarmd" / "__init__.py")
    assert str(ROOT) not in told


def test_it_answers_as_any_tool_does(tool: Tool) -> None:
    version = tool.run("--version")
    assert (version.returncode, version.stdout) == (0, f"swarmd {tool.wheel.name.split('-')[1]}\n")
    assert "start campaign.yaml" in tool.run("--help").stdout
    schema = json.loads(tool.run("config", "schema").stdout)
    assert {"name", "data", "assets", "strategy"} <= set(schema["properties"])
    # One that imports the engine, and one that reads a file of the user's through it.
    listed = json.loads(tool.run("strategies", "list", "--json").stdout)
    assert "mtf_ema" in json.dumps(listed)
    wrong = tool.run("config", "check", "nowhere.yaml")
    assert (wrong.returncode, "nowhere.yaml" in wrong.stderr) == (2, True)
    # Nothing was made by asking.
    assert not (tool.folder / "swarm").exists()


def test_the_kernels_sources_and_the_runner_of_scripts_are_found_where_the_code_looks(tool: Tool) -> None:
    code = (
        "from swarmd.engine.kernel import layout; from swarmd.engine.export.parity_run import RUNNER; "
        "print(len(layout.device_source()), RUNNER.stat().st_size, RUNNER)"
    )
    n_source, n_runner, runner = tool.run_python(code).split(maxsplit=2)
    assert int(n_source) > 10_000
    assert int(n_runner) == (ROOT / "swarmd" / "engine" / "export" / "pine_runner.mjs").stat().st_size
    assert Path(runner.strip()).is_relative_to(tool.packages)


def test_the_dashboard_serves_every_one_of_its_files(tool: Tool) -> None:
    home = Home(tool.folder / "served")
    home.prepare()
    Journal.open(home.journal)[0].close()
    command = [str(tool.venv / "bin" / "swarmd"), "serve", "--home", str(home.root), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tool.folder, text=True) as serving:
        assert serving.stdout is not None
        said = ""
        while not said.endswith("}\n"):
            said += serving.stdout.readline()
        there = json.loads(said)
        token = Path(there["token_file"]).read_text().strip()
        static = Path("swarmd/supervisor/dashboard/static")
        for path in committed_files(str(static)):
            name = path.relative_to(static)
            if name.suffix in (".html", ".md", ".txt"):
                continue
            asked = urllib.request.Request(f"{there['url']}static/{name}", headers={"Authorization": f"Bearer {token}"})
            with urllib.request.urlopen(asked, timeout=20) as answer:
                assert answer.read() == (tool.packages / path).read_bytes(), path
        serving.send_signal(signal.SIGINT)


def test_the_sdist_makes_the_same_wheel(tool: Tool, tmp_path: Path) -> None:
    with tarfile.open(tool.sdist) as sdist:
        sdist.extractall(tmp_path)
    (unpacked,) = tmp_path.iterdir()
    build(unpacked, tmp_path / "dist", "wheel")
    (again,) = (tmp_path / "dist").glob("*.whl")

    def contents(wheel: Path) -> dict[str, int]:
        with zipfile.ZipFile(wheel) as opened:
            return {each.filename: each.CRC for each in opened.infolist() if not each.filename.endswith("RECORD")}

    assert contents(again) == contents(tool.wheel)
