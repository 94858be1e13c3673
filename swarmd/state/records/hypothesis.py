"""What is claimed of a campaign before anything is tried, and what became of the claim.

The ledger is the journal: a claim is stated once, judged once, and neither is ever rewritten.
"""

from enum import StrEnum
from typing import ClassVar, Literal

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.claim import Among, ClaimScope, Comparison, Metric
from swarmd.state.records.record import Record
from swarmd.state.units import Millis


class HypothesisStatus(StrEnum):
    STATED = "stated"
    SUPPORTED = "supported"
    NOT_SUPPORTED = "not_supported"
    NOT_JUDGED = "not_judged"


Verdict = Literal[HypothesisStatus.SUPPORTED, HypothesisStatus.NOT_SUPPORTED, HypothesisStatus.NOT_JUDGED]

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
    """``id`` is ``<campaign>.<SYMBOL>.<mode>`` for the ``standard`` claim that each asset and mode gets by itself, and
    ``<campaign>/<digest>`` for one of the ``campaign``'s file or of a ``person``; ``origin`` says which.

    ``claim`` is the sentence as it was stated. It promises that ``metric`` is ``comparison`` ``threshold`` for so many
    of its ``scope`` as ``among`` says; a standard claim has its one asset and mode in ``symbol`` and ``mode``, which
    are empty in the others. ``rationale`` is why it should be so, in its author's words. ``measured`` is what was
    found, of several members the middle one. ``verdict`` tells it in figures, ``tried`` how many trials stand behind
    it, ``held`` and ``n`` of how many members it held. ``evidence`` are the results it was judged by.
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
    origin: Literal["standard", "campaign", "person"] = "standard"
    metric: Metric = Metric.OOS_ANNUAL_SHARPE
    comparison: Comparison = Comparison.ABOVE
    among: Among = Among.EVERY
    scope: ClaimScope = ClaimScope()
    rationale: str = ""
    held: int = 0
    n: int = 0
    evidence: tuple[str, ...] = ()
