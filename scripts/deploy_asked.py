#!/usr/bin/env python3
"""The words ``scripts/deploy`` is called with, checked before anything is asked of another machine."""

import argparse
from pathlib import Path


def arguments(told: str) -> argparse.Namespace:
    first, _, rest = told.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="scripts/deploy", description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("host", metavar="HOST", help="as ssh takes it: user@address, or a name of your ~/.ssh/config")
    parser.add_argument("--port", type=_port, help="of its sshd")
    parser.add_argument("--identity", metavar="FILE", help="private key to log in with")
    parser.add_argument(
        "-o", "--option", action="append", default=[], metavar="NAME=VALUE", help="handed to ssh, wins over ours"
    )
    parser.add_argument("--dest", default="swarmd", metavar="DIR", help="the code there (default: %(default)s)")
    parser.add_argument("--home", default="", metavar="DIR", help="the home there (default: DEST/swarm)")
    for part in ("results", "state", "logs"):
        parser.add_argument(
            f"--{part}", default="", metavar="DIR", help=f"{part.upper()}_ROOT there, where it is moved"
        )
    parser.add_argument("--python", default="", metavar="PATH", help="the Python there to set up with")
    parser.add_argument("--campaign", type=Path, metavar="FILE", help="copied there and started, detached")
    parser.add_argument("--data", type=Path, metavar="DIR", help="bars, copied to where the campaign looks for them")
    parser.add_argument("--restart", action="store_true", help="drain what runs there, change the code, go on")
    parser.add_argument("--tunnel", type=_port, metavar="PORT", help="the dashboard at this port here, until Ctrl-C")
    parser.add_argument("--fetch", type=Path, metavar="DIR", help="what was found, into this folder here")
    parser.add_argument("--dry-run", action="store_true", help="look the box over, and tell what would be done")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    asked = parser.parse_args()
    if asked.host.startswith("-") or any(letter.isspace() for letter in asked.host) or not asked.host:
        parser.error(f"{asked.host!r} is no host")
    if any("=" not in option for option in asked.option):
        parser.error("an --option is NAME=VALUE, as in ssh_config")
    for option in ("dest", "home", "results", "state", "logs"):
        path = getattr(asked, option)
        if "\n" in path or path.startswith("-") or (path.startswith("~") and not path.startswith("~/")):
            parser.error(f"--{option} {path!r}: a path there, absolute or counted from its user's home")
    if not asked.dest.strip("/. ") or asked.dest in ("~", "~/"):
        parser.error("--dest is a folder of its own, not the home or the root")
    if asked.campaign and not asked.campaign.is_file():
        parser.error(f"there is no campaign file {asked.campaign}")
    if asked.data and not asked.data.is_dir():
        parser.error(f"{asked.data} is no folder of bars")
    # Alone these leave the box as it is.
    asked.only_looks_back = bool(asked.fetch or asked.tunnel) and not (asked.campaign or asked.data or asked.restart)
    return asked


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)
