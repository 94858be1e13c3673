"""How long to wait after the n-th loss. Returns durations; the instant they lead to is written into the record."""

from swarmd.state.units import Millis


def backoff(losses: int, *, first: Millis, cap: Millis) -> Millis:
    """Nothing before the first loss, then ``first`` doubled with each further one, never above ``cap``."""
    if losses <= 0:
        return 0
    # Beyond 40 doublings every sensible first wait exceeds every sensible cap; the bound keeps the power small.
    return min(cap, first << min(losses - 1, 40))
