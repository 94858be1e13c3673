#!/usr/bin/env python3
"""What `scripts/chaos` is asked for: its command line, and the campaign with its bars found. Starts nothing."""

import argparse
import os
from pathlib import Path
from typing import Any

import yaml
from chaos_faults import KINDS

_PROJECT = Path(__file__).resolve().parent.parent
_EXAMPLE = _PROJECT / "docs" / "examples" / "sameness.yaml"
_WHAT = "Runs a campaign while everything is broken that can be, and holds it to what the same comes to in peace."


def arguments() -> argparse.Namespace:
    known = argparse.ArgumentParser(description=_WHAT)
    known.add_argument("campaign", type=Path, nargs="?", default=_EXAMPLE, help="default: docs/examples/sameness.yaml")
    known.add_argument("--data", type=Path, help="from where a relative data.root of the campaign counts")
    known.add_argument("--events", type=int, default=40, help="how many faults (default 40)")
    known.add_argument("--seed", type=int, default=1, help="draws the faults and their instants (default 1)")
    known.add_argument(
        "--work", type=Path, help="an empty folder for the two homes (default: a new one, kept on faults)"
    )
    known.add_argument("--every", type=float, default=2.0, help="seconds between faults, in the mean (default 2)")
    known.add_argument("--combos", type=int, help="combinations of each prescreen, for a longer campaign")
    known.add_argument("--trials", type=int, help="trials of each refinement, for a longer campaign")
    known.add_argument("--only", help="kinds of faults, by commas: " + ", ".join(KINDS))
    known.add_argument("--no-monitors", action="store_true", help="without tmux and its faults")
    known.add_argument("--json", action="store_true", help="the report as JSON; progress goes to stderr")
    return known.parse_args()


def settings_of(asked: argparse.Namespace) -> dict[str, Any]:
    """The campaign with its bars made absolute: from --data, for the example from the tests' data, else its folder.

    Raises ValueError where the file cannot be read, or is no campaign.
    """
    try:
        settings = yaml.safe_load(asked.campaign.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as cause:
        raise ValueError(
            f"cannot read {asked.campaign}: {cause}; name a campaign file, or none for the example"
        ) from cause
    data = settings.get("data") if isinstance(settings, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("root"), str):
        raise ValueError(f"{asked.campaign} has no data.root: it is no campaign file")
    beside = asked.campaign.resolve().parent
    if asked.campaign == _EXAMPLE:
        beside = Path(os.environ.get("SWARMD_TEST_DATA") or _PROJECT.parent / "shared" / "data")
    data["root"] = str(((asked.data or beside) / data["root"]).resolve())
    return settings


def refusal(asked: argparse.Namespace, settings: dict[str, Any]) -> str:
    """Why this cannot be begun; empty where it can."""
    if unknown := sorted(set(filter(None, (asked.only or "").split(","))) - set(KINDS)):
        return f"--only knows no {', '.join(unknown)}; it knows {', '.join(KINDS)}"
    root = Path(settings["data"]["root"])
    if not root.is_dir():
        return f"no bars at {root}; set SWARMD_TEST_DATA, or name the folder they are in with --data"
    if asked.work is not None and asked.work.is_dir() and any(asked.work.iterdir()):
        return f"{asked.work} is not empty; give a new folder with --work"
    return ""
