"""How to come to the same results again: the exact commands, and the digests by which they are known to be the same."""

from swarmd.agents.pages.markdown import code, fenced, plain, table
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.job import Phase, job_id
from swarmd.state.records.run import run_id
from swarmd.state.units import iso
from swarmd.state.view import View

_ASSETS_MAX = 40


def reproduce(view: View, campaign: Campaign | None) -> str:
    if campaign is None:
        return ""
    sessions = [*view.sessions.values()]
    versions = ", ".join(dict.fromkeys(plain(each.code_version) for each in sessions)) or "unknown"
    rules = ", ".join(dict.fromkeys(code(each.rules[:12]) for each in sessions if each.rules)) or "–"
    search = campaign.settings.search
    rows = [
        ("the question", f"{code(campaign.file)}, settings digest {code(campaign.digest)}"),
        ("as it was resolved", code(f"results/{campaign.id}/run_meta.json")),
        ("seeds", f"prescreen {search.prescreen.seed}, refinement {search.refine.seed}"),
        ("swarmd", f"{versions}; rules that decide {rules}"),
        ("sessions", ", ".join(f"{code(each.id)} ({each.status.value})" for each in sessions[-5:])),
    ]
    commands = [
        f"swarmd config check {_shell(campaign.file)}",
        f"swarmd --home NEW_HOME start {_shell(campaign.file)} --until-done   # a home of its own: the same "
        "seeds, the same trials",
        "swarmd replay                     # every decision of this home, made again",
    ]
    commands += [
        f"swarmd champion verify {champion.symbol} {champion.timeframe}   # checksum {champion.checksum[:12]}"
        for champion in view.champions.values()
        if champion.is_in_force and champion.campaign == campaign.id
    ][:10]
    parts = [
        "## How to reproduce",
        table(("what", "by which it is known"), rows),
        fenced("\n".join(commands), "sh"),
        _data(view, campaign),
    ]
    return "\n\n".join(part for part in parts if part)


def _data(view: View, campaign: Campaign) -> str:
    rows = []
    for symbol in campaign.settings.symbols():
        job = view.jobs.get(job_id(campaign.id, symbol, "", Phase.PREFLIGHT))
        result = None if job is None else view.results.get(run_id(job.id, job.attempt))
        figures = {} if result is None else result.summary.figures
        if "data_sha256" not in figures:
            continue
        bars = figures.get("bars")
        count = f"{bars:,}" if isinstance(bars, int) else "–"
        seen = iso(result.at)[:16].replace("T", " ") if result is not None else "–"
        rows.append(
            (symbol, count, code(str(figures.get("data_snapshot_id", "–"))), code(str(figures["data_sha256"])), seen)
        )
    if not rows:
        return ""
    head = ("asset", "bars", "snapshot", "sha256 of the bars", "checked (UTC)")
    more = f"\n\nThe first {_ASSETS_MAX} of {len(rows)} assets." if len(rows) > _ASSETS_MAX else ""
    return f"The data, as it was when it was searched:\n\n{table(head, rows[:_ASSETS_MAX], numbers=('bars',))}{more}"


def _shell(path: str) -> str:
    """As a word of a shell."""
    return (
        path
        if path and all(letter.isalnum() or letter in "/._-+" for letter in path)
        else "'" + path.replace("'", "'\\''") + "'"
    )
