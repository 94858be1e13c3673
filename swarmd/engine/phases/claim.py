"""The p-values of a finalist: of its search, of its vault, of both, and where it stands among all the home's tests.

Called by the judgement once the vault has been run. The last p-value is told to the ledger of discoveries before
anybody knows what follows from it; a repeated run finds it there and asks no second time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swarmd.engine.guards.adjusted_p import adjusted_p_values
from swarmd.engine.guards.combined_p import combined_p_value
from swarmd.engine.guards.online_discoveries import online_fdr
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.looks import Look
from swarmd.engine.phases.question import Question
from swarmd.engine.phases.strict_judgement import Outside
from swarmd.engine.phases.vault_evidence import vault_evidence
from swarmd.engine.validation.whole_search import SearchPValue, WholeSearch
from swarmd.state.store.discovery_ledger import FDR, FDR_METHOD, Tested, note_p_value
from swarmd.state.work_order import WorkOrder


@dataclass(frozen=True, slots=True)
class Claim:
    """`adjusted` is the combined p-value, corrected for the `finalists` that share the vault; `stream` is every one
    that the home has ever asked with, this one last."""

    search: SearchPValue
    vault: float
    combined: float
    adjusted: float
    finalists: int
    stream: tuple[float, ...]

    def document(self, *, alpha: float) -> dict[str, Any]:
        return {
            "surrogates": self.search.p,
            "standard_error": self.search.standard_error,
            "told_by": self.search.told_by,
            "vault": self.vault,
            "combined": self.combined,
            "adjusted": self.adjusted,
            "finalists": self.finalists,
            "alpha": alpha,
        }

    def discovery(self) -> Mapping[str, Any]:
        """Where this test stands among all that were ever made in this home: its number, and the level it is given."""
        found = online_fdr(self.stream, FDR, FDR_METHOD)
        return {
            "method": FDR_METHOD,
            "level": float(found.levels[-1]),
            "fdr": FDR,
            "test": len(self.stream),
            "rejected": bool(found.rejected[-1]),
        }


def claim_of(
    order: WorkOrder, desk: Desk, question: Question, look: Look, whole: WholeSearch, outside: Outside
) -> Claim:
    """What the finalist claims; told to the ledger of discoveries when this returns."""
    search = whole.p_value()
    direction = question.strategy.card.mode(question.mode).direction
    vault = vault_evidence(outside.vault, outside.run, direction).p_value()
    combined = combined_p_value([search.p, vault])
    # As many as the campaign will show this vault, or as had seen it with this one. What the p-values of the others are
    # is not always known here, so each counts as the least favourable: the first step of Holm's.
    finalists = max(look.number, len(order.campaign.strategy.modes))
    adjusted = float(adjusted_p_values([combined, *[1.0] * (finalists - 1)], "holm")[0])
    tested = Tested(
        symbol=question.symbol,
        family=question.strategy.card.name,
        mode=question.mode,
        finalist=look.finalist,
        data=question.origin.data_sha256,
        p=adjusted,
        run=order.run,
    )
    return Claim(search, vault, combined, adjusted, finalists, note_p_value(desk.home, tested, desk.now()))
