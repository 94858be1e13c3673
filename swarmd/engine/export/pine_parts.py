"""Parts of a script that every strategy shares: declaration, guard of the timeframe, payload of alerts, orders.

Orders fill where the engine's do: decided at the close of a bar, filled at the next open, stops and targets inside the
bar from the entry bar on, a gap at the open. Two things a broker emulator cannot be told, and the parity file counts
both: it follows a path through a bar that holds stop and target alike (the engine takes the stop), and on the entry bar
itself a distance in percent can only be measured from the close before, as the entry's price is not known when the
order is given. From the bar after it on, levels are those of the entry price.
"""

import json

from swarmd.engine.export.pine_text import number, quoted
from swarmd.engine.kernel.costs import BPS, Costs

CAPITAL = 10_000
# `strategy.position_avg_price` is a cost divided by a quantity again, and may miss the price by its last bit: then a
# stop that is touched exactly is not.
ENTRY_PRICE = """\
var int entryBar = -1
var float entry = na
if bar_index == entryBar
    entry := open
"""
# The payload's fields, besides those that say whose it is; alerts and tests read them from here.
PAYLOAD_FIELDS = ("event", "side", "symbol", "close", "decided_at")


def declaration(title: str, costs: Costs, *, history: int) -> str:
    """`strategy(...)`. Fee and slippage are one commission: slippage here is told in ticks, and ours is a fraction.

    `history` is how many bars back the script looks at most.
    """
    percent = (costs.fee_bps + costs.slippage_bps) * BPS * 100.0
    return (
        "//@version=6\n"
        f"strategy({quoted(title)}, overlay=true, initial_capital={CAPITAL}, pyramiding=0, "
        "default_qty_type=strategy.fixed, default_qty_value=1, "
        f"commission_type=strategy.commission.percent, commission_value={number(round(percent, 10))}, slippage=0, "
        "margin_long=0, margin_short=0, calc_on_every_tick=false, calc_on_order_fills=false, "
        f"process_orders_on_close=false, max_bars_back={history})\n"
    )


def timeframe_guard(minutes: int, timeframe: str) -> str:
    """The script refuses a chart of another interval: its trades would be others."""
    told = quoted(f"swarmd: this script is for a chart of {timeframe}; choose that interval")
    return f"if timeframe.in_seconds() != {minutes * 60}\n    runtime.error({told})\n"


def payload_function(niche: str, checksum: str) -> str:
    """`payload(event, side)`: the JSON object that an alert carries."""
    head = json.dumps({"source": "swarmd", "champion": niche, "checksum": checksum}, separators=(",", ":"))[:-1]
    return (
        "// What an alert carries: {{strategy.order.alert_message}} in the alert's message field.\n"
        "payload(string event, string side) =>\n"
        f'    {quoted(head + ",")} + \'"event":"\' + event + \'","side":"\' + side + \'","symbol":"\' + '
        "syminfo.ticker + '\",\"close\":' + str.tostring(close) + ',\"decided_at\":' + str.tostring(time_close) + '}'\n"
    )


def sizing(costs: Costs) -> str:
    """`quantity(side, share)`: that share of equity, costs included; the close stands in for the fill's price.

    The emulator cuts quantities to millionths: whole millionths and a half are cut to whole ones, so that the parts
    that legs close are parts of what was really bought.
    """
    return (
        f"longIn = {number(costs.long_in)}\n"
        f"shortIn = {number(costs.short_quantity)}\n"
        "quantity(int side, float share) =>\n"
        "    math.floor(strategy.equity * share / (close * (side > 0 ? longIn : shortIn)) * 1000000.0) / 1000000.0\n"
        "halfStep = 0.0000005\n"
    )


def crossing_orders(*, sells_short: bool) -> str:
    """Orders of `wish` (+1, -1, 0), with a stop and a target in fractions of the entry: `sl`, `tp`."""
    return (
        ENTRY_PRICE
        + _held_bracket("long", "held > 0 and wish >= 0", "1.0 - sl", "1.0 + tp")
        + (_held_bracket("short", "held < 0 and wish <= 0", "1.0 + sl", "1.0 - tp") if sells_short else "")
        + _entry("long", "wish > 0 and held <= 0", leaves="short" if sells_short else None, has_bracket=True)
        + (
            _entry("short", "wish < 0 and held >= 0", leaves="long", has_bracket=True)
            if sells_short
            else _way_out("wish < 0 and held > 0", has_bracket=True)
        )
    )


def plain_orders(*, sells_short: bool) -> str:
    """Orders of `wish` where only the opposite wish ends a position."""
    return _entry("long", "wish > 0 and held <= 0", leaves=None, has_bracket=False) + (
        _entry("short", "wish < 0 and held >= 0", leaves=None, has_bracket=False)
        if sells_short
        else _way_out("wish < 0 and held > 0", has_bracket=False)
    )


def _held_bracket(side: str, when: str, stop: str, target: str) -> str:
    return (
        f"if {when}\n"
        f"    strategy.exit('{side} out', '{side}', stop=entry * ({stop}), "
        f"limit=entry * ({target}), {_exit_words(side)})\n"
    )


def _entry(side: str, when: str, *, leaves: str | None, has_bracket: bool) -> str:
    sign = 1 if side == "long" else -1
    # A waiting stop would act at the same open as the reversal, on what that has closed already.
    cancelled = f"    strategy.cancel('{leaves} out')\n" if leaves else ""
    bracket = (
        f"    strategy.exit('{side} out', '{side}', loss=close * sl / syminfo.mintick, "
        f"profit=close * tp / syminfo.mintick, {_exit_words(side)})\n"
        if has_bracket
        else ""
    )
    return (
        f"if {when}\n{cancelled}"
        f"    strategy.entry('{side}', strategy.{side}, qty=quantity({sign}, 1.0) + halfStep, comment='entry', "
        f"alert_message=payload('entry', '{side}'))\n{bracket}"
        + ("    entryBar := bar_index + 1\n" if has_bracket else "")
    )


def _way_out(when: str, *, has_bracket: bool) -> str:
    cancelled = "    strategy.cancel('long out')\n" if has_bracket else ""
    return (
        f"if {when}\n{cancelled}    strategy.close('long', comment='signal', alert_message=payload('signal', 'long'))\n"
    )


def _exit_words(side: str) -> str:
    return (
        f"comment_profit='target', comment_loss='stop', alert_profit=payload('target', '{side}'), "
        f"alert_loss=payload('stop', '{side}')"
    )
