"""``log``, ``follow`` and ``completion``: looking on from a terminal, a script or a shell."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import JOB, RUN, a_beat, a_campaign, a_job, a_lane, a_policy, a_result, a_run, a_session, a_view
from click.testing import CliRunner, Result

from swarmd.cli import cli
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.record import Record
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.supervisor.commands.log import Graver, following, tail
from swarmd.supervisor.following import standing_of

BACK = "2026-01-31T09:30:00.250Z"
LOG = f"""\
{BACK} INFO session s open: pid 7, 2 lanes
{BACK} ERROR cycle 4 failed and is lost
Traceback (most recent call last):
ValueError: no
{BACK} WARNING a source is stale
"""


def a_home(folder: Path, *records: Record) -> Home:
    home = Home(folder)
    home.prepare()
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append([a_session(), a_policy(), a_lane("cpu0"), a_lane("cpu1"), *records])
    (home.logs / "swarmd.log").write_text(LOG)
    return home


def told(home: Home, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--home", str(home.root)], catch_exceptions=False)


# -- log --------------------------------------------------------------------------------------------------------------


def test_the_end_of_the_log_is_shown_a_level_and_what_is_graver_with_its_trace(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    assert told(home, "log").stdout == LOG
    assert told(home, "log", "-n", "1").stdout == LOG.splitlines(keepends=True)[-1]
    assert told(home, "log", "--level", "error").stdout == "".join(LOG.splitlines(keepends=True)[1:4])
    document = orjson.loads(told(home, "log", "--level", "warning", "--json").stdout)
    assert (document["schema"], len(document["lines"])) == ("swarmd.log/1", 4)


def test_of_a_lane_the_last_runs_words_are_shown(tmp_path: Path) -> None:
    home = a_home(tmp_path, a_campaign(), a_job(attempt=2), a_run(), a_run(attempt=2, ordered_at=9))
    home.log_path(RUN).write_text("first\n")
    home.log_path(f"{JOB}-a2").write_text("second\n")
    assert told(home, "log", "--lane", "cpu0").stdout == "second\n"
    with pytest.raises(OperatorError, match="no run was ever in cpu1"):
        told(home, "log", "--lane", "cpu1")
    with pytest.raises(OperatorError, match="no lane 'cpu7' among 2"):
        told(home, "log", "--lane", "cpu7")
    with pytest.raises(OperatorError, match="--level is for the daemon's log"):
        told(home, "log", "--lane", "cpu0", "--level", "error")
    (home.logs / "swarmd.log").unlink()
    with pytest.raises(OperatorError, match="is not there: nothing was written down yet"):
        told(home, "log")


def test_a_followed_log_goes_on_over_a_rotation_and_leaves_a_torn_line_for_later(tmp_path: Path) -> None:
    path = tmp_path / "swarmd.log"
    path.write_text("one\ntwo\nthr")
    text, at = tail(path)
    assert text == "one\ntwo\n"
    lines = following(lambda: path, path, at)
    with path.open("a") as file:
        file.write("ee\n")
    assert next(lines) == "three"
    with path.open("a") as file:
        file.write("four\n")
    path.rename(tmp_path / "swarmd.log.1")
    path.write_text("five\n")
    assert [next(lines), next(lines)] == ["four", "five"]


def test_a_line_without_a_level_goes_with_the_one_before() -> None:
    wanted = Graver("warning")
    assert [wanted.takes(line) for line in LOG.splitlines()] == [False, True, True, True, True]


# -- follow -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("job", "results", "status", "has_failed"),
    [
        (a_job(status="done", attempt=1), [], "done", False),
        (a_job(status="quarantined", attempt=3, reason="3 runs lost"), [], "quarantined", True),
        (a_job(status="failed", attempt=1), [], "failed", True),
        (a_job(status="failed", attempt=1), [a_result(verdict="fail")], "failed", False),
        (a_job(status="skipped"), [], "skipped", False),
    ],
)
def test_a_job_that_failed_is_told_from_one_that_said_no(
    job: Any, results: list[Any], status: str, has_failed: bool
) -> None:
    seen = standing_of(a_view(campaigns=[a_campaign()], jobs=[job], results=results), JOB, 0)
    assert (seen.status, seen.is_over, seen.has_failed) == (status, True, has_failed)


def test_while_it_runs_the_line_moves_and_the_plain_words_do_not() -> None:
    def seen(done: int) -> tuple[str, str]:
        view = a_view(
            campaigns=[a_campaign()], jobs=[a_job(attempt=1)], runs=[a_run()],
            beats=[a_beat(done=done, total=100, rate=2.0)],
        )  # fmt: skip
        now = standing_of(view, JOB, 0)
        return now.line, now.plain

    assert seen(40) == (f"{JOB}: running in cpu0, attempt 1: 40 of 100, 2.0/s, 30 s to go", seen(60)[1])
    cancelled = a_view(campaigns=[a_campaign(status="cancelled")], jobs=[a_job()])
    assert standing_of(cancelled, JOB, 0).has_failed


@pytest.mark.parametrize(("status", "code"), [("done", 0), ("cancelled", 1), ("stopped", 1)])
def test_who_follows_a_campaign_leaves_with_what_came_of_it(tmp_path: Path, status: str, code: int) -> None:
    home = a_home(tmp_path, a_campaign(status=status, reason="why"), a_job(status="done", attempt=1))
    answer = told(home, "follow", "majors")
    assert answer.exit_code == code
    assert answer.stdout == f"majors: {status}, 1 of 1 job settled (why)\n"
    assert "\x1b" not in answer.stdout, "no bar where nobody draws"


def test_what_goes_no_further_is_not_waited_for(tmp_path: Path) -> None:
    home = a_home(tmp_path, a_campaign(), a_job())
    with pytest.raises(OutsideError, match=f"no daemon runs on .*, so {JOB} goes no further: {JOB}: queued"):
        told(home, "follow", JOB)
    with pytest.raises(OperatorError, match="no job or campaign 'major' among 2 on record; did you mean majors"):
        told(home, "follow", "major")


# -- completion -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_lines(shell: str) -> None:
    answer = CliRunner().invoke(cli, ["completion", shell])
    assert answer.exit_code == 0
    assert "_SWARMD_COMPLETE" in answer.stdout
    assert "swarmd" in answer.stdout


def completed(monkeypatch: pytest.MonkeyPatch, home: Home, words: str) -> list[str]:
    from click.shell_completion import BashComplete

    monkeypatch.setenv("SWARMD_HOME", str(home.root))
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    found = BashComplete(cli, {}, "swarmd", "_SWARMD_COMPLETE").complete()
    return [line.partition(",")[2] for line in found.splitlines()]


def test_words_are_completed_with_what_is_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = a_home(tmp_path, a_campaign(), a_job(), a_run())

    def ask(words: str) -> list[str]:
        return completed(monkeypatch, home, words)

    assert ask("swarmd prior") == ["prioritise"]
    assert ask("swarmd prioritise ETH") == ["ETHUSDT"]
    assert ask("swarmd retry majors") == [JOB]
    assert ask("swarmd kill cpu") == ["cpu0", "cpu1"]
    assert ask("swarmd follow majors") == ["majors", JOB]
    assert ask("swarmd kill --y") == ["--yes"]
