"""Faults of what a person gave us, told to that person: the seam between the engine's refusals and exit code 2.

Every engine command wraps the reading of its inputs in it. A fault of our own code must not pass through here: wrap
what reads user input, not what computes.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from swarmd.state.errors import OperatorError


@contextmanager
def told_to_the_operator() -> Iterator[None]:
    """Turns a refusal of user input (`DataError` and other `ValueError`, `OSError`) into a one-line `OperatorError`."""
    try:
        yield
    except BrokenPipeError:
        raise  # no input of anybody's: the reader of our output has left, and `swarmd.cli` ends in silence
    except OSError as fault:
        where = f"{fault.filename}: " if fault.filename is not None else ""
        is_full = fault.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room there, then run the command again" if is_full else "check the path and its permissions"
        raise OperatorError(_one_line(f"{where}{fault.strerror or fault}; {remedy}")) from fault
    except ValueError as fault:
        raise OperatorError(_one_line(str(fault))) from fault


def _one_line(text: str) -> str:
    return " ".join(text.split())
