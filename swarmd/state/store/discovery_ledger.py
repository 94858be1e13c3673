"""The discoveries: every p-value that was ever asked to crown, in the order in which they were asked.

One append-only chain for the whole home and all that share its ledger, `state/ledger/discoveries.jsonl` where it is in
files: levels of an online test follow from all p-values before, of every asset and family, those of refused candidates
too. What level a test has and whether it is a
discovery is the engine's to say; here is only what was asked, and that nothing of it goes away.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from swarmd.state.store.chain import Chain, Link
from swarmd.state.store.files import Home
from swarmd.state.store.ledger_keeping import Keeping
from swarmd.state.store.ledger_place import opened
from swarmd.state.store.trial_ledger import new_name
from swarmd.state.units import Millis, iso

DISCOVERIES = "discoveries"
# Of all tests that the home's daemons ever make at most so large a share of the discoveries is to be false, by this
# online test.
FDR = 0.10
FDR_METHOD: Literal["lord++"] = "lord++"
_KEY = ("symbol", "family", "mode", "finalist", "data")


@dataclass(frozen=True, slots=True)
class Tested:
    """A candidate and its p-value. `finalist` is the digest that its look at the vault was told by, `run` who asks.

    Asset, family, mode, finalist and data name the test; `p` and `run` are what came of it.
    """

    symbol: str
    family: str
    mode: str
    finalist: str
    data: str
    p: float
    run: str = ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """A test as it stands in the chain: its number in the stream from 1 on, and when it was told."""

    number: int
    at: str
    tested: Tested
    digest: str


def note_p_value(home: Home, tested: Tested, at: Millis) -> tuple[float, ...]:
    """Put the test at the end of the stream; all p-values up to it and with it, in their order.

    Asked once more about the same test (a killed run repeats) nothing is written, and the same stream comes back up to
    where it stands: with the p-value told first, so that nobody asks until it pleases.

    Raises
    ------
    ValueError
        If p is no probability.
    OperatorError
        If the chain is broken; names place and line.
    OutsideError
        If it cannot be written; the stream is as it was. LeaseLost where the campaign has another owner by now.
    """
    if not 0.0 <= tested.p <= 1.0 or math.isnan(tested.p):
        raise ValueError(f"discoveries: {tested.symbol} {tested.family}: p = {tested.p} is not within [0, 1]")
    mine = {"at": iso(at), **asdict(tested)}

    def decide(links: "tuple[Link, ...]") -> Mapping[str, Any] | None:
        return None if any(_key(link.told) == _key(mine) for link in links) else mine

    once = new_name()
    with opened(home) as kept:
        links = discovery_chain(kept).append(lambda there: decide(tuple(there)), once=once)
    stands = next(index for index, link in enumerate(links) if _key(link.told) == _key(mine))
    return tuple(float(link.told["p"]) for link in links[: stands + 1])


def read_discoveries(home: Home) -> tuple[Discovery, ...]:
    """Every test in its order, the chain checked; none where none was told. OperatorError if the chain is broken."""
    with opened(home) as kept:
        return discoveries_in(kept)


def discoveries_in(kept: Keeping) -> tuple[Discovery, ...]:
    """The same of this keeping."""
    found = []
    for link in discovery_chain(kept).read():
        told = dict(link.told)
        at = told.pop("at")
        found.append(Discovery(link.line, at, Tested(**told | {"p": float(told["p"])}), link.digest))
    return tuple(found)


def discovery_chain(kept: Keeping) -> Chain:
    """The chain itself, as it lies in this keeping."""
    return Chain(
        lines=kept.lines(DISCOVERIES),
        name=DISCOVERIES,
        of="test of a candidate",
        without="earlier tests are forgotten and every level begins anew",
        is_sound=lambda told: 0.0 <= told["p"] <= 1.0 and isinstance(told["at"], str) and all(map(told.get, _KEY)),
    )


def _key(told: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(told[part] for part in _KEY)
