"""What holds for the checkout as a whole: locks, links, packaging, scripts, and words that may stand nowhere."""

import ast
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from repository import ROOT, committed_files, committed_texts, places

import swarmd

LINKS = ("agents", "engine", "state", "supervisor")
LOCKS = ("run", "test")
# Installed by itself: nothing in pyproject.toml asks for it.
MODEL = "model"
# In parts, so that this file does not hold what it forbids.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("anaconda", "org"),
        ("crates", "io"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("proxy", "golang", "org"),
        ("ghcr", "io"),
        ("docker", "io"),
    )
)
BUILD_MACHINE = re.compile(r"(?<![\w.}~-])/(?:work|root|workspace|Users|home/\w+)/".replace("/", "[/]"))


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


# -- words that may stand nowhere -------------------------------------------------------------------------------------


def test_no_committed_file_names_the_host_of_a_package_registry() -> None:
    texts = committed_texts()
    assert {host: places(texts, host) for host in REGISTRIES} == {host: [] for host in REGISTRIES}


def test_no_committed_file_names_a_path_of_the_machine_it_was_made_on() -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in committed_texts()
        for number, line in enumerate(text.splitlines(), 1)
        if BUILD_MACHINE.search(line)
    ]
    assert found == []


def test_such_a_path_would_be_found() -> None:
    path = "/".join(("", "root", "x"))
    assert BUILD_MACHINE.search(f"cache={path}")
    assert BUILD_MACHINE.search(path)
    assert not BUILD_MACHINE.search(f"tests{path}")


def test_nothing_of_the_product_is_left_for_later() -> None:
    texts = committed_texts("swarmd")
    words = ("to" + "do", "fix" + "me", "notimplemented" + "error")
    assert {word: places(texts, word) for word in words} == {word: [] for word in words}


def test_no_file_is_named_for_having_no_noun() -> None:
    shapeless = {"utils", "util", "helpers", "common", "misc", "base", "types", "manager"}
    assert [path for path in committed_files("swarmd") if path.stem in shapeless] == []


# -- locks ------------------------------------------------------------------------------------------------------------


def requirements_of(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Each requirement of a lock with its hashes; fails on a line that is neither that nor a comment."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text().replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        words = line.partition(" #")[0].split()
        if words and not line.lstrip().startswith("#"):
            options = [word for word in words if word.startswith("-")]
            hashes = [word.removeprefix("--hash=sha256:") for word in options]
            assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in hashes), line
            found.append((Requirement(" ".join(word for word in words if word not in options)), hashes))
    return found


@pytest.mark.parametrize("lock", [*LOCKS, MODEL])
def test_every_requirement_of_a_lock_is_one_version_with_hashes(lock: str) -> None:
    for requirement, hashes in requirements_of(lock):
        assert [clause.operator for clause in requirement.specifier] == ["=="], requirement
        assert "*" not in str(requirement.specifier), requirement
        assert hashes, requirement


