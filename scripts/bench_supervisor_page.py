#!/usr/bin/env python3
"""The table of a run of `bench_supervisor` out of its figures, and where it goes in a page.

Called by scripts/bench_supervisor.
"""

import os
import platform
import statistics
from itertools import islice
from pathlib import Path
from typing import Any

from bench_supervisor_crashes import CYCLE_BYTES, GRANDCHILDREN
from bench_supervisor_hangs import LIMIT_S, STARVED_TO
from bench_supervisor_peers import Figures

BEGIN, END = "<!-- bench_supervisor -->", "<!-- /bench_supervisor -->"


def machine() -> str:
    return f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def quantiles(values: list[float | None]) -> str:
    known = sorted(value for value in values if value is not None)
    if not known:
        return "none came back"
    return f"{statistics.median(known):.1f} / {known[min(len(known) - 1, int(0.99 * len(known)))]:.1f}"


def seconds(values: Any) -> str:
    known = [value for value in values if value is not None] if isinstance(values, list) else []
    return f"{statistics.median(known):.2f} (most {max(known):.2f})" if known else "–"


def page_of(document: Figures) -> str:
    lines = [
        BEGIN,
        "",
        f"{document['machine']}; load {document['load_before'][0]:.2f} before and {document['load_after'][0]:.2f} after"
        f"{'; `--quick`: few repetitions' if document['quick'] else ''}. Medians; `p50 / p99` where two are given.",
        "",
        "| | crash → relaunch, fastest settings, alone, ms p50 / p99 | all side by side | defaults, ms "
        "| SIGSTOP → noticed "
        f"| SIGSTOP → replaced, limit {LIMIT_S:g} s | beats on, works no more: beyond the limit "
        f"| healthy, starved to {' / '.join(str(each) for each in STARVED_TO)} % of a core: false kills | 100 up in, s "
        "| idle CPU, 100 children | RSS, MiB | supervisor SIGKILLed and restarted "
        "| exits at once: starts in 10 s | grandchildren left: group / session / double fork |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    # Of the times alone the first one's, which is ours.
    both = [*islice(document["alone"].values(), 1), document]
    floor = [f"{quantiles(of['crash_ms']['floor'])}, pidfd awake {quantiles(of['woken_ms'])}" for of in both]
    lines.append("| floor (kill → pidfd → `posix_spawn` → first line) | " + " | ".join(floor) + " |" * 12)
    synced = [quantiles(of["synced_ms"]) for of in both]
    lines.append(f"| an fdatasync of {CYCLE_BYTES // 1024} KiB beside it | " + " | ".join(synced) + " |" * 12)
    for name, of in document["peers"].items():
        if of["missing"]:
            lines.append(f"| {of['name']} | not measured: {of['missing']} |" + " |" * 12)
            continue
        lines.append(f"| {of['name']} {of['version']} | " + " | ".join(row_of(document, name, of)) + " |")
    if "random_kills" in document:
        lines += ["", f"swarmd's daemon killed at random instants: {told_kills(document['random_kills'])}."]
    settings = "; ".join(f"{of['name']}: {of['fast']} (defaults: {of['default']})" for of in document["peers"].values())
    lines += ["", f"Settings: {settings}.", "", END]
    return "\n".join(lines)


def row_of(document: Figures, name: str, of: Figures) -> list[str]:
    defaults = [ms for each in document["default"] for ms in each[name]]
    stop, stall, crowd, kill = of["stopped"], of["stalled"], of["many"], of["killed"]
    noticed_ms = stop.get("noticed_ms") if isinstance(stop, dict) else None
    if noticed_ms:
        notice = f"{quantiles(noticed_ms)} ms own, {quantiles(stop['noticed_adopted_ms'])} ms adopted"
    else:
        notice = stop.get("without_watchdog", "–")
    beyond = stall if isinstance(stall, str) else f"{seconds(stall.get('beyond_limit_s'))} s"
    if isinstance(stall, dict) and "replaced_beyond_s" in stall:
        beyond += f", replaced {seconds(stall['replaced_beyond_s'])} s"
    is_counted = isinstance(crowd, list)
    replaced = [each for each in stop.get("replaced_s", []) if each is not None]
    return [
        quantiles(document["alone"][name]["crash_ms"][name]),
        quantiles(document["crash_ms"][name]),
        f"{statistics.median(defaults):.0f}" if defaults else "never came back",
        notice,
        f"{seconds(replaced)} s" if replaced else "never" if stop.get("replaced_s") else "–",
        beyond,
        " / ".join(told_starved(of[f"starved_{percent}"]) for percent in STARVED_TO),
        seconds([each["up_s"] for each in crowd]) if is_counted else "–",
        f"{crowd[0]['idle_share']:.2%}" if is_counted else "–",
        f"{crowd[0]['rss_mib']:.0f}" if is_counted else "–",
        told_killed(kill),
        str(of["storm"].get("starts", "–")),
        " / ".join(str(of["left"].get(mode, "–")) for mode in GRANDCHILDREN),
    ]


def told_starved(of: Figures | str) -> str:
    return "–" if isinstance(of, str) or "error" in of else str(of["false_kills"])


def told_killed(kill: Figures) -> str:
    if "error" in kill:
        return f"failed: {kill['error']}"
    if not kill["outlived"]:
        return "its children died with it"
    back = kill["dead_lane_back_s"]
    told_back = "the dead lane never came back" if back is None else f"the dead lane is back in {back:.2f} s"
    if kill["replaced_meanwhile"]:
        told_back = "the dead lane was replaced meanwhile"
    adopted = f", adopted {kill['adopted_s']:.2f} s after taking the home" if kill.get("adopted_s") is not None else ""
    return (
        f"{kill['kept']} of {kill['outlived'] - 1} kept, {kill['doubled']} doubled, {kill['lost']} lost; "
        f"{told_back}{adopted}"
    )


def told_kills(kills: Figures) -> str:
    if "error" in kills:
        return f"failed: {kills['error']}"
    return f"{kills['kills']} times, {kills['doubled']} doubled, {kills['lost']} lost"


def write(path: Path, page: str) -> None:
    text = path.read_text()
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{path} has no {BEGIN} … {END}; add both lines where the section is to stand")
    before, _, rest = text.partition(BEGIN)
    path.write_text(before + page + rest.partition(END)[2])
