#!/usr/bin/env python3
"""What `scripts/chaos` says at the end: verdicts and rows of the journal in, a document and its table out.

Pure, and the one place that knows the report's shape.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from chaos_match import Fault, Row, Verdicts

SCHEMA = "swarmd.chaos/2"


@dataclass(frozen=True, slots=True)
class Findings:
    """What was looked at after the end, beside the incidents."""

    differing: Sequence[str]
    trial_faults: Sequence[str]
    orphans: Mapping[int, str]
    compared: Mapping[str, Any]


def failures_of(
    found: Findings, verdicts: Verdicts, faults: Sequence[Fault], incidents: Mapping[str, Row], earlier: Sequence[str]
) -> list[str]:
    """Everything that may not be: each in a line that says where to look."""
    still_open = {name: row["cause"] for name, row in incidents.items() if row["status"] != "closed"}
    return [
        *earlier,
        *(["nothing to compare: no results were written"] if not found.compared else []),
        *(f"{name} differs from the undisturbed one" for name in found.differing),
        *found.trial_faults,
        *(f"orphan {pid}: {words}" for pid, words in found.orphans.items()),
        *(f"fault {number} ({faults[number - 1].what}): {why}" for number, why in verdicts.missed.items()),
        *(f"nobody injected {name}: {why}" for name, why in verdicts.unexplained.items()),
        *(f"incident {name} is still open: {cause}" for name, cause in still_open.items()),
    ]


def by_kind(
    faults: Sequence[Fault], verdicts: Verdicts, incidents: Mapping[str, Row], closed_at: Mapping[str, int]
) -> dict[str, dict[str, Any]]:
    """For each kind how often it came, what was told of it, and how long until that was told and closed (median)."""
    kinds: dict[str, dict[str, Any]] = {}
    for kind in sorted({fault.kind for fault in faults}):
        of_kind = [fault for fault in faults if fault.kind == kind]
        named = {fault.number: verdicts.matched.get(fault.number, []) for fault in of_kind}
        told = [incidents[name]["opened_at"] - fault.at for fault in of_kind for name in named[fault.number]]
        healed = [closed_at[name] - fault.at for fault in of_kind for name in named[fault.number] if name in closed_at]
        missed = [fault for fault in of_kind if fault.number in verdicts.missed]
        matched = [fault for fault in of_kind if named[fault.number] and fault not in missed]
        kinds[kind] = {
            "injected": len(of_kind),
            "matched": len(matched),
            "not to be noticed": len(of_kind) - len(matched) - len(missed),
            "missed": len(missed),
            "signatures": dict(
                sorted(Counter(incidents[name]["signature"] for names in named.values() for name in names).items())
            ),
            "told_ms": None if not told else max(0, round(median(told))),
            "closed_ms": None if not healed else max(0, round(median(healed))),
        }
    return kinds


def champions_of(compared: Mapping[str, Any]) -> dict[str, Any]:
    """Niche by niche who is in force at the end: mode, score, and the metrics on data no search has seen."""
    return {
        name.removeprefix("champions/").removesuffix(".json"): {
            "mode": said.get("mode"),
            "score": said.get("score"),
            "campaign": said.get("campaign"),
        }
        for name, said in compared.items()
        if name.startswith("champions/")
    }


def document(
    *,
    seed: int,
    seconds: float,
    faults: Sequence[Fault],
    verdicts: Verdicts,
    incidents: Mapping[str, Row],
    closed_at: Mapping[str, int],
    found: Findings,
    repeats: Sequence[Mapping[str, Any]],
    notes: Sequence[str],
    failures: Sequence[str],
) -> dict[str, Any]:
    files = found.compared
    lanes = [fault.lanes for fault in faults]
    champions = champions_of(files)
    return {
        "schema": SCHEMA,
        "seed": seed,
        "events": len(faults),
        "seconds": seconds,
        "repeats": list(repeats),
        "notes": [*notes, *([] if champions else ["nobody was crowned: that champions are the same says little"])],
        "kinds": by_kind(faults, verdicts, incidents, closed_at),
        "incidents": dict(Counter(row["signature"] for row in incidents.values())),
        "not_to_be_noticed": {str(n): why for n, why in verdicts.unnoticeable.items() if faults[n - 1].expected},
        "beside": verdicts.tolerated,
        "files_compared": len(files),
        "champions": champions,
        "crownings": sum(row["crowned"] for row in repeats),
        "trials": sum(len(value["trials"]) for name, value in files.items() if name.endswith("all_trials.json")),
        "lanes_at_work": {"least": min(lanes, default=0), "most": max(lanes, default=0)},
        "faults": [{**asdict(fault), "incidents": verdicts.matched.get(fault.number, [])} for fault in faults],
        "failures": list(failures),
    }


def tell(report: Mapping[str, Any]) -> None:
    head = ("fault", "injected", "matched", "not to be noticed", "missed", "told after", "closed after", "incidents")
    print("{:22s} {:>8s} {:>8s} {:>18s} {:>7s} {:>11s} {:>13s}  {}".format(*head))
    for kind, row in report["kinds"].items():
        counts = f"{row['injected']:8d} {row['matched']:8d} {row['not to be noticed']:18d} {row['missed']:7d}"
        signatures = ", ".join(f"{count} {name}" for name, count in row["signatures"].items()) or "-"
        print(f"{kind:22s} {counts} {_seconds(row['told_ms']):>11s} {_seconds(row['closed_ms']):>13s}  {signatures}")
    for note in report["notes"]:
        print(f"note: {note}")
    for number, why in report["not_to_be_noticed"].items():
        print(f"fault {number}, {report['faults'][int(number) - 1]['what']}: {why}")
    for name, why in report["beside"].items():
        print(f"beside: {name}: {why}")
    told = ", ".join(f"{count} {signature}" for signature, count in sorted(report["incidents"].items()))
    print(f"incidents: {sum(report['incidents'].values())}: {told}")
    for niche, said in report["champions"].items():
        print(f"champion {niche}: {said['mode']}, score {said['score']:.4g}, of {said['campaign']}")
    print(
        f"{report['events']} faults in {len(report['repeats'])} repeats and {report['seconds']:.0f} s, "
        f"{report['lanes_at_work']['least']} to {report['lanes_at_work']['most']} runs at work at each; "
        f"{report['files_compared']} files compared, {report['crownings']} crownings, {report['trials']} trials"
    )
    for failure in report["failures"]:
        print(f"FAULT: {failure}")
    bad = len(report["failures"])
    print("the same as undisturbed, nothing lost, doubled or left" if not bad else f"{bad} faults of the product")


def _seconds(millis: int | None) -> str:
    return "-" if millis is None else f"{millis / 1000:.1f} s"
