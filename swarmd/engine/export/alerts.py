"""Webhook templates of a champion's script: for TradingView's placeholders, and for a webhook of any other kind.

The script gives each order a JSON object of its own (`alert_message`); the template wraps it in what only TradingView
knows when the order fills. A template becomes JSON only when its placeholders are filled: numbers stand unquoted.
"""

import json
from typing import Any

from swarmd.engine.champions.champion import ChampionFile
from swarmd.engine.export.pine_parts import PAYLOAD_FIELDS

SCHEMA = "swarmd.alerts/1"
MESSAGE_SCHEMA = "swarmd.alert/1"


def alert_templates(champion: ChampionFile, *, script: str, script_sha256: str) -> dict[str, Any]:
    """The document beside the script; `script` is its file's name."""
    return {
        "schema": SCHEMA,
        "niche": champion.niche,
        "strategy": champion.strategy,
        "mode": champion.mode,
        "checksum": champion.checksum,
        "script": script,
        "script_sha256": script_sha256,
        "tradingview": {
            "condition": "the strategy, order fills only",
            "message": tradingview_message(champion),
            "how": "paste message into the alert's message field and your address into its webhook URL",
        },
        "generic": generic_message(champion),
        "payload_fields": ["source", "champion", "checksum", *PAYLOAD_FIELDS],
    }


def tradingview_message(champion: ChampionFile) -> str:
    """One line; TradingView puts values in place of the braces when an order fills."""
    fixed = json.dumps(
        {"schema": MESSAGE_SCHEMA, "niche": champion.niche, "checksum": champion.checksum}, separators=(",", ":")
    )[:-1]
    return (
        f'{fixed},"ticker":"{{{{ticker}}}}","exchange":"{{{{exchange}}}}","interval":"{{{{interval}}}}",'
        '"action":"{{strategy.order.action}}","order_id":"{{strategy.order.id}}",'
        '"comment":"{{strategy.order.comment}}","contracts":{{strategy.order.contracts}},'
        '"price":{{strategy.order.price}},"position":"{{strategy.market_position}}",'
        '"position_size":{{strategy.market_position_size}},"fired_at":"{{timenow}}",'
        '"order":{{strategy.order.alert_message}}}'
    )


def generic_message(champion: ChampionFile) -> dict[str, Any]:
    """The same for a sender that fills `$NAME`: valid JSON as it stands, every value a text until it is filled."""
    return {
        "schema": MESSAGE_SCHEMA,
        "niche": champion.niche,
        "checksum": champion.checksum,
        "ticker": "$TICKER",
        "interval": champion.timeframe,
        "action": "$ACTION",
        "contracts": "$CONTRACTS",
        "price": "$PRICE",
        "position": "$POSITION",
        "fired_at": "$TIME",
        "order": {"source": "swarmd", "champion": champion.niche, "checksum": champion.checksum, "event": "$EVENT"},
    }
