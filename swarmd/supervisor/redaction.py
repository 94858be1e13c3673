"""Texts without secrets, for whatever leaves this machine: pages, answers to agents, messages to people.

Hidden are the values of variables whose names call them secret, user and password in addresses, and what is assigned to
a word for a secret.
"""

import os
import re
from collections.abc import Iterable, Mapping

_HIDDEN = "[hidden]"
_SECRET = r"(?:pass(?:word|wd)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)"
_ASSIGNED = re.compile(rf"(?i)(\b[\w-]*{_SECRET}[\w-]*[\"']?\s*[=:]\s*[\"']?)([^\s\"',;&]+)")
_IN_ADDRESS = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@\"']+@")
_LEAST = 6


def secrets_of(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Values that a name in the environment calls secret, the longest first."""
    found = {
        value for name, value in environment.items() if re.search(_SECRET, name, re.IGNORECASE) and len(value) >= _LEAST
    }
    return tuple(sorted(found, key=len, reverse=True))


def redacted(text: str, hidden: Iterable[str] = ()) -> str:
    """The text without what looks like a secret: those values, passwords in addresses, and what is assigned to one."""
    for value in hidden:
        text = text.replace(value, _HIDDEN)
    return _ASSIGNED.sub(rf"\g<1>{_HIDDEN}", _IN_ADDRESS.sub(rf"\g<1>{_HIDDEN}@", text))
