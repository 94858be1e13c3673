"""What a campaign claims of an asset and mode before anything is tried, and what became of the claim.

The ledger is the journal: a claim is stated once, judged once, and neither is ever rewritten.
"""

from enum import StrEnum
from typing import ClassVar

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Record
from swarmd.state.units import Millis


class HypothesisStatus(StrEnum):
    STATED = "stated"
    SUPPORTED = "supported"
    NOT_SUPPORTED = "not_supported"
    NOT_JUDGED = "not_judged"


HYPOTHESIS_MOVES = Lifecycle(
    {
        HypothesisStatus.STATED: frozenset(
            {HypothesisStatus.SUPPORTED, HypothesisStatus.NOT_SUPPORTED, HypothesisStatus.NOT_JUDGED}
        ),
        HypothesisStatus.SUPPORTED: frozenset(),
        HypothesisStatus.NOT_SUPPORTED: frozenset(),
        HypothesisStatus.NOT_JUDGED: frozenset(),
    }
)


class Hypothesis(Record):
    """``id`` is ``<campaign>.<SYMBOL>.<mode>``.

    ``claim`` is the sentence as it was stated, ``threshold`` the out-of-sample annual Sharpe ratio it promises to beat,
    ``measured`` what was found. ``verdict`` tells it in figures, ``tried`` how many trials stand behind it.
    """

    KIND: ClassVar[str] = "hypothesis"

    campaign: str
    symbol: str
    mode: str
    status: HypothesisStatus
    claim: str
    threshold: float
    stated_at: Millis
    measured: float | None = None
    tried: int = 0
    verdict: str = ""
