"""What a person should look at, from everything that was recorded: the page that channels cannot lose.

Pure, over plain rows. An item has a level (``act`` wants a decision, ``look`` a glance, ``good`` is good news), the
instant it came up, what it is about and what can be done; its id stays the same, so that a browser knows what was read.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from swarmd.state.champion_words import standing_in_words
from swarmd.state.query import Facts, Picture
from swarmd.state.units import iso

Row = dict[str, Any]


def inbox_rows(picture: Picture, facts: Facts, notices: Iterable[Row] = ()) -> list[Row]:
    """The newest first. ``notices`` are the last words on messages that were to go out."""
    rows = [
        *_daemon(picture, facts),
        *_incidents(picture),
        *_jobs(picture),
        *_champions(picture),
        *_campaigns(picture),
        *_requests(picture),
        *_steps(picture),
        *_findings(picture),
        *_undelivered(notices),
    ]
    return sorted(rows, key=lambda row: str(row["at"]), reverse=True)


def _item(level: str, id: str, at: str, title: str, text: str, do: str, about: str = "") -> Row:
    return {"id": id, "level": level, "at": at, "title": title, "text": text, "do": do, "about": about}


def _daemon(picture: Picture, facts: Facts) -> Iterator[Row]:
    session = picture.session
    if session is not None and session["status"] == "open" and not facts.is_alive:
        text = f"session {session['id']} is still open on record and nobody holds the home"
        yield _item("act", f"daemon/{session['id']}", iso(facts.now), "The daemon is gone", text, "swarmd start")


def _incidents(picture: Picture) -> Iterator[Row]:
    for row in picture.rows("incident"):
        if row["status"] != "closed":
            told = f"{row['subject']}: {row['cause']}"
            title = f"{row['signature'].replace('_', ' ').capitalize()} is open"
            yield _item("act", f"incident/{row['id']}", iso(row["opened_at"]), title, told, row["remedy"], row["id"])
        elif row["outcome"] and not row.get("is_verified"):
            told = f"{row['subject']}: {row['outcome']}"
            title = f"{row['signature'].replace('_', ' ').capitalize()} ended, its remedy is not proven"
            yield _item("look", f"incident/{row['id']}", row["at"], title, told, "Read its story.", row["id"])


def _jobs(picture: Picture) -> Iterator[Row]:
    for job in picture.jobs():
        if job["status"] == "quarantined":
            title = "A job was given up"
            yield _item("act", f"job/{job['id']}", job["at"], title, f"{job['id']}: {job['reason']}", "Retry it, or "
                        "leave it: nothing waits for it.", job["id"])  # fmt: skip
        elif job["status"] == "failed" and job["phase"] == "preflight":
            yield _item("act", f"job/{job['id']}", job["at"], "Data is not fit", f"{job['symbol']}: {job['reason']}",
                        "Mend the file, or list its gaps in the campaign.", job["id"])  # fmt: skip


def _champions(picture: Picture) -> Iterator[Row]:
    for row in picture.rows("champion"):
        status = row.get("status", "in_force")
        about = row["id"]
        if status == "in_force":
            text = (
                f"{row['strategy']} {row['mode']}, {row['oos_annual_sharpe']:.2f} out of sample, {row['tried']:,} tried"
            )
            yield _item("good", f"champion/{about}/{row['checksum'][:12]}", _since(row), f"{about}: champion", text,
                        "Read its certificate.", about)  # fmt: skip
        else:
            text = standing_in_words(
                status, note=row.get("note", ""), e_value=row.get("e_value"), days=row.get("days", 0)
            )
            yield _item("act", f"champion/{about}/{status}", _since(row), f"{about} is no longer in force", text,
                        "swarmd champion history " + about.replace("_", " "), about)  # fmt: skip


def _since(row: Row) -> str:
    return iso(row["since"]) if row.get("since") else str(row["at"])


def _campaigns(picture: Picture) -> Iterator[Row]:
    campaign = picture.campaign
    if campaign is None or campaign["status"] == "active":
        return
    is_done = campaign["status"] == "done"
    yield _item("good" if is_done else "look", f"campaign/{campaign['id']}/{campaign['status']}", campaign["at"],
                f"Campaign {campaign['id']} is {campaign['status']}", campaign["reason"],
                "Read the handoff page." if is_done else "swarmd resume", campaign["id"])  # fmt: skip


def _requests(picture: Picture) -> Iterator[Row]:
    for row in picture.rows("request"):
        if row["status"] == "answered" and row.get("is_refused"):
            title = f"{row['verb'].replace('_', ' ').capitalize()} was refused"
            yield _item("look", f"request/{row['id']}", row["at"], title, row["answer"], "Ask for something else.",
                        row.get("subject", ""))  # fmt: skip


def _steps(picture: Picture) -> Iterator[Row]:
    for row in picture.rows("step"):
        if row["status"] == "missed":
            text = f"{row['what']}; expected {row['expected_outcome']}; {row['outcome']}"
            yield _item("look", f"step/{row['id']}", row["at"], "An expected outcome did not come", text, "", row["id"])


def _findings(picture: Picture) -> Iterator[Row]:
    for row in picture.rows("finding"):
        if row["text"]:
            yield _item("look", f"finding/{row['id']}/{row['at']}", row["at"], _finder(row),
                        row["text"], "", row["id"])  # fmt: skip


def _finder(row: Row) -> str:
    """Who found something, and of what: a finding's id is its agent and its subject, an asset with its campaign."""
    subject = row["id"].partition("/")[2].rpartition(".")[2]
    return f"{row['agent'].replace('_', ' ')} on {subject}" if subject else f"{row['agent'].replace('_', ' ')} says"


def _undelivered(notices: Iterable[Row]) -> Iterator[Row]:
    for row in notices:
        if row["status"] == "given_up":
            kind = str(row["channel"]).partition(":")[0]  # what follows may be the channel's own secret
            text = f"{row.get('title', '')}: {row.get('text', '')} (by {kind}: {row.get('why', 'no reason told')})"
            yield _item("act", f"notice/{kind}/{row['id']}", row["at"], "A message could not be delivered",
                        text, "Mend the channel in the campaign's notify section.", row["id"])  # fmt: skip
