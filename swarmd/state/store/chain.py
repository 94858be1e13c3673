"""Append-only chains of sealed lines: what was written once is neither changed nor taken out unseen.

Each line is one JSON object that names the digest of the line before it and bears its own. A line that was changed,
dropped or moved breaks the chain: readers and writers alike refuse, with its number, until a person has looked. Lines
cut off at the end leave no trace; whoever relies on what stood there keeps a line's digest elsewhere and asks for it
again. The trial ledger and the discoveries are kept so; what the lines mean is not known here, nor where they lie:
that is their keeping's to know (``ledger_keeping``).
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swarmd.state.errors import OperatorError
from swarmd.state.store.ledger_keeping import Lines

_SEAL = re.compile(rb',"digest":"([0-9a-f]{64})"\}$')


@dataclass(frozen=True, slots=True)
class Link:
    """A sealed line: its number from 1 on, what it tells, and the digest it is sealed with."""

    line: int
    told: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The lines in `lines`. The first one names the digest of `name`, so that those of one chain are not another's.

    `is_sound` says whether a line tells what it should (any exception of a wrong shape means no), `of` what a line is
    in words, and `without` what it costs to go on without the chain.
    """

    lines: Lines
    name: str
    of: str
    without: str
    is_sound: Callable[[Mapping[str, Any]], bool]

    @property
    def place(self) -> str:
        """Where it lies, for people."""
        return self.lines.place

    def read(self) -> tuple[Link, ...]:
        """Every line, the chain checked; none where there is nothing yet. A torn last line is no line yet.

        Raises
        ------
        OperatorError
            If the chain is broken; names place and line.
        OutsideError
            If it cannot be read.
        """
        return self.checked(self.lines.read())

    def append(
        self, decide: Callable[[Sequence[Link]], Mapping[str, Any] | None], *, once: str = ""
    ) -> tuple[Link, ...]:
        """Seal one more line, which `decide` makes of those that are there; all lines up to it, the new one last.

        It is on the disk when this returns; nothing is written where `decide` gives None. Several writers take turns.
        The whole chain is checked: a count that goes on after a broken line would be believed. `once` names this one
        line: where it is there already, because an answer was lost on its way, it is not written again.

        Raises
        ------
        OperatorError
            If the chain is broken; names place and line.
        OutsideError
            If it cannot be written; the chain is as it was.
        """

        after: list[tuple[Link, ...]] = []

        def seal(content: bytes) -> bytes | None:
            links = self.checked(content)
            told = decide(links)
            if told is None:
                after[:] = [links]
                return None
            line, digest = _sealed({**told, "previous": self.head(links)})
            after[:] = [(*links, Link(len(links) + 1, told, digest))]
            return line

        content = self.lines.append(seal, once=once)
        return after[0] if after else self.checked(content)

    def head(self, links: Sequence[Link]) -> str:
        """The digest that the next line must name: the last line's, before the first one that of the name."""
        return links[-1].digest if links else root_of(self.name)

    def checked(self, content: bytes) -> tuple[Link, ...]:
        """The lines of this content, each ended by a line feed. OperatorError if the chain is broken."""
        links: list[Link] = []
        for number, line in enumerate(content.splitlines(), 1):
            told, digest = self._told(line, number)
            previous = self.head(links)
            if (named := told.pop("previous", None)) != previous:
                raise self._broken(
                    number, f"it follows {str(named)[:12]} and not {previous[:12]}, so a line was dropped or moved"
                )
            links.append(Link(number, told, digest))
        return tuple(links)

    def _told(self, line: bytes, number: int) -> tuple[dict[str, Any], str]:
        seal = _SEAL.search(line)
        if seal is None or _digest(line[: seal.start()]) != seal[1].decode():
            raise self._broken(number, "it was changed or damaged, for its digest does not hold")
        try:
            told = json.loads(line)
            digest = told.pop("digest")
            is_sound = self.is_sound(told)
        except (ValueError, KeyError, TypeError, AttributeError, OperatorError):
            is_sound = False
        if not is_sound:
            raise self._broken(number, f"it is sealed and yet no {self.of}")
        return told, digest

    def _broken(self, number: int, wrong: str) -> OperatorError:
        return OperatorError(
            f"{self.place} line {number}: {wrong}; put the ledger back from a copy, or move it away: then "
            f"{self.without}, and results that rely on it are to be judged anew"
        )


def root_of(name: str) -> str:
    """What the first line of the chain of this name names as the one before it."""
    return _digest(name.encode())


def _sealed(told: Mapping[str, Any]) -> tuple[bytes, str]:
    """The line without its line feed, and its digest."""
    content = json.dumps(told, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()[:-1]
    digest = _digest(content)
    return content + b',"digest":"%s"}' % digest.encode(), digest


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
