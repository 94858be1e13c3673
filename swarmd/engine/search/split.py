"""Development and vault: the bars a search may see, and the last stretch it may not.

One rule in one place, so that prescreen, refine and screen cannot disagree about where the vault begins. Where the
vault is kept for the guards, the screen has the last third of the development bars in its place.
"""

from swarmd.engine.market.bars import Bars

SCREEN_SHARE = 1 / 3


def vault_start(n_bars: int, oos_share: float) -> int:
    """The first bar of the vault. ValueError where either side would be empty."""
    if not 0.0 <= oos_share <= 1.0:
        raise ValueError(f"the out-of-sample share is {oos_share}; give a fraction such as 0.33")
    start = n_bars - round(n_bars * oos_share)
    if not 0 < start < n_bars:
        raise ValueError(
            f"{n_bars} bars with an out-of-sample share of {oos_share:g} leave one side empty; use more bars"
        )
    return start


def development_bars(bars: Bars, oos_share: float) -> Bars:
    """What selection may see."""
    return bars.between(0, vault_start(bars.n_bars, oos_share))
