"""What can be claimed of a campaign before it begins: which figure, how it is compared, and for which assets and modes.

The shape of ``hypotheses`` in a campaign file and of a claim that a person states; once stated it is a `Hypothesis`.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from swarmd.state.records.job import Phase
from swarmd.state.records.record import Shape


class Comparison(StrEnum):
    ABOVE = "above"
    AT_LEAST = "at_least"
    BELOW = "below"
    AT_MOST = "at_most"

    def holds(self, measured: float, threshold: float) -> bool:
        match self:
            case Comparison.ABOVE:
                return measured > threshold
            case Comparison.AT_LEAST:
                return measured >= threshold
            case Comparison.BELOW:
                return measured < threshold
            case Comparison.AT_MOST:
                return measured <= threshold

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


class Among(StrEnum):
    """For how many of the assets and modes in its scope a claim is made: for each, for more than half, for one."""

    EVERY = "every"
    MOST = "most"
    ANY = "any"

    def is_met(self, held: int, n: int) -> bool:
        match self:
            case Among.EVERY:
                return held == n
            case Among.MOST:
                return 2 * held > n
            case Among.ANY:
                return held > 0


class Metric(StrEnum):
    """A figure of whoever judges on data that no search has seen, but for the first, which is of the search itself."""

    ANNUAL_SHARPE = "annual_sharpe"
    OOS_ANNUAL_SHARPE = "oos_annual_sharpe"
    OOS_TOTAL_RETURN = "oos_total_return"
    OOS_MAX_DRAWDOWN = "oos_max_drawdown"
    OOS_TRADES = "oos_trades"
    PSR = "psr"
    WFE = "wfe"
    SENSITIVITY = "sensitivity"
    P = "p"
    P_SURROGATES = "p_surrogates"
    P_VAULT = "p_vault"
    FORECAST = "forecast"
    DSR = "dsr"
    PBO = "pbo"
    MC_P = "mc_p"


WORDS: Mapping[Metric, str] = {
    Metric.ANNUAL_SHARPE: "annual Sharpe ratio in sample",
    Metric.OOS_ANNUAL_SHARPE: "annual Sharpe ratio out of sample",
    Metric.OOS_TOTAL_RETURN: "return out of sample",
    Metric.OOS_MAX_DRAWDOWN: "drawdown out of sample",
    Metric.OOS_TRADES: "number of trades out of sample",
    Metric.PSR: "probabilistic Sharpe ratio",
    Metric.WFE: "walk-forward efficiency",
    Metric.SENSITIVITY: "sensitivity",
    Metric.P: "p-value of search and vault together",
    Metric.P_SURROGATES: "p-value of the search on surrogate markets",
    Metric.P_VAULT: "p-value of the vault",
    Metric.FORECAST: "expected annual Sharpe ratio",
    Metric.DSR: "deflated Sharpe ratio",
    Metric.PBO: "probability of overfitting",
    Metric.MC_P: "Monte Carlo p-value",
}

_EVERYWHERE = frozenset(
    {
        Metric.ANNUAL_SHARPE, Metric.OOS_ANNUAL_SHARPE, Metric.OOS_TOTAL_RETURN, Metric.OOS_MAX_DRAWDOWN,
        Metric.OOS_TRADES, Metric.PSR, Metric.WFE,
    }
)  # fmt: skip

# What each judge measures; a test holds it against the engine's own figures.
MEASURED: Mapping[Phase, frozenset[Metric]] = {
    Phase.SCREEN: _EVERYWHERE,
    Phase.GUARDS: _EVERYWHERE | {Metric.SENSITIVITY, Metric.MC_P},
    Phase.VALIDATE: _EVERYWHERE
    | {
        Metric.SENSITIVITY, Metric.P, Metric.P_SURROGATES, Metric.P_VAULT, Metric.FORECAST, Metric.DSR, Metric.PBO,
    },
}  # fmt: skip


class ClaimScope(Shape):
    """Empty lists bound nothing: all assets, all modes. ``strategy``, where it is given, must be the campaign's."""

    assets: tuple[Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9_-]{0,31}$")], ...] = ()
    modes: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")], ...] = ()
    strategy: Annotated[str, Field(max_length=500)] = ""


class StatedClaim(Shape):
    """A claim in figures: ``metric`` is ``comparison`` ``threshold``, ``among`` so many of the scope's members.

    ``claim`` is the sentence as its author wrote it, ``rationale`` why it should be so.
    """

    claim: Annotated[str, Field(min_length=1, max_length=500)]
    scope: ClaimScope = ClaimScope()
    metric: Metric = Metric.OOS_ANNUAL_SHARPE
    comparison: Comparison = Comparison.ABOVE
    threshold: float
    among: Among = Among.EVERY
    rationale: Annotated[str, Field(max_length=2_000)] = ""

    def in_figures(self) -> str:
        """``drawdown out of sample at most 0.2, for every one of BTCUSDT in all modes``."""
        return f"{WORDS[self.metric]} {self.comparison.words} {self.threshold:g}, for {whom_of(self.among, self.scope)}"


def whom_of(among: Among, scope: ClaimScope) -> str:
    """``most of BTCUSDT, ETHUSDT in all modes``."""
    head = {Among.EVERY: "every one of", Among.MOST: "most of", Among.ANY: "at least one of"}[among]
    return f"{head} {', '.join(scope.assets) or 'all assets'} in {', '.join(scope.modes) or 'all modes'}"


def claim_id(campaign: str, claim: StatedClaim) -> str:
    """``<campaign>/<digest>`` of all that is claimed: saying it twice is one claim, a changed one is another."""
    said = claim.model_dump_json().encode()
    return f"{campaign}/{hashlib.sha256(said).hexdigest()[:10]}"
