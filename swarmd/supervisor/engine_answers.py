"""Asking the engine through its own commands, in a process of its own.

Supervisor and engine are strangers: whatever the control plane wants to know of bars or strategies it asks as a person
would, and a broken numerical install becomes an answer with an error in it.
"""

import json
import subprocess
import sys
from typing import Any

from swarmd.state.errors import OperatorError, OutsideError

_WITHIN_S = 300.0
_OPERATOR_MUST_ACT = 2


def engine_answer(*words: str) -> str:
    """What ``swarmd WORDS`` prints.

    Raises OperatorError when the command says that a person can mend it, OutsideError when it fails otherwise.
    """
    told = f"`swarmd {' '.join(words)}`"
    command = [sys.executable, "-P", "-m", "swarmd", *words]
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as cause:
        raise OutsideError(f"{told} gave no answer within {_WITHIN_S:g} s; try again") from cause
    except OSError as cause:
        raise OutsideError(f"{told} could not be run: {cause.strerror}") from cause
    last = (answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"])[-1].removeprefix("error: ")
    if answer.returncode == _OPERATOR_MUST_ACT:
        raise OperatorError(last)
    if answer.returncode != 0:
        raise OutsideError(f"{told} failed: {last}")
    return answer.stdout


def engine_document(*words: str) -> dict[str, Any]:
    """The JSON document ``swarmd WORDS --json`` prints."""
    try:
        document = json.loads(engine_answer(*words, "--json"))
    except ValueError as cause:
        raise OutsideError(f"`swarmd {' '.join(words)} --json` printed no JSON document") from cause
    if not isinstance(document, dict):
        raise OutsideError(f"`swarmd {' '.join(words)} --json` printed something else than a document")
    return document
