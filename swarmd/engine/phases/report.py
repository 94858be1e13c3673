"""The screen's page for people: every gate with figure and threshold, both stretches side by side, the stress.

A pure page: the screen's document in, Markdown out. It computes nothing.
"""

from typing import Any

from swarmd.state.units import iso

_ROWS = (
    "total_trades", "total_return", "annual_return", "annual_sharpe", "annual_sortino", "max_drawdown", "calmar",
    "win_rate", "profit_factor", "exposure", "avg_trade_return", "avg_bars_held", "top10_share",
)  # fmt: skip


def screen_report(document: dict[str, Any]) -> str:
    """Markdown of `screen.json`."""
    development, vault, stress = document["development"], document["vault"], document["stress"]
    lines = [
        f"# {document['symbol']} {document['mode']}: {document['strategy']} "
        f"{'passes' if document['verdict'] == 'pass' else 'does not pass'} the screen",
        "",
        f"Trial {document['trial']}, score {document['score']:.4f} on development data, chosen among "
        f"{document['tried']} tried. {_opened(document)}",
        "",
        "## Gates",
        "",
        "| gate | figure | threshold | |",
        "|---|---|---|---|",
        *(
            f"| {gate['meaning']} | {_number(gate['figure'])} | {gate['comparison']} {gate['threshold']:g} "
            f"| {'pass' if gate['pass'] else '**fail**'} |"
            for gate in document["gates"]
        ),
        "",
        f"Daily returns on the vault: {document['daily']['days']} days, Sharpe ratio {document['daily']['sharpe']:.4f} "
        f"per day, skew {document['daily']['skew']:.2f}, kurtosis {document['daily']['kurtosis']:.2f} (Normal 3).",
        "",
        "## Figures",
        "",
        f"Development {_stretch(development)}; vault {_stretch(vault)}. "
        f"Stress: the vault with fee and slippage times {stress['cost_factor']:g}.",
        "",
        "| | development | vault | stress |",
        "|---|---|---|---|",
        *(
            f"| {name} | {_number(development['metrics'][name])} | {_number(vault['metrics'][name])} "
            f"| {_number(stress['metrics'][name])} |"
            for name in _ROWS
        ),
        "",
        "## Where it comes from",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | `{value}` |" for name, value in document["params"].items()),
        f"| costs | {document['costs']['fee_bps']:g} bps fee, "
        f"{document['costs']['slippage_bps']:g} bps slippage per side |",
        f"| data | `{document['data_snapshot_id']}` (sha256 `{document['data_sha256']}`) |",
        f"| code | `{document['code_version']}`, commit `{document['git_sha']}` |",
        f"| seed | {document['seed']} |",
        "",
    ]
    return "\n".join(lines)


def _opened(document: dict[str, Any]) -> str:
    if (stand_in := document.get("stands_for_the_vault")) is None:
        return "The vault was opened once, for this one."
    return f"The vault stays shut until the guards: what is called the vault below is {stand_in}, opened once."


def _stretch(stretch: dict[str, Any]) -> str:
    first, last = (iso(stretch[name])[:10] for name in ("first_open_ms", "last_open_ms"))
    return f"{first} to {last} ({stretch['bars']} bars)"


def _number(value: float | int | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:.0f}" if value == int(value) and abs(value) >= 1 else f"{value:.4f}"
