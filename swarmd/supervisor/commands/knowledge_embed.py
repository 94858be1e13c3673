"""``swarmd knowledge embed``: vectors for search by meaning, switched on, caught up, and switched off again.

Once it is switched on, `knowledge ingest` keeps up with what it reads. The model runs on this machine and asks no net.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from swarmd.state.errors import OperatorError
from swarmd.state.knowledge.contract import KnowledgeBase
from swarmd.state.knowledge.meaning.embedder import Embedder, open_embedder, why_not
from swarmd.state.knowledge.meaning.embedding import Embedded, embed_missing
from swarmd.state.knowledge.meaning.vectors import Meaning, model_of
from swarmd.state.knowledge.opening import address, database_path, open_knowledge
from swarmd.state.knowledge.snippet import plain
from swarmd.state.store.files import Home
from swarmd.state.units import spoken
from swarmd.supervisor.commands.knowledge_document import print_document
from swarmd.supervisor.commands.options import home_option, json_option


@click.command(
    epilog='Example: swarmd knowledge embed     swarmd knowledge search --mode both "card out of memory"     '
    "Broken off it goes on where it was. Exit codes: 0 done, 1 the store does not answer, 2 the model is not installed."
)
@click.option("--off", is_flag=True, help="Forget all vectors, and search by words only.")
@home_option
@json_option
def embed(off: bool, home: Home, as_json: bool) -> None:
    """Let a small language model read everything that is known, so that it is found by its meaning as well."""
    if address(home) is None and not database_path(home).exists():
        raise OperatorError(
            f"nothing is known yet: there is no {database_path(home)}; begin with `swarmd knowledge ingest`"
        )
    with open_knowledge(home) as base:
        if off:
            _switch_off(base, as_json=as_json)
            return
        began = time.monotonic()
        embedder = open_embedder()
        with _progress() as told:
            done = embed_missing(base, embedder, told)
        took = round((time.monotonic() - began) * 1000)
    if as_json:
        fields = {"model": model_of(embedder)._asdict(), "embedded": done.embedded, "same": done.same, "took_ms": took}
        print_document("knowledge_embed", {**fields, "per_second": round(done.rate, 1)})
    else:
        click.echo(
            f"{plain(embedder.name)}: {done.embedded:,} entries embedded, {done.same:,} said what they said; "
            f"{done.rate:,.1f}/s, {spoken(took)}"
        )


def _switch_off(base: KnowledgeBase, *, as_json: bool) -> None:
    with base.vectors(is_writing=True) as vectors:
        n = vectors.switch_off()
    if as_json:
        print_document("knowledge_embed", {"model": None, "removed": n})
    else:
        click.echo(f"search by meaning is off; {n:,} vectors removed")


# -- for the commands that ingest and search --------------------------------------------------------------------------


def keep_up(base: KnowledgeBase, embedder: Embedder | None = None) -> Embedder | None:
    """Where search by meaning is on, vectors for what is new; what hinders it is told, and hinders nothing else.

    Gives back the loaded model, for the next time.
    """
    with base.vectors() as vectors:
        model = vectors.model()
        if model is None or not vectors.count(model.digest)[1]:
            return embedder
    reason = why_not()
    if reason is not None:
        click.echo(f"not embedded: {reason}; `swarmd knowledge health` says what to do", err=True)
        return None
    embedder = embedder or open_embedder()
    if embedder.digest != model.digest:
        click.echo("not embedded: the vectors are another model's; `swarmd knowledge embed` makes them anew", err=True)
        return embedder
    with _progress() as told:
        done = embed_missing(base, embedder, told)
    if done.embedded and sys.stderr.isatty():
        click.echo(f"{done.embedded:,} entries embedded, {done.rate:,.1f}/s", err=True)
    return embedder


def meaning_of(base: KnowledgeBase, question: str, mode: str) -> Meaning | None:
    """The question as a vector; None where only words are asked for. Raises OperatorError where it cannot be one."""
    if mode == "words":
        return None
    with base.vectors() as vectors:
        model = vectors.model()
    if model is None:
        raise OperatorError(f"--mode {mode}: nothing is embedded yet; begin with `swarmd knowledge embed`")
    embedder = open_embedder()
    if embedder.digest != model.digest:
        raise OperatorError(
            f"--mode {mode}: the vectors are of {model.name} ({model.digest}), and this machine has {embedder.name} "
            f"({embedder.digest}); `swarmd knowledge embed` makes them anew"
        )
    return Meaning(model.digest, embedder.embed([question])[0], is_alone=mode == "meaning")


@contextmanager
def _progress() -> Iterator[Callable[[Embedded], None]]:
    """A line on a terminal: how many of how many, rate, and how long yet; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return

    def told(done: Embedded) -> None:
        left = "" if done.left_s is None else f", {spoken(round(max(done.left_s, 0.0) * 1000))} left"
        line = f"{done.embedded + done.same:,} of {done.total:,} entries, {done.rate:,.1f}/s{left}"
        click.echo(f"\r{line:<78}", nl=False, err=True)

    try:
        yield told
    finally:
        click.echo(f"\r{'':<78}\r", nl=False, err=True)
