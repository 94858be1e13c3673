"""``swarmd knowledge``: ask what the swarm knows, add to it, take away from it.

Works with the daemon alive or dead, at the same time as it. Whatever a document holds is printed as plain text: no
escape sequence of it reaches the terminal.
"""

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import click

from swarmd.state.errors import OperatorError
from swarmd.state.knowledge.contract import KnowledgeBase
from swarmd.state.knowledge.domains import DOMAINS, resolved
from swarmd.state.knowledge.entry import KINDS, Entry, Hit, Kind, as_fields
from swarmd.state.knowledge.opening import address, database_path, open_knowledge
from swarmd.state.knowledge.snippet import plain, plain_lines
from swarmd.state.store.files import Home
from swarmd.state.units import iso, spoken
from swarmd.supervisor.clock import wall_millis
from swarmd.supervisor.commands.claim_options import claim_options
from swarmd.supervisor.commands.knowledge_document import print_document
from swarmd.supervisor.commands.knowledge_embed import embed, meaning_of
from swarmd.supervisor.commands.knowledge_health import health
from swarmd.supervisor.commands.knowledge_ingest import ingest
from swarmd.supervisor.commands.knowledge_move import move
from swarmd.supervisor.commands.options import home_option, json_option

_MOST_TEXT = 1 << 20
_DOMAIN_HELP = f"{', '.join(DOMAINS)}, another name of one (cuda, pine, search), or a word of your own."


@click.group()
def knowledge() -> None:
    """What the swarm knows: search, add, ingest documents, health."""


knowledge.add_command(ingest)
knowledge.add_command(move)
knowledge.add_command(embed)
knowledge.add_command(health)


def opened(home: Home) -> KnowledgeBase:
    """For a command that only asks: nothing is made where there is nothing."""
    if address(home) is None and not database_path(home).exists():
        raise OperatorError(
            f"nothing is known yet: there is no {database_path(home)}; begin with `swarmd knowledge ingest docs`"
        )
    return open_knowledge(home)


# -- asking -----------------------------------------------------------------------------------------------------------


@knowledge.command(
    epilog='Example: swarmd knowledge search "restart after a crash" --domain ops     '
    "swarmd knowledge search request.security --graph     swarmd knowledge search --mode both card out of memory     "
    "Exit codes: 0 done (also where nothing was found), 1 the store does not answer, 2 nothing is known yet, or "
    "nothing is embedded."
)
@click.argument("question", nargs=-1, required=True)
@click.option("--domain", metavar="DOMAIN", help=f"Prefer this domain: {_DOMAIN_HELP}")
@click.option("--only", is_flag=True, help="Nothing from other domains than --domain.")
@click.option("--kind", type=click.Choice(KINDS), help="Nothing but this kind.")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many hits.")
@click.option(
    "--mode", type=click.Choice(("words", "meaning", "both")), default="words", show_default=True,
    help="By its words, by its meaning (after `swarmd knowledge embed`), or by both.",
)  # fmt: skip
@click.option("--graph", is_flag=True, help="And what the first hits lead to: pages, sections, symbols, imports.")
@home_option
@json_option
def search(
    question: tuple[str, ...], domain: str | None, only: bool, kind: Kind | None, limit: int, mode: str, graph: bool,
    home: Home, as_json: bool,
) -> None:  # fmt: skip
    """Find what answers QUESTION: some words, in any order. There is no syntax to learn."""
    if only and not domain:
        raise OperatorError("--only needs a --domain to keep to")
    words = " ".join(question)
    with opened(home) as base:
        meaning = meaning_of(base, words, mode)
        hits = base.search(words, domain=domain, kind=kind, limit=limit, graph=graph, only=only, meaning=meaning)
        meant = base.suggestion(words)
    if as_json:
        asked = {"question": words, "mode": mode, "domain": resolved(domain) if domain else None}
        fields = {**asked, "did_you_mean": meant}
        print_document("knowledge_search", {**fields, "hits": [_hit(hit) for hit in hits]})
        return
    for number, hit in enumerate(hits, 1):
        _print_hit(number, hit, mode)
    if not hits:
        click.echo("nothing found")
    if meant is not None:
        click.echo(f"did you mean: {plain(meant)}")


