"""What ``scripts/simulate`` is asked: words without sense are refused, and what was played is not played twice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SIMULATE = Path(__file__).resolve().parents[2] / "scripts" / "simulate"
SMALL = ("--hours", "1", "--lanes", "4")


def simulate(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SIMULATE, *words], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--seeds", "9..3"), "'9..3' is no range of seeds"),
        (("--lanes", "0"), "'0' is no whole number from 1 on"),
        (("--hours", "nan"), "'nan' is no number above 0"),
        (("--nodes", "2", "--assume", "luck=1"), "'luck' is not assumed"),
    ],
)
def test_words_that_make_no_sense_are_refused_before_anything_is_played(words: tuple[str, ...], told: str) -> None:
    asked = simulate(*words)
    assert asked.returncode == 2
    assert told in asked.stderr
    assert asked.stdout == ""


def test_a_seed_whose_line_was_torn_is_played_again_and_the_others_are_not(tmp_path: Path) -> None:
    played = tmp_path / "played.jsonl"
    words = ("--seeds", "1..3", *SMALL, "--resume", str(played))
    assert simulate(*words).returncode == 0
    before = [json.loads(line) for line in played.read_text().splitlines()]
    played.write_bytes(played.read_bytes()[:-20])  # as a kill leaves it
    again = simulate(*words)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("3/3 seed 3: ")
    after = [json.loads(line) for line in played.read_text().splitlines()]
    assert after[:2] == before[:2]
    assert {**after[2], **measured(before[2])} == before[2]


def measured(told: dict[str, Any]) -> dict[str, Any]:
    """The figures of a seed that are the machine's and not the life's."""
    return {name: told[name] for name in ("cycle_ms", "wall_s", "cpu_s")}


@pytest.mark.parametrize("theirs", ["# Notes\n\nof mine", '{"a": 1}', '{"a": 1}\n'])
def test_a_file_that_is_somebody_elses_is_refused_and_left_alone(tmp_path: Path, theirs: str) -> None:
    notes = tmp_path / "notes"
    notes.write_text(theirs)
    asked = simulate("--seeds", "1..2", *SMALL, "--resume", str(notes))
    assert asked.returncode == 2
    assert "is no file of played seeds" in asked.stderr
    assert notes.read_text() == theirs
