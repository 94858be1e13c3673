"""``swarmd handoff``: the page that lets somebody else carry on, made now, whether a daemon lives or not.

The journal is only read. The daemon runs this very command on its errand, so that the page it keeps and the page a
person asks for are the same.
"""

from pathlib import Path
from typing import Any

import click

from swarmd.agents.pages.handoff import handoff as page_of
from swarmd.agents.pages.verification import CommandOutput
from swarmd.agents.rules.words import several
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, atomic_write
from swarmd.state.units import Millis, iso
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.commands.query import require_journal
from swarmd.supervisor.picture import picture
from swarmd.supervisor.redaction import redacted, secrets_of
from swarmd.supervisor.verification import checks_for, run_checks

_LATEST = "HANDOFF_LATEST.md"


@click.command(
    epilog="Example: swarmd handoff --print     swarmd handoff --out night.md --within 60     "
    "Exit codes: 0 done, 1 a command that was run for it found fault (the page names it), 2 there is nothing to tell."
)
@click.option("--print", "prints", is_flag=True, help="To stdout; nothing is written.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="F", help="Into this file instead.")
@click.option(
    "--no-verify", is_flag=True, envvar="SWARMD_NO_VERIFY",
    help="Run no commands; the page says so. $SWARMD_NO_VERIFY=1 says it to the daemon's pages too.",
)  # fmt: skip
@click.option(
    "--within",
    type=click.FloatRange(min=1, max=3_600),
    default=150.0,
    show_default=True,
    metavar="SECONDS",
    help="How long all commands together may take.",
)
@home_option
@json_option
def handoff(prints: bool, out: Path | None, no_verify: bool, within: float, home: Home, as_json: bool) -> int:
    """Write the handoff page now: what was asked, what came out, what can be trusted, what broke, what to do next.

    Into HOME/docs/reference/ unless told otherwise. Commands are really run for it (replay, champion verify, data
    validate, …), and their output stands in its last section.
    """
    if prints and (out is not None or as_json):
        raise OperatorError("--print goes to stdout; leave out --out and --json, or --print")
    require_journal(home)
    seen = picture(home)
    checks = [] if no_verify else checks_for(seen.view, home)
    evidence = run_checks(home, checks, within_s=within)
    text = redacted(page_of(seen.view, seen.now, evidence=evidence), secrets_of())
    failed = [each for each in evidence if not each.holds]
    if prints:
        click.echo(text, nl=False)
        return int(bool(failed))
    path = _written(home, out, text, seen.now)
    outcome = f"{several(len(evidence), 'command')} run, {len(failed)} found fault"
    if as_json:
        print_document("handoff", _document(home, path, outcome, evidence, seen.now))
    else:
        click.echo(f"{path}\n{outcome}" + "".join(f"\n  {each.command}: {each.told}" for each in failed))
    return int(bool(failed))


def _written(home: Home, out: Path | None, text: str, now: Millis) -> Path:
    if out is not None:
        if not out.parent.is_dir():
            raise OperatorError(f"{out}: there is no folder {out.parent}; make it, or name another place with --out")
        atomic_write(out.absolute(), text.encode(errors="replace"))
        return out
    stamp = iso(now)
    path = _free(home.docs, f"HANDOFF_SWARM_RUN_{stamp[:10]}_{stamp[11:13]}{stamp[14:16]}Z")
    atomic_write(path, text.encode(errors="replace"), sync=True)
    atomic_write(home.docs / _LATEST, text.encode(errors="replace"))
    return path


def _free(folder: Path, name: str) -> Path:
    """The page's name counts minutes; a second page of the same minute gets a number, so that none is overwritten."""
    path, number = folder / f"{name}.md", 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.md"
    return path


def _document(home: Home, path: Path, outcome: str, evidence: list[CommandOutput], now: Millis) -> dict[str, Any]:
    """``path`` is relative to the home where it lies in it, as the daemon's records name it."""
    absolute = path.absolute()
    return {
        "as_of": iso(now),
        "home": str(home.root),
        "path": home.relative(absolute) if absolute.is_relative_to(home.root) else str(absolute),
        "outcome": outcome,
        "verification": [
            {
                "command": each.command,
                "exit_code": each.exit_code,
                "seconds": round(each.seconds, 3),
                "shows": each.shows,
                "output": each.output,
            }
            for each in evidence
        ],
    }