@knowledge.command(
    epilog="Example: swarmd knowledge show note:costs-of-binance-01541f     Exit codes: 0 done, 2 no such entry."
)
@click.argument("id")
@home_option
@json_option
def show(id: str, home: Home, as_json: bool) -> None:
    """One entry as a whole, and what it leads to."""
    with opened(home) as base:
        entry = _required(base, id)
        around = base.neighbours([id])[id]
    if as_json:
        beside = [{"how": how, "id": other} for how, other in around]
        print_document("knowledge_entry", {**_fields(entry), "neighbours": beside})
        return
    click.echo(f"{click.style(plain(entry.title), bold=True)}  {plain(entry.under)}".rstrip())
    click.echo(f"{plain(entry.id)}: {_about(entry)}")
    click.echo(f"from {plain(entry.source) or 'nowhere named'}, as of {iso(entry.at)}")
    if entry.evidence:
        click.echo(f"evidence: {plain(', '.join(entry.evidence))}")
    click.echo(f"\n{plain_lines(entry.text)}\n")
    for how, other in around:
        click.echo(f"{how}: {plain(other)}")


@knowledge.command(
    "list",
    epilog="Example: swarmd knowledge list --kind lesson     swarmd knowledge list --domain ops --json     "
    "Exit codes: 0 done, 2 nothing is known yet.",
)
@click.option("--domain", metavar="DOMAIN", help=f"Nothing but this domain: {_DOMAIN_HELP}")
@click.option("--kind", type=click.Choice(KINDS), help="Nothing but this kind.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many at most.")
@click.option("--after", default="", metavar="ID", help="Those behind this id: the next page.")
@home_option
@json_option
def list_(domain: str | None, kind: Kind | None, limit: int, after: str, home: Home, as_json: bool) -> None:
    """The entries in the order of their ids."""
    with opened(home) as base:
        entries = base.entries(domain=domain, kind=kind, limit=limit, after=after)
    if as_json:
        print_document("knowledge_list", {"entries": [_fields(entry) for entry in entries]})
        return
    for entry in entries:
        click.echo(f"{plain(entry.id)}  {plain(entry.title)}  ({_about(entry)})")
    if not entries:
        click.echo("none")
    elif len(entries) == limit:
        click.echo(f"there may be more: --after {plain(entries[-1].id)}")


# -- writing ----------------------------------------------------------------------------------------------------------


@knowledge.command(
    epilog='Example: swarmd knowledge add --title "Costs of Binance" --text "10 bps a side" --domain strategy     '
    "swarmd knowledge add --title Disk --text @note.md --evidence r-0412     Exit codes: 0 done, 2 nothing to add."
)
@click.option("--title", default="", help="One line. A note of the same title is replaced.")
@click.option("--text", default="", metavar="TEXT|-|@FILE", help="The note itself, - for standard input.")
@click.option("--hypothesis", metavar="CLAIM", help="No note: a claim into the ledger, as `swarmd hypothesis state`.")
@claim_options
@click.option("--domain", metavar="DOMAIN", help=f"By its words, unless named: {_DOMAIN_HELP}")
@click.option(
    "--evidence", multiple=True, metavar="ID", help="A record behind it (a run, an incident); may be repeated."
)
@click.option("--strength", type=click.FloatRange(0, 1), default=0.7, show_default=True, help="How sure it is.")
@home_option
@json_option
def add(
    title: str,
    text: str,
    domain: str | None,
    evidence: tuple[str, ...],
    strength: float,
    hypothesis: str | None,
    home: Home,
    as_json: bool,
    **figures: Any,
) -> int:
    """Keep a note that everybody finds; or state a hypothesis about a campaign before it begins."""
    if hypothesis is not None:
        from swarmd.supervisor.commands.hypothesis import tell_claim

        return tell_claim(home, hypothesis, figures, as_json=as_json)
    from swarmd.state.knowledge.prepared import BY_ITS_WORDS

    title, body = " ".join(title.split()), _text(text)
    if not title or not body.strip():
        raise OperatorError("a note has a --title and a --text; one of them is empty")
    slug = re.sub(r"[^\w]+", "-", title.lower()).strip("-")[:60] or "note"
    digest = hashlib.blake2b(title.lower().encode(errors="replace"), digest_size=3).hexdigest()
    entry = Entry(
        f"note:{slug}-{digest}", resolved(domain) if domain and domain.strip() else BY_ITS_WORDS, "note", title, body,
        "swarmd knowledge add", evidence, wall_millis(), strength,
    )  # fmt: skip
    with open_knowledge(home) as base:
        changed = base.put([entry])
        kept = _required(base, entry.id)
    if as_json:
        print_document("knowledge_add", {**_fields(kept), "is_new": changed.added == 1})
        return 0
    click.echo(f"{'added' if changed.added else 'replaced'} {kept.id} ({kept.domain})")
    return 0


