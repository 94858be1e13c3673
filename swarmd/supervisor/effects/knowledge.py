"""What was learned, put into the knowledge base: entries out of the View, a short transaction a batch.

Runs in the process of an errand or of a person's command, never in a cycle. All that the records teach is put each
time: what stands there word for word costs nothing, and what could not be put comes with the next.
"""

from itertools import islice

from swarmd.agents.pages.entries import entries
from swarmd.state.knowledge.entry import Changed
from swarmd.state.knowledge.opening import open_knowledge
from swarmd.state.store.files import Home
from swarmd.state.view import View

_BATCH = 500


def keep_knowledge(view: View, home: Home) -> Changed:
    """Raises OutsideError where the base cannot be reached, OperatorError where its settings are wrong."""
    changed = Changed()
    left = iter(entries(view))
    with open_knowledge(home) as base:
        while batch := [*islice(left, _BATCH)]:
            changed += base.put(batch)
    return changed
