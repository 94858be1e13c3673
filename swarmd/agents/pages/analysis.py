"""What was found, asset by asset, as the analyst last said it: a section of the handoff.

Kept apart from what went wrong: a figure is no trouble, and dozens of assets must not hide the one warning.
"""

from swarmd.agents.pages.markdown import plain, table
from swarmd.state.records.gauge import Finding
from swarmd.state.view import View

ANALYST = "quant_analyst"


def analysis(view: View) -> str:
    """The section with its heading; empty where nothing was found yet. Only of the campaign that is worked on."""
    campaign = view.campaign
    prefix = f"{ANALYST}/{campaign.id}." if campaign is not None else ""
    rows = [
        (finding.id.removeprefix(prefix), plain(finding.text, 2_000))
        for finding in view.findings.values()
        if prefix and finding.id.startswith(prefix) and finding.text
    ]
    return f"## Phase by phase\n\n{table(('asset', 'phase by phase'), rows)}" if rows else ""


def other_findings(view: View) -> list[Finding]:
    """What the other agents have found worth a line, and have not taken back."""
    return [finding for finding in view.findings.values() if finding.text and finding.agent != ANALYST]
