"""What trading costs, and the six constants by which every path turns prices into growth of equity.

A long of one unit of equity buys `1 / (entry * long_in)` and is worth `price * long_out / (entry * long_in)` when
closed. A short of one unit of equity sells `1 / (entry * short_quantity)`: its proceeds plus the equity are the
constant `short_base`, and closing pays `price * short_out / (entry * short_quantity)` out of them. All paths
(reference, numba, GPU) use these products in this order; that is what makes their results equal to the last bit.
"""

from dataclasses import dataclass

BPS = 1e-4


@dataclass(frozen=True, slots=True)
class Costs:
    """Fee per side as bps of notional, slippage per side as bps of price, always against the trader."""

    fee_bps: float = 5.0
    slippage_bps: float = 2.0

    def __post_init__(self) -> None:
        for name, value in (("fee_bps", self.fee_bps), ("slippage_bps", self.slippage_bps)):
            if not 0.0 <= value < 10_000.0:
                raise ValueError(f"costs: {name} is {value}; give basis points in [0, 10000), 5 means 0.05 %")

    @property
    def fee(self) -> float:
        """Fraction of notional paid per side."""
        return self.fee_bps * BPS

    @property
    def slippage(self) -> float:
        """Fraction of price lost per side."""
        return self.slippage_bps * BPS

    @property
    def long_in(self) -> float:
        return (1.0 + self.slippage) * (1.0 + self.fee)

    @property
    def long_out(self) -> float:
        return (1.0 - self.slippage) * (1.0 - self.fee)

    @property
    def short_quantity(self) -> float:
        return (1.0 - self.slippage) * (1.0 + self.fee)

    @property
    def short_in(self) -> float:
        return (1.0 - self.slippage) * (1.0 - self.fee)

    @property
    def short_out(self) -> float:
        return (1.0 + self.slippage) * (1.0 + self.fee)

    @property
    def short_base(self) -> float:
        """Equity plus sale proceeds of a short, per unit of equity."""
        return 1.0 + self.short_in / self.short_quantity

    def factors(self) -> tuple[float, float, float, float, float]:
        """(long_in, long_out, short_quantity, short_out, short_base): the kernels' argument, in this order."""
        return self.long_in, self.long_out, self.short_quantity, self.short_out, self.short_base
