"""Whether a campaign's page has to be written once more now: reading a thousand assets after each of them would in the
end take longer than the search.

It may be put off where it was written a moment ago, and where an asset that has no page yet will ask again when it
ends. When each has one it is always written, so that the last page tells of all.
"""

import json
import time
from pathlib import Path

from swarmd.engine.phases.desk import PREFLIGHT_FILE
from swarmd.state.records.campaign_settings import CampaignSettings

# A row takes some 10 to 25 ms to read and draw: at most a twentieth of the time goes into the page.
_PATIENCE_A_ROW_S = 0.5


def is_due(results: Path, campaign: CampaignSettings, page: str) -> bool:
    """False where the campaign's page, a file of the name ``page``, may wait for another asset's end."""
    try:
        age_s = time.time() - (results / page).stat().st_mtime
    except OSError:
        return True
    rows = [(symbol, mode) for symbol in campaign.symbols() for mode in campaign.strategy.modes]
    # A clock that was set back makes a page of the future: that is none to wait for.
    if not 0.0 <= age_s < _PATIENCE_A_ROW_S * len(rows):
        return True
    untold = {symbol for symbol, mode in rows if not (results / symbol / mode / page).is_file()}
    return all(_is_refused(results / symbol) for symbol in untold)


def _is_refused(asset: Path) -> bool:
    """Whether the preflight ended it, and no mode ever gets a page."""
    try:
        return bool(json.loads((asset / PREFLIGHT_FILE).read_bytes())["verdict"] == "fail")
    except (OSError, ValueError, KeyError, TypeError):
        return False
