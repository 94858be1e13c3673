"""The one picture everybody decides from: frozen tables by id, and the questions agents ask of them.

Built by ``projection``; no agent changes it, and nothing here looks at the world or the clock.
"""

from swarmd.state.questions.jobs import OfJobs
from swarmd.state.questions.lanes import OfLanes
from swarmd.state.questions.telling import OfTelling


class View(OfJobs, OfLanes, OfTelling):
    """Everything known at the end of an observation, by id. Iteration order is the order of first appearance; runs
    that ended stand behind, in the order in which they did."""
