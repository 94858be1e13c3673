"""``swarmd hypothesis``: claims about a campaign, stated before it begins, and what became of each.

A claim goes to the daemon like any other request, and into the ledger by its hand alone; with none there it waits in
the inbox for the next. What comes after a search in its scope has begun is refused: that would be no hypothesis.
"""

from typing import Any

import click
from pydantic import ValidationError

from swarmd.agents.rules.claims import refusal_to_state
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.hypothesis_rows import hypothesis_rows
from swarmd.state.query import Facts, Picture
from swarmd.state.records.claim import StatedClaim, claim_id
from swarmd.state.settings_file import nearest
from swarmd.state.store.files import Home
from swarmd.state.store.raw import read_journal
from swarmd.supervisor.commands.claim_options import BOUNDS, claim_options
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.commands.query import require_journal
from swarmd.supervisor.glance import glance
from swarmd.supervisor.picture import picture
from swarmd.supervisor.presence import ask, daemon_of, looks

_ANSWER_WITHIN_S = 15.0


@click.group()
def hypothesis() -> None:
    """Claims stated before a search begins, and what became of each."""


@hypothesis.command(
    epilog="Example: swarmd hypothesis state 'the edge survives costs' --campaign majors --metric oos_annual_sharpe "
    "--above 0.8 --asset BTCUSDT --among every     "
    "Exit codes: 0 stated, or left for the next daemon, 1 refused by the daemon, 2 a mistake you can mend, or too late."
)
@click.argument("claim")
@claim_options
@home_option
@json_option
def state(claim: str, home: Home, as_json: bool, **figures: Any) -> int:
    """State a CLAIM about a campaign before its searches begin, in figures that can be judged."""
    return tell_claim(home, claim, figures, as_json=as_json)


def tell_claim(home: Home, claim: str, figures: dict[str, Any], *, as_json: bool) -> int:
    """``figures`` as `claim_options` gives them. Gives back the exit code."""
    campaign = (figures["campaign"] or "").strip()
    if not campaign:
        raise OperatorError("a claim is about a campaign; name it with --campaign, it may be still to come")
    given = [(name, figures[name]) for name in BOUNDS if figures[name] is not None]
    if len(given) != 1:
        raise OperatorError("give one of --above, --at-least, --below and --at-most, with the figure that is claimed")
    ((comparison, threshold),) = given
    fields = {name: figures[name] for name in ("metric", "among", "rationale")}
    scope = {"assets": figures["assets"], "modes": figures["modes"]}
    stated = _checked({"claim": claim, "comparison": comparison, "threshold": threshold, "scope": scope, **fields})
    return tell_stated(home, campaign, stated, as_json=as_json)


def tell_stated(home: Home, campaign: str, claim: StatedClaim, *, as_json: bool) -> int:
    """Hand the claim over and tell what came of it. Gives back the exit code; raises OperatorError where it is late."""
    if home.journal.is_dir():
        view = picture(home).view
        known = view.campaigns.get(campaign)
        if known is not None and (refusal := refusal_to_state(view, known, claim)):
            raise OperatorError(f"refused: {refusal}")
    home.prepare()
    id = claim_id(campaign, claim)
    request = ask(home, "state", subject=campaign, claim=claim.model_dump(mode="json"))
    answer = _answer(home, request) if daemon_of(home) is not None else None
    is_refused = answer is not None and answer.startswith("refused")
    told = answer or f"no daemon runs: it waits in the inbox as {request}, and is stated when the next one starts"
    if as_json:
        fields = {"campaign": campaign, "id": id, "request": request, "answer": told, "claim": claim.in_figures()}
        print_document("hypothesis", {**fields, "is_stated": answer is not None and not is_refused})
    else:
        click.echo(told)
    return int(is_refused)


def _checked(fields: dict[str, Any]) -> StatedClaim:
    try:
        return StatedClaim.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise OperatorError(f"{where}: {first['msg']} (given: {str(first['input'])[:80]!r})") from None


def _answer(home: Home, request: str) -> str:
    for _ in looks(_ANSWER_WITHIN_S):
        answers = glance(home).answers
        if request in answers:
            return answers[request]
    raise OutsideError(
        f"the daemon has not answered within {_ANSWER_WITHIN_S:g} s; the request {request} stands: see `swarmd status`"
    )


@hypothesis.command(
    name="list",
    epilog="Example: swarmd hypothesis list --campaign majors --stated-by person     Exit codes: 0 done, 2 no journal.",
)
@click.option("--campaign", default="", metavar="NAME", help="Of this campaign only.")
@click.option(
    "--stated-by",
    "origin",
    type=click.Choice(["standard", "campaign", "person"]),
    help="By whom: the standard claim of each asset and mode, the campaign's file, or a person.",
)
@home_option
@json_option
def list_(campaign: str, origin: str | None, home: Home, as_json: bool) -> None:
    """The ledger: each claim beside what became of it."""
    rows = [row for row in _rows(home) if campaign in ("", row["campaign"]) and origin in (None, row["origin"])]
    if as_json:
        print_document("hypotheses", {"total": len(rows), "rows": rows})
        return
    if not rows:
        click.echo("no claims")
    for row in rows:
        click.echo(f"{row['status']:<14} {row['id']}  {row['claim']}")
        if row["verdict"]:
            click.echo(f"{'':<14} {row['verdict']}")


@hypothesis.command(
    epilog="Example: swarmd hypothesis show majors.BTCUSDT.balanced     Exit codes: 0 done, 2 no such claim."
)
@click.argument("id", metavar="ID")
@home_option
@json_option
def show(id: str, home: Home, as_json: bool) -> None:
    """One claim with its scope, its verdict and the results it was judged by."""
    rows = {row["id"]: row for row in _rows(home)}
    if id not in rows:
        raise OperatorError(f"{id!r} is no claim of this home; {nearest(id, rows) if rows else 'there is none at all'}")
    if as_json:
        print_document("hypothesis", rows[id])
        return
    for name, value in rows[id].items():
        told = ", ".join(map(str, value)) if isinstance(value, list) else value
        click.echo(f"{name.replace('_', ' '):<10} {'–' if told in (None, '') else told}")


def _rows(home: Home) -> list[dict[str, Any]]:
    require_journal(home)
    return hypothesis_rows(Picture(read_journal(home.journal).folded()), Facts(now=0))
