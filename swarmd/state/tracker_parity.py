"""How a table tells of a champion's script for TradingView: `exported`, `212/212`, `3 of 212 differ`.

Said of the parity file beside the script by whoever reads one: the engine that writes it, and the sensor that finds it.
"""

from collections.abc import Mapping
from typing import Any

SCHEMA = "swarmd.parity/1"
EXPORTED = "exported"


def parity_in_short(document: Mapping[str, Any] | None, checksum: str) -> str:
    """Empty where there is none of this champion; `exported` where nobody has executed the script yet."""
    if document is None or (document.get("schema"), document.get("checksum")) != (SCHEMA, checksum):
        return ""
    figures = document.get("parity")
    if not document.get("executed") or not isinstance(figures, Mapping):
        return EXPORTED
    trades, equal = figures.get("trades"), figures.get("equal")
    if not isinstance(trades, int) or not isinstance(equal, int):
        return EXPORTED
    return f"{equal}/{trades}" if equal == trades else f"{trades - equal} of {trades} differ"
