"""What the pages are made of: the documents of the phases, and the finalist's run on the stretches it was shown.

Filled by the phase that has written the results, or by the command that reads them again; the pages ask nothing of the
disk. Where something could not be had, `missing` says why, and the page says it on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.certificates.reading import Document

DEVELOPMENT, VAULT = "development", "vault"
# The one stretch of a table of trades, which nobody has divided.
RECORD = "trades"


@dataclass(frozen=True, slots=True)
class Trade:
    """One round trip; instants in ms UTC are the open times of the bars in which the fills happened. `pnl` is a share
    of the first equity, `return_` of the equity committed."""

    number: int
    entry_ms: int
    exit_ms: int
    is_long: bool
    entry_price: float
    exit_price: float
    pnl: float
    return_: float
    reason: str
    bars_held: int
    fees: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of days with the equity at the end of each, 1.0 before the first, and the trades that made it."""

    name: str
    days: tuple[str, ...]
    equity: tuple[float, ...]
    trades: tuple[Trade, ...]
    first_ms: int = 0


@dataclass(frozen=True, slots=True)
class Prices:
    """The bars under the trades, arrays of one length."""

    interval_minutes: int
    open_time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


@dataclass(frozen=True, slots=True)
class Importance:
    """How much of what sets good trials apart goes with each parameter, in shares that sum to 1; of how many trials."""

    shares: Mapping[str, float]
    n_trials: int


@dataclass(frozen=True, slots=True)
class Material:
    """One asset in one mode. A document that is not there is empty; `missing` says of a part why it is not."""

    symbol: str
    mode: str
    campaign: str
    preflight: Document = field(default_factory=dict)
    prescreen: Document = field(default_factory=dict)
    search: Document = field(default_factory=dict)
    screen: Document = field(default_factory=dict)
    guards: Document = field(default_factory=dict)
    certificate: Document = field(default_factory=dict)
    champion: Document = field(default_factory=dict)
    stretches: tuple[Stretch, ...] = ()
    prices: Prices | None = None
    importance: Importance | None = None
    description: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    # From the folder of its page to the campaign's.
    way_up: str = "../../"

    @property
    def judged(self) -> Document:
        """The last word on the finalist: the certificate, the guards' or the screen's document, or an empty one."""
        return self.certificate or self.guards or self.screen

    @property
    def trades(self) -> tuple[Trade, ...]:
        return tuple(trade for stretch in self.stretches for trade in stretch.trades)

    def stretch(self, name: str) -> Stretch | None:
        return next((each for each in self.stretches if each.name == name), None)
