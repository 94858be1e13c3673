"""``swarmd explain``: why something is as it is, from the record back to the observations behind it."""

import click

from swarmd.state.branches import awaits_branches
from swarmd.state.cohorts import held_because
from swarmd.state.errors import OperatorError
from swarmd.state.incident_story import incident_story, story_lines
from swarmd.state.query import Picture
from swarmd.state.store.files import Home
from swarmd.state.store.lines import Damage, Line
from swarmd.state.store.raw import read_journal
from swarmd.state.store.walks import backward, ids, mentioning
from swarmd.state.story import Index, chain_of, unknown
from swarmd.state.trail import deeds_about, trail
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.commands.query import event_line, require_journal, tell_damages


@click.command(
    epilog="Example: swarmd explain majors.BTCUSDT.balanced.refine-a1/crash     swarmd explain c123     "
    "Exit codes: 0 done, 2 nothing is called that (the nearest names are told)."
)
@click.argument("id", metavar="ID")
@home_option
@json_option
def explain(id: str, home: Home, as_json: bool) -> None:
    """Tell why: the chain of records behind anything that has an id, newest first.

    ID is an action, refusal, incident, champion, finding, run, job, lane, session, step, request, result, source or
    cycle (c123). An incident's story comes first: what was seen, decided, done, expected, and what came of it. Of a job
    that waits between two rungs of the search it is told first whom it waits for.
    """
    require_journal(home)
    damages: list[Damage] = []
    index = Index(lines_about(home, id, damages))
    chain = chain_of(index, id)
    story = incident_story(index, id)
    held = _held(home, id, index)
    tell_damages(damages)
    if as_json:
        print_document("explain", {"id": id, "incident": story, "held": held or None, "chain": chain})
        return
    if held:
        click.echo(held + "\n")
    if story is not None:
        click.echo("\n".join(story_lines(story)) + "\n")
    for told in chain:
        click.echo(event_line(told))


def _held(home: Home, id: str, index: Index) -> str:
    """Whom a job waits for between two rungs, or a crown behind its guards: what others do is in no line about it."""
    job = next((line.said["data"] for line in reversed(index.by_id[id]) if line.kind == "job"), None)
    if job is None or job["status"] != "queued":
        return ""
    if job["phase"] != "crown" and not any(gate.rpartition("-")[2].isdigit() for gate in job["after"]):
        return ""
    picture = Picture(read_journal(home.journal).folded())
    jobs = {row["id"]: row for row in picture.rows("job")}
    campaign = picture.get("campaign", job["campaign"])
    by_cohort = "" if campaign is None else held_because(jobs[id], jobs, campaign["settings"])
    return by_cohort or awaits_branches(jobs[id], jobs)


def lines_about(home: Home, id: str, damages: list[Damage]) -> list[Line]:
    """Raises OperatorError for an unknown id, with the nearest ones."""
    lines = trail(backward(home.journal, damages), id)
    if not any(line.id == id for line in lines):
        raise OperatorError(unknown(id, ids(home.journal)))
    if all(line.kind != "incident" for line in lines if line.id == id):
        return lines
    known = {line.seq: line for line in lines}
    about = deeds_about(lines, id).encode()
    deeds = (line for line in mentioning(home.journal, about) if line.kind == "action")
    known |= {line.seq: line for line in deeds}
    return [known[seq] for seq in sorted(known)]
