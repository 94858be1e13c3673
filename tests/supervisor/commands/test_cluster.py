"""`swarmd cluster` where there is none: refused with the remedy, and nothing is touched."""

from pathlib import Path

import pytest

from swarmd.cli import exit_code_of
from swarmd.state.cluster import token_path
from swarmd.state.store.files import Home


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is not installed; run: pip install 'swarmd[cluster]'")
    monkeypatch.setenv("SWARMD_HOME", str(tmp_path / "swarm"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["status"], "swarmd cluster up"),
        (["join", "10.0.0.2:6379"], "cluster.token is not there"),
        (["up", "--port", "12000"], "10002 to 19999"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(["cluster", *words]) == 2
    assert said in capsys.readouterr().err


def test_the_secret_of_another_machine_is_kept_as_its_owners_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path / "swarm")
    (tmp_path / "empty").touch()
    assert exit_code_of(["cluster", "join", "127.0.0.1:1", "--token-file", str(tmp_path / "empty")]) == 2
    assert "is empty" in capsys.readouterr().err
    (tmp_path / "token").write_text("ab" * 32 + "\n")
    (tmp_path / "token").chmod(0o644)
    from swarmd.supervisor.commands.cluster import take_token

    take_token(home, tmp_path / "token")
    assert token_path(home).read_text() == "ab" * 32
    assert token_path(home).stat().st_mode & 0o777 == 0o600


def test_ending_what_was_never_started_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of(["cluster", "down"]) == 0
    assert "nothing of a cluster was started" in capsys.readouterr().out
