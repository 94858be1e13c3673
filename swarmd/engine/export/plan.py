"""The plan of what goes to production: who of a campaign passed every guard, and what was exported of him.

Pure: rows in, the text of `pine_plan_fullguards.csv` out. Every guard is all of the table that crowned: the evidence by
default, the strict one where the campaign asked for that. A champion that a screen crowned has been before no guard,
and is not in it.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from swarmd.engine.champions.champion import ChampionFile

PLAN_FILE = "pine_plan_fullguards.csv"
COLUMNS = (
    "Asset", "Timeframe", "Strategy", "Mode", "Evidence", "Guards", "Score", "OOS Sharpe", "Script", "Alerts", "Parity",
    "Parameters", "Fee bps", "Slippage bps", "Checksum",
)  # fmt: skip


def evidence_of(certificate: Mapping[str, Any]) -> str | None:
    """`10/10` and the like, of the gates of the evidence table; None where evidence was not asked for."""
    gates = certificate.get("evidence", {}).get("gates")
    return f"{sum(gate['pass'] for gate in gates)}/{len(gates)}" if gates else None


def guards_of(certificate: Mapping[str, Any]) -> str | None:
    """`7/7` and the like, of a document of the guards or of the phase validate; None where no guard was asked."""
    told = certificate.get("guards", certificate.get("strict", {}).get("guards"))
    return told if isinstance(told, str) else None


def passed_all(certificate: Mapping[str, Any]) -> bool:
    """Whether all of the table that crowned passes."""
    passed, _, asked = (evidence_of(certificate) or guards_of(certificate) or "").partition("/")
    return passed != "" and passed == asked


def plan_row(
    champion: ChampionFile,
    certificate: Mapping[str, Any],
    *,
    script: str | None,
    alerts: str | None,
    parity: str,
) -> dict[str, str]:
    """Names of files as the home's records have them, `parity` as tables tell it; `-` for what is not there."""
    sharpe = champion.metrics.get("vault", {}).get("annual_sharpe")
    costs = certificate["costs"]
    return {
        "Asset": champion.symbol,
        "Timeframe": champion.timeframe,
        "Strategy": champion.strategy,
        "Mode": champion.mode,
        "Evidence": evidence_of(certificate) or "-",
        "Guards": guards_of(certificate) or "-",
        "Score": f"{champion.score:.4g}",
        "OOS Sharpe": "-" if sharpe is None else f"{sharpe:.4g}",
        "Script": script or "-",
        "Alerts": alerts or "-",
        "Parity": parity or "-",
        "Parameters": json.dumps(champion.parameters, sort_keys=True),
        "Fee bps": f"{costs['fee_bps']:g}",
        "Slippage bps": f"{costs['slippage_bps']:g}",
        "Checksum": champion.checksum,
    }


def plan_csv(rows: Iterable[Mapping[str, str]]) -> str:
    """The table by asset and timeframe."""
    page = io.StringIO(newline="")
    table = csv.DictWriter(page, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(sorted(rows, key=lambda row: (row["Asset"], row["Timeframe"])))
    return page.getvalue()
