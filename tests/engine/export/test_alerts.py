"""Alerts: what a script sends and what a template wraps around it is JSON when the placeholders are filled."""

import json
import re

from swarmd.engine.export.alerts import alert_templates, tradingview_message
from swarmd.engine.export.parity_run import executed
from swarmd.engine.export.pine import Terms, pine_script
from swarmd.engine.export.pine_parts import PAYLOAD_FIELDS
from tests.champion_builders import a_champion
from tests.pine_builders import Case, pinets_folder

CASE = Case("ema_cross", "long_short", "LINKUSDT", "1h", {"L_fast": 5, "L_slow": 14, "sl": 0.3, "tp": 0.9}, 0, 400)
VALUES = {
    "ticker": "LINKUSDT", "exchange": "BINANCE", "interval": "60", "strategy.order.action": "buy",
    "strategy.order.id": "long", "strategy.order.comment": "entry", "strategy.order.contracts": "12.5",
    "strategy.order.price": "14.25", "strategy.market_position": "long", "strategy.market_position_size": "12.5",
    "timenow": "2024-01-01T00:00:00Z", "strategy.order.alert_message": '{"event":"entry"}',
}  # fmt: skip


def test_what_the_running_script_hands_to_each_exit_is_json_with_the_fields_that_are_promised():
    script = pine_script(CASE.champion, Terms())
    answer = executed(script, CASE.bars, pinets=pinets_folder(), timeout_s=120.0)
    assert answer["open"], "the stretch was chosen to end with a position"
    (order,) = answer["waiting"]
    for alert, event in ((order["alert_profit"], "target"), (order["alert_loss"], "stop")):
        payload = json.loads(alert)
        assert list(payload) == ["source", "champion", "checksum", *PAYLOAD_FIELDS]
        assert payload | {"close": 0, "decided_at": 0} == {
            "source": "swarmd", "champion": "LINKUSDT_1h", "checksum": CASE.champion.checksum, "event": event,
            "side": order["id"].split()[0], "symbol": "LINKUSDT", "close": 0, "decided_at": 0,
        }  # fmt: skip
        assert payload["close"] == CASE.bars.close[-1]
        assert payload["decided_at"] == CASE.bars.open_time[-1] + 3_600_000


def test_every_order_of_every_script_carries_a_payload():
    script = pine_script(CASE.champion, Terms())
    orders = re.findall(r"strategy\.(?:entry|close|exit)\(.*", script)
    assert len(orders) == 6
    assert all("payload(" in order for order in orders)


def test_the_template_becomes_json_when_its_placeholders_are_filled():
    message = tradingview_message(CASE.champion)
    assert set(re.findall(r"\{\{(.*?)\}\}", message)) == set(VALUES)
    filled = json.loads(re.sub(r"\{\{(.*?)\}\}", lambda found: VALUES[found[1]], message))
    assert (filled["niche"], filled["contracts"], filled["price"]) == ("LINKUSDT_1h", 12.5, 14.25)
    assert filled["order"] == {"event": "entry"}


def test_the_document_is_json_as_it_stands_and_names_its_script():
    champion = a_champion().sealed()
    told = json.loads(json.dumps(alert_templates(champion, script="BTCUSDT_5m.pine", script_sha256="d")))
    assert (told["schema"], told["script"], told["script_sha256"]) == ("swarmd.alerts/1", "BTCUSDT_5m.pine", "d")
    assert told["checksum"] == champion.checksum == told["generic"]["checksum"]
    assert told["tradingview"]["message"] == tradingview_message(champion)