@knowledge.command(
    epilog="Example: swarmd knowledge remove note:costs-of-binance-01541f     "
    "swarmd knowledge remove --under docs/old     Exit codes: 0 done, 2 no such entry, and nothing removed."
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--under", type=click.Path(path_type=Path), metavar="PATH", help="All that was read from here and below.")
@home_option
@json_option
def remove(ids: tuple[str, ...], under: Path | None, home: Home, as_json: bool) -> None:
    """Forget entries by their id, or documents by their place. Files are never touched."""
    if not ids and under is None:
        raise OperatorError("name an ID to forget (`swarmd knowledge list` has them), or a place with --under PATH")
    with opened(home) as base:
        for id in ids:
            _required(base, id)
        gone = base.forget(ids)
        if under is not None:
            gone += base.forget_files(_files_under(base, under))
    if as_json:
        print_document("knowledge_remove", {"removed": gone})
        return
    click.echo(f"forgot {gone:,} entries")


def _files_under(base: KnowledgeBase, under: Path) -> list[str]:
    from swarmd.state.knowledge.ingest import is_below
    from swarmd.state.knowledge.walk import shown

    place = shown(under.expanduser().resolve())
    paths = [path for path in base.known_files() if is_below(path, place)]
    if not paths:
        raise OperatorError(f"no document was read from {under}; see `swarmd knowledge list --kind document`")
    return paths


def _text(said: str) -> str:
    if said == "-":
        data = sys.stdin.buffer.read(_MOST_TEXT + 1)
    elif said.startswith("@"):
        path = Path(said[1:])
        try:
            if not path.is_file():
                raise OperatorError(f"--text {said}: {path} is no file; name one, or write the text itself")
            with path.open("rb") as file:
                data = file.read(_MOST_TEXT + 1)
        except OSError as cause:
            raise OperatorError(f"--text {said}: {cause.strerror}; name a file that can be read") from None
    else:
        return said
    if len(data) > _MOST_TEXT:
        raise OperatorError(
            f"the note has more than {_MOST_TEXT:,} bytes; `swarmd knowledge ingest` reads long documents"
        )
    if b"\0" in data:
        raise OperatorError("the note is no text: it holds a NUL; give it as UTF-8")
    return data.decode(errors="replace")


def _required(base: KnowledgeBase, id: str) -> Entry:
    entry = base.entry(id)
    if entry is None:
        raise OperatorError(
            f"there is no entry {plain(id)!r}; `swarmd knowledge list` and `search --json` tell their ids"
        )
    return entry


# -- telling ----------------------------------------------------------------------------------------------------------


def _fields(entry: Entry) -> dict[str, Any]:
    return {**as_fields(entry), "at": iso(entry.at)}


def _hit(hit: Hit) -> dict[str, Any]:
    fields = _fields(hit.entry)
    del fields["text"]
    marked = "".join(f"«{piece.text}»" if piece.is_match else piece.text for piece in hit.snippet)
    return {
        **fields,
        "score": round(hit.score, 6),
        "snippet": marked,
        "path": list(hit.path),
        "found_by": _found_by(hit),
    }


def _found_by(hit: Hit) -> list[str]:
    return [name for name, is_so in (("words", hit.is_by_words), ("meaning", hit.is_by_meaning)) if is_so] or ["graph"]


def _about(entry: Entry) -> str:
    age = max(wall_millis() - entry.at, 0)
    return f"{entry.kind}, {plain(entry.domain)}, strength {entry.strength:.2f}, {spoken(age)} old"


def _print_hit(number: int, hit: Hit, mode: str) -> None:
    entry = hit.entry
    # Where meaning was asked for, scores are sums of 1 / (60 + place) and tell a person nothing.
    told = f"by {' and '.join(_found_by(hit))}" if mode != "words" else f"score {hit.score:.2f}"
    click.echo(
        f"{number:2}. {click.style(plain(entry.title) or '(no title)', bold=True)}  {plain(entry.under)}".rstrip()
    )
    click.echo(f"    {plain(entry.id)}  ({_about(entry)}, {told})")
    if hit.path:
        click.echo(f"    by way of {plain(' → '.join(hit.path))}")
    is_coloured = sys.stdout.isatty()
    pieces = (
        piece.text if not piece.is_match else click.style(piece.text, fg="yellow", bold=True) if is_coloured
        else f"«{piece.text}»"
        for piece in hit.snippet
    )  # fmt: skip
    if hit.snippet:
        click.echo(f"    {''.join(pieces)}")
