"""Vectors for what has none yet: a batch at a time, so that a break costs one batch and memory stays what it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from swarmd.state.knowledge.contract import KnowledgeBase
from swarmd.state.knowledge.meaning.embedder import Embedder
from swarmd.state.knowledge.meaning.vectors import Unembedded, Vector, model_of

# Some seconds of work; of about equal length, they are embedded together.
BATCH = 64


@dataclass(slots=True)
class Embedded:
    """What has come of it so far: embedded, found to say what they said, and how many there were to look at."""

    total: int = 0
    embedded: int = 0
    same: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Entries embedded a second."""
        return self.embedded / self.seconds if self.seconds else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds to the end at this rate; None before there is one."""
        return (self.total - self.embedded - self.same) / self.rate if self.rate else None


def embed_missing(
    base: KnowledgeBase, embedder: Embedder, told: Callable[[Embedded], None] = lambda _: None
) -> Embedded:
    """Every entry gets its vector by this model; from now on the store is kept up with it."""
    model = model_of(embedder)
    with base.vectors(is_writing=True) as vectors:
        if vectors.model() != model:
            vectors.switch_on(model)
        done = Embedded(total=vectors.count(model.digest)[1])
    began, after = time.monotonic(), 0
    while True:
        with base.vectors() as vectors:
            some = vectors.missing(model.digest, after=after, limit=BATCH)
        if not some:
            return done
        after = some[-1].row
        same = [one for one in some if one.before == one.said]
        new = [one for one in some if one.before != one.said]
        made = _made(new, embedder)
        with base.vectors(is_writing=True) as vectors:
            vectors.confirm(same)
            vectors.keep(model.digest, made)
        done.embedded, done.same = done.embedded + len(new), done.same + len(same)
        done.seconds = time.monotonic() - began
        told(done)


def _made(new: list[Unembedded], embedder: Embedder) -> list[Vector]:
    values = embedder.embed([one.text for one in new]).astype("<f2") if new else ()
    return [Vector(one.id, one.digest, one.said, value.tobytes()) for one, value in zip(new, values, strict=True)]
