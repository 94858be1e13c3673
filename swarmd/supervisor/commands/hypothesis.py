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
from swarmd.state.records.claim import Among, Comparison, Metric, StatedClaim, claim_id
from swarmd.state.settings_file import nearest
from swarmd.state.store.files import Home
from swarmd.state.store.raw import read_journal
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
@click.option("--campaign", required=True, metavar="NAME", help="The campaign it is about; it may be still to come.")
@click.option(
    "--metric",
    type=click.Choice([each.value for each in Metric]),
    default=Metric.OOS_ANNUAL_SHARPE.value,
    show_default=True,
    help="The figure it is judged by.",
)
@click.option("--above", type=float, metavar="X", help="The figure is above X.")
@click.option("--at-least", type=float, metavar="X", help="The figure is X or above.")
@click.option("--below", type=float, metavar="X", help="The figure is below X.")
@click.option("--at-most", type=float, metavar="X", help="The figure is X or below.")
@click.option("--asset", "assets", multiple=True, metavar="SYMBOL", help="Of these assets only; may be repeated.")
@click.option("--mode", "modes", multiple=True, metavar="MODE", help="In these modes only; may be repeated.")
@click.option(
    "--among",
    type=click.Choice([each.value for each in Among]),
    default=Among.EVERY.value,
    show_default=True,
    help="For how many assets and modes of its scope.",
)
@click.option("--because", "rationale", default="", metavar="TEXT", help="Why it should be so.")
@home_option
@json_option
def state(
    claim: str,
    campaign: str,
    metric: str,
    above: float | None,
    at_least: float | None,
    below: float | None,
    at_most: float | None,
    assets: tuple[str, ...],
    modes: tuple[str, ...],
    among: str,
    rationale: str,
    home: Home,
    as_json: bool,
) -> int:
    """State a CLAIM about a campaign before its searches begin, in figures that can be judged."""
    bounds = {
        Comparison.ABOVE: above,
        Comparison.AT_LEAST: at_least,
        Comparison.BELOW: below,
        Comparison.AT_MOST: at_most,
    }
    given = [(comparison, bound) for comparison, bound in bounds.items() if bound is not None]
    if len(given) != 1:
        raise OperatorError("give one of --above, --at-least, --below and --at-most, with the figure that is claimed")
    comparison, threshold = given[0]
    fields = {"metric": metric, "comparison": comparison, "threshold": threshold, "among": among}
    scope = {"assets": assets, "modes": modes}
    stated = _checked({"claim": claim, "scope": scope, "rationale": rationale, **fields})
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
