"""The systemd service: a unit that systemd itself accepts, and nothing half where there is no systemd."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result
from swarm_builders import a_swarm

from swarmd.cli import exit_code_of
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, lock_file
from swarmd.supervisor.commands.service import _is_new, service, unit_that_runs
from swarmd.supervisor.service_unit import STEPS_SINCE, Service, unit_text

# A manager in reach of a test: it answers as `systemctl --user` would and writes down what it was asked.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$SYSTEMCTL_ASKED"
case "$*" in
  *--value*) echo "${SYSTEMCTL_VERSION:-252.38-1~deb12u1}" ;;
  *"show --property"*)
    printf 'LoadState=%s\\nActiveState=%s\\nMainPID=%s\\n' "${SYSTEMCTL_LOADED:-loaded}" \\
      "${SYSTEMCTL_STATE:-inactive}" "${SYSTEMCTL_PID:-0}" ;;
esac
exit "${SYSTEMCTL_EXIT:-0}"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("RESULTS_ROOT", "STATE_ROOT", "LOGS_ROOT", "SWARMD_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    return Home(tmp_path / "my swarm")


def call(home: Home, *words: str) -> Result:
    return CliRunner().invoke(service, [*words, "--home", str(home.root)])


def units(home: Home) -> list[Path]:
    return sorted((home.root.parent / "config").rglob("*"))


def keys(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def a_service(home: Path, **fields: object) -> Service:
    return Service(**{"python": "/usr/bin/python3", "home": home, **fields})  # type: ignore[arg-type]


# -- the text ---------------------------------------------------------------------------------------------------------


def test_the_unit_promises_what_a_month_alone_needs(home: Home) -> None:
    said = keys(unit_text(a_service(home.root), systemd=252))
    assert {name: said[name] for name in ("Type", "NotifyAccess", "Restart", "KillMode", "OOMPolicy", "UMask")} == {
        "Type": "notify", "NotifyAccess": "main", "Restart": "always", "KillMode": "process", "OOMPolicy": "continue",
        "UMask": "0077",
    }  # fmt: skip
    assert said["RestartPreventExitStatus"].split() == ["0", "2"]
    assert said["StartLimitIntervalSec"] == "0"
    assert 30 <= int(said["WatchdogSec"]) < int(said["TimeoutStopSec"])
    assert said["WorkingDirectory"] == f"-{home.root}"


def test_the_command_is_absolute_and_takes_every_word_literally(tmp_path: Path) -> None:
    odd = tmp_path / '100% "my" $HOME swarm'
    made = a_service(odd, campaign=tmp_path / "a b.yaml", monitors=False, dashboard=False)
    command = keys(unit_text(made, systemd=252))["ExecStart"]
    read_back = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command)]
    assert read_back == [
        "/usr/bin/python3", "-X", "faulthandler", "-P", "-m", "swarmd", "--home", str(odd), "service", "run",
        "--campaign", str(tmp_path / "a b.yaml"), "--no-monitors", "--no-dashboard",
    ]  # fmt: skip


def test_words_that_an_older_systemd_does_not_know_are_left_out(home: Home) -> None:
    old, new = (unit_text(a_service(home.root), systemd=version) for version in (STEPS_SINCE - 1, STEPS_SINCE))
    assert {"RestartSteps", "RestartMaxDelaySec", "Delegate", "DelegateSubgroup"} & keys(old).keys() == set()
    assert {"RestartSteps", "RestartMaxDelaySec", "Delegate", "DelegateSubgroup"} <= keys(new).keys()


def test_two_homes_of_the_same_name_have_two_units(tmp_path: Path) -> None:
    names = {a_service(tmp_path / parent / "swarm").unit for parent in ("a", "b")}
    assert len(names) == 2
    assert all(name.startswith("swarmd-swarm-") and name.endswith(".service") for name in names)


def test_a_path_with_a_line_break_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="line break"):
        unit_text(a_service(tmp_path / "a\nExecStartPre=evil"), systemd=252)


def test_the_unit_leaves_out_what_its_installer_left_out(home: Home) -> None:
    def command(*words: str) -> list[str]:
        return shlex.split(keys(call(home, "print", *words).stdout)["ExecStart"])

    assert command("--no-dashboard") == [*command(), "--no-dashboard"]
    assert command("--no-monitors", "--no-dashboard") == [*command("--no-monitors"), "--no-dashboard"]


def test_only_places_are_carried_over_and_nothing_that_could_be_a_secret(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESULTS_ROOT", str(home.root / "100% results"))
    monkeypatch.setenv("EXCHANGE_SECRET", "hush")
    text = call(home, "print").stdout
    assert f'Environment="RESULTS_ROOT={home.root}/100%% results"' in text.splitlines()
    assert "hush" not in text


@pytest.mark.parametrize("systemd", ["252", "here"])
def test_systemd_accepts_the_unit(systemd: str, home: Home, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd-analyze here (Debian package systemd; scripts/setup installs it where it may)")
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    version = int(told.split(".")[0]) if systemd == "here" else int(systemd)
    home.prepare()
    campaign = tmp_path / "100% mine.yaml"
    made = a_service(home.root, python=shutil.which("python3"), campaign=campaign, places={"LOGS_ROOT": "/a b"})
    text = unit_text(made, systemd=version)
    assert verified(program, tmp_path, text) == (0, [])
    # It would have said so: the same unit with a word it does not know, and with a program that is not there.
    code, said = verified(program, tmp_path, text.replace("KillMode=process", "KillMode=gently"))
    assert "gently" in said[0]
    code, said = verified(program, tmp_path, unit_text(a_service(home.root, python="/nowhere/python"), systemd=version))
    assert code != 0
    assert "/nowhere/python" in said[0]


def verified(program: str, folder: Path, text: str) -> tuple[int, list[str]]:
    """Exit code, and what it says about this unit: the machine's own units may have flaws of theirs."""
    path = folder / "swarmd-test.service"
    path.write_text(text)
    said = subprocess.run(
        [program, "--user", "verify", str(path)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return said.returncode, [line for line in (said.stderr + said.stdout).splitlines() if "swarmd-test" in line]


# -- where there is no systemd, and where there is --------------------------------------------------------------------


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `systemctl` on the path, and no `systemd-analyze`; gives back what it was asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text(SYSTEMCTL)
    (folder / "systemctl").chmod(0o700)
    for name in ("sh", "echo", "printf"):
        (folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("SYSTEMCTL_ASKED", str(tmp_path / "asked"))
    return tmp_path / "asked"


def test_without_a_manager_nothing_is_written_and_the_other_way_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    before = units(home)
    for verb in ("install", "status"):
        assert exit_code_of(["service", verb, "--home", str(home.root)]) == 2
        told = capsys.readouterr().err
        assert "no systemd runs for this user (there is no systemctl), nothing was changed" in told
        assert f"-P -m swarmd --home '{home.root}' ensure" in told
    assert units(home) == before
    assert not home.root.exists()


def test_a_manager_that_cannot_be_reached_is_told_in_its_own_words(
    home: Home, systemctl: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYSTEMCTL_EXIT", "1")
    assert exit_code_of(["service", "install", "--home", str(home.root)]) == 2
    assert "no systemd runs for this user (252.38-1~deb12u1)" in capsys.readouterr().err
    assert units(home) == []


def test_print_works_anywhere_and_writes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    told = call(home, "print", "--json")
    assert told.exit_code == 0
    document = orjson.loads(told.stdout)
    assert document["schema"] == "swarmd.service/1"
    assert document["text"] == call(home, "print").stdout
    assert document["path"] == str(home.root.parent / "config" / "systemd" / "user" / document["unit"])
    assert not home.root.exists()


def test_a_home_without_a_campaign_is_refused_before_anything_is_written(
    home: Home, systemctl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(["service", "install", "--home", str(home.root)]) == 2
    assert "there is no campaign to resume" in capsys.readouterr().err
    assert units(home) == []


def test_a_daemon_that_systemd_did_not_start_is_not_doubled(
    home: Home, systemctl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.prepare()
    lock = lock_file(home.daemon_lock, {"pid": os.getpid(), "since": "now"})
    assert lock is not None
    try:
        assert exit_code_of(["service", "install", "--home", str(home.root)]) == 2
    finally:
        os.close(lock)
    assert "end it with `swarmd stop`" in capsys.readouterr().err
    assert units(home) == []


def test_what_is_not_installed_has_no_status(
    home: Home, systemctl: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYSTEMCTL_LOADED", "not-found")
    assert exit_code_of(["service", "status", "--home", str(home.root)]) == 2
    assert "`swarmd service install` makes one" in capsys.readouterr().err


def test_uninstall_of_what_is_not_installed_says_where_it_looked(
    home: Home, systemctl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(["service", "uninstall", "--home", str(home.root)]) == 2
    assert f"no service is installed for {home.root}" in capsys.readouterr().err


def test_install_writes_the_unit_enables_it_and_starts_it(home: Home, systemctl: Path) -> None:
    begun(home)
    told = call(home, "install", "--json")
    assert told.exit_code == 0, told.output
    document = orjson.loads(told.stdout)
    assert Path(document["path"]).read_text() == call(home, "print").stdout
    asked = [line for line in systemctl.read_text().splitlines() if "show" not in line]
    assert [line for line in asked if line != "--version"] == [
        "--user daemon-reload", f"--user enable {document['unit']}", f"--user start {document['unit']}"
    ]  # fmt: skip
    systemctl.unlink()
    assert call(home, "uninstall").exit_code == 0
    assert not Path(document["path"]).exists()
    assert [line for line in systemctl.read_text().splitlines() if "show" not in line] == [
        f"--user disable --now {document['unit']}", "--user daemon-reload"
    ]  # fmt: skip


def test_a_service_that_runs_is_written_anew_and_left_to_run(
    home: Home, systemctl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(home)
    lock = lock_file(home.daemon_lock, {"pid": os.getpid(), "since": "now"})
    assert lock is not None
    monkeypatch.setenv("SYSTEMCTL_PID", str(os.getpid()))
    try:
        assert call(home, "install").exit_code == 0
    finally:
        os.close(lock)
    assert "--user start" not in systemctl.read_text()


def test_a_daemon_of_systemd_is_not_restarted_past_it(
    home: Home, systemctl: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(home)
    assert call(home, "install").exit_code == 0
    lock = lock_file(home.daemon_lock, {"pid": os.getpid(), "since": "now"})
    assert lock is not None
    monkeypatch.setenv("SYSTEMCTL_PID", str(os.getpid()))
    try:
        assert exit_code_of(["restart", "--home", str(home.root)]) == 2
        assert f"systemctl --user restart {units(home)[-1].name}" in capsys.readouterr().err
        monkeypatch.setenv("SYSTEMCTL_PID", "1")
        assert unit_that_runs(home, os.getpid()) == ""
    finally:
        os.close(lock)


def test_what_passes_by_itself_does_not_end_the_service_for_good(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["service", "run", "--home", str(home.root)]
    assert exit_code_of(run) == 1
    assert "is its disk mounted?" in capsys.readouterr().err
    home.prepare()
    assert exit_code_of(run) == 1
    assert "there is no campaign to resume" in capsys.readouterr().err
    lock = lock_file(home.daemon_lock, {"pid": 4711})
    assert lock is not None
    try:
        assert exit_code_of(run) == 1
    finally:
        os.close(lock)
    assert "is held by pid 4711" in capsys.readouterr().err
    shutil.rmtree(home.logs)
    home.logs.write_text("in the way")
    assert exit_code_of(run) == 1
    assert "cannot make the directory" in capsys.readouterr().err


@pytest.mark.parametrize(("state", "code"), [("active", 0), ("failed", 1)])
def test_status_tells_what_systemd_says(
    state: str, code: int, home: Home, systemctl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYSTEMCTL_STATE", state)
    told = call(home, "status", "--json")
    assert told.exit_code == code
    assert orjson.loads(told.stdout)["ActiveState"] == state


# -- what the unit starts ---------------------------------------------------------------------------------------------


CAMPAIGN = """\
name: {name}
data: {{root: bars, interval: 5m}}
assets: {{tiers: {{T: [BTCUSDT]}}}}
strategy: {{name: mtf_ema, modes: [balanced]}}
"""


def test_a_campaign_is_begun_once_and_what_was_begun_goes_on_whatever_became_of_its_file(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "campaign.yaml"
    (tmp_path / "bars").mkdir()
    path.write_text(CAMPAIGN.format(name="majors"))
    home.prepare()
    assert _is_new(home, path)
    begun(home)  # the campaign `majors`
    assert not _is_new(home, path)
    path.write_text(CAMPAIGN.format(name="minors"))
    assert _is_new(home, path)
    path.unlink()
    assert not _is_new(home, path)
    assert "going on with majors" in capsys.readouterr().err


def test_a_missing_file_on_a_new_home_is_an_error(home: Home, tmp_path: Path) -> None:
    home.prepare()
    with pytest.raises(OperatorError):
        _is_new(home, tmp_path / "campaign.yaml")


def begun(home: Home) -> None:
    """A journal in which the campaign `majors` is on record."""
    home.prepare()
    with a_swarm(home):
        pass