@pytest.mark.parametrize("lock", [*LOCKS, MODEL])
def test_a_lock_names_no_address(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    assert re.findall(r"\S*://\S*|.* @ .*|.*--(?:extra-)?index-url.*|.*--find-links.*|^-\w.*", text, re.MULTILINE) == []
    assert all(requirement.url is None for requirement, _ in requirements_of(lock))


def wanted_by(lock: str) -> list[Requirement]:
    """What pyproject.toml asks for: to run, to install the checkout, and (for the test lock) to check it."""
    told = project()
    groups = told["dependency-groups"]
    asked = [*told["project"]["dependencies"], *groups["build"]]
    if lock == "test":
        asked += [one for one in groups["dev"] if isinstance(one, str)]
    return [Requirement(one) for one in asked]


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0", "3.14.0"])
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_covers_what_pyproject_asks_for_on_every_python(lock: str, python: str) -> None:
    place = default_environment() | {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "sys_platform": "linux",
    }
    pins: dict[str, list[str]] = {}
    for requirement, _ in requirements_of(lock):
        if requirement.marker is None or requirement.marker.evaluate({**place}):
            version = next(iter(requirement.specifier)).version
            pins.setdefault(canonicalize_name(requirement.name), []).append(version)
    assert {name: versions for name, versions in pins.items() if len(versions) != 1} == {}
    for asked in wanted_by(lock):
        versions = pins.get(canonicalize_name(asked.name), [])
        assert versions, f"{asked} is not in the lock; lock again"
        assert asked.specifier.contains(versions[0], prereleases=True), f"{asked}, but the lock has {versions[0]}"


def test_what_tests_is_what_runs_with_more_beside_it() -> None:
    run, test = ({str(requirement) for requirement, _ in requirements_of(lock)} for lock in LOCKS)
    # What one machine alone needs to run may be needed everywhere to test: then the same pin stands without its marker.
    assert [each for each in run - test if each.partition(";")[0] not in test] == []


def test_the_build_asks_for_nothing_that_is_not_locked() -> None:
    names = {canonicalize_name(requirement.name) for requirement, _ in requirements_of("run")}
    assert {canonicalize_name(Requirement(one).name) for one in project()["build-system"]["requires"]} <= names


# -- the links and the packages ---------------------------------------------------------------------------------------


def test_the_four_links_are_relative_and_point_into_the_package() -> None:
    for name in LINKS:
        assert (ROOT / name).is_symlink(), name
        assert str((ROOT / name).readlink()) == f"swarmd/{name}"
        assert (ROOT / name / "__init__.py").is_file()
    links = [path for path in committed_files() if (ROOT / path).is_symlink()]
    assert sorted(map(str, links)) == sorted(LINKS)


def test_nothing_imports_through_the_links() -> None:
    found = []
    for path, text in committed_texts("swarmd", "tests", "scripts"):
        if path.suffix != ".py" and not text.startswith("#!/usr/bin/env python3"):
            continue
        for node in ast.walk(ast.parse(text, str(path))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            found += [f"{path}:{node.lineno}: {name}" for name in names if name.partition(".")[0] in LINKS]
    assert found == []


def test_every_package_says_what_lives_in_it() -> None:
    packages = {path.parent for path, _ in committed_texts("swarmd") if path.suffix == ".py"}
    for package in sorted(packages):
        init = ROOT / package / "__init__.py"
        assert init.is_file(), f"{package} has modules and no __init__.py"
        assert ast.get_docstring(ast.parse(init.read_text())), f"{init} has no docstring"


def test_every_module_says_what_it_is_for() -> None:
    paths = [path for path, _ in committed_texts("swarmd") if path.suffix == ".py"]
    assert [str(path) for path in paths if not ast.get_docstring(ast.parse((ROOT / path).read_text()))] == []


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel and the sdist of this checkout, built as an installer would, from what is installed here."""
    folder = tmp_path_factory.mktemp("built")
    for target in ("wheel", "sdist"):
        subprocess.run(
            [sys.executable, "-P", "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def code_files() -> set[str]:
    return {str(path) for path in committed_files("swarmd")}


@pytest.mark.xdist_group("packaging")
def test_the_wheel_holds_the_package_and_nothing_else(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built["wheel"]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        (entry_points,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
        assert "swarmd = swarmd.cli:main" in wheel.read(entry_points).decode()
        assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())
    assert {name for name in names if not name.startswith("swarmd/")} == set()
    pages = "swarmd/supervisor/dashboard/static/"
    code = {name for name in names if not name.startswith(pages)}
    named = ("swarmd/py.typed", "swarmd/supervisor/rule_facts.json")
    assert {name for name in code if not name.endswith((".py", ".cuh", ".h", ".mjs", *named))} == set()
    kinds = (".html", ".css", ".js", ".svg", ".md", ".txt")
    assert {name for name in names - code if not name.endswith(kinds)} == set()
    assert code_files() <= names
    assert "swarmd/py.typed" in names


@pytest.mark.xdist_group("packaging")
def test_the_sdist_holds_what_it_takes_to_build_test_and_read(built: dict[str, Path]) -> None:
    with tarfile.open(built["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = code_files() | {str(path) for path in committed_files("tests", "scripts", "docs", "requirements")}
    assert wanted - names == set()
    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "PKG-INFO"} <= names
    assert {
        name for name in names if "__pycache__" in name or name.startswith(tuple(f"{link}/" for link in LINKS))
    } == set()


@pytest.mark.xdist_group("packaging")
def test_there_is_one_version(built: dict[str, Path]) -> None:
    version = project()["project"]["version"]
    assert swarmd.__version__ == version
    assert built["wheel"].name == f"swarmd-{version}-py3-none-any.whl"
    assert built["sdist"].name == f"swarmd-{version}.tar.gz"


# -- scripts and pages ------------------------------------------------------------------------------------------------


def scripts() -> list[Path]:
    return [*committed_files("scripts"), *committed_files(".ci")]


def test_every_script_is_executable_says_how_it_is_run_and_stops_at_the_first_fault() -> None:
    assert len(scripts()) >= 4
    for path in scripts():
        text = (ROOT / path).read_text()
        assert os.access(ROOT / path, os.X_OK), f"{path} is not executable"
        first, *others = text.splitlines()
        assert first in ("#!/usr/bin/env bash", "#!/usr/bin/env python3"), f"{path}: {first}"
        if "python3" in first:
            assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
        elif not others[0].startswith("exec "):
            assert others[0].startswith("# "), f"{path} does not say what it is for"
            assert "set -euo pipefail" in others, path


def test_every_shell_script_is_a_whole_sentence_to_bash() -> None:
    shell = [path for path in scripts() if "bash" in (ROOT / path).read_text().splitlines()[0]]
    assert {Path("scripts/run"), Path("scripts/setup"), Path("scripts/test")} <= set(shell)
    for path in shell:
        said = subprocess.run(["bash", "-n", str(ROOT / path)], capture_output=True, text=True, check=False)
        assert (said.returncode, said.stderr) == (0, ""), path


@pytest.mark.parametrize("arguments", [[], ["lint"]])
def test_setup_refuses_what_it_does_not_know(arguments: list[str]) -> None:
    said = subprocess.run([ROOT / "scripts" / "setup", *arguments], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (2, "", "usage: scripts/setup run|test\n")


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "[Unreleased]"


def test_every_decision_is_numbered_and_tells_its_four_parts() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04d}" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text()
        assert re.match(rf"# {page.name[:4]} · \S", text), page.name
        headings = re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE)
        assert headings == ["Situation.", "Choice.", "What we gave up.", "How we would notice it was wrong."], page.name
        assert len(text.split()) < 500, f"{page.name} is more than a page"
