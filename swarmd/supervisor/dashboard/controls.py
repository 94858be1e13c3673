"""What a person can ask from the page: the verbs of requests with their words, and the asking itself.

The list of verbs is that of the records; a verb that has no words here yet is shown by its own name. A request goes
into the inbox as the CLI's does, and the answer is the daemon's: this only waits until it stands in the journal.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from swarmd.state.errors import OperatorError
from swarmd.state.records.request import Verb

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Control:
    """``about`` is what the verb wants named: nothing, a campaign, a lane, a job or an asset. ``warn``: ask in red.

    ``question`` is put before it is done; ``{subject}`` in it is what was named.
    """

    label: str
    about: str
    question: str
    warn: bool = False
    has_place: bool = False


WORDS: Mapping[str, Control] = {
    "pause": Control("Pause", "", "Start no new runs? Running ones go on."),
    "resume": Control("Resume", "", "Go on after the pause?"),
    "stop": Control("Stop", "", "Drain every lane at a safe point, write the handoff page and leave?", warn=True),
    "stop_now": Control("Stop now", "", "Kill every run now and leave? What they have done is kept.", warn=True),
    "cancel": Control("Cancel campaign", "campaign", "Cancel {subject}? Its runs are ended and nothing more of it is "
                      "begun.", warn=True),
    "kill": Control("Kill run", "lane", "Kill what runs in {subject}? Its job is tried again.", warn=True),
    "retry": Control("Retry job", "job", "Try {subject} again?"),
    "prioritise": Control("Prioritise asset", "asset", "Put {subject} at the head of the queue?", has_place=True),
}  # fmt: skip
PLACES = ("first", "last")
# Asked for where there is room to say more than a name: a hypothesis has a command of its own.
_ELSEWHERE = frozenset({"state"})
_SUBJECT_MAX = 256


def controls() -> list[Row]:
    """Every verb there is, with its words."""
    return [{"verb": verb.value, **asdict(words_of(verb.value))} for verb in Verb if verb.value not in _ELSEWHERE]


def words_of(verb: str) -> Control:
    spoken = verb.replace("_", " ").capitalize()
    return WORDS.get(verb) or Control(spoken, "", f"{spoken}?", warn=True)


def asked_of(body: Any) -> tuple[str, dict[str, Any]]:
    """The verb and what ``presence.ask`` wants besides. Raises OperatorError saying which word is wrong."""
    if not isinstance(body, dict):
        raise OperatorError('an action is a JSON object like {"verb": "pause"}')
    if unknown := sorted(map(str, body.keys() - {"verb", "subject", "place"})):
        raise OperatorError(f"an action has verb, subject and place, and no {', '.join(unknown)[:80]}")
    verb = body.get("verb")
    known = [control["verb"] for control in controls()]
    if not isinstance(verb, str) or verb not in known:
        raise OperatorError(f"{str(verb)[:40]!r} is no action; there are: {', '.join(known)}")
    words = words_of(verb)
    subject, place = body.get("subject", ""), body.get("place", "first")
    if not isinstance(subject, str) or len(subject) > _SUBJECT_MAX or not subject.isprintable():
        raise OperatorError(f"the subject of {verb} is a text of at most {_SUBJECT_MAX} characters")
    if words.about and words.about != "campaign" and not subject:
        raise OperatorError(f"{verb} wants to know which {words.about}: give its subject")
    if subject and not words.about:
        raise OperatorError(f"{verb} is about everything; leave the subject out")
    if place not in PLACES:
        raise OperatorError(f"the place is first or last, not {str(place)[:20]!r}")
    more: dict[str, Any] = {"subject": subject} if subject else {}
    if words.has_place:
        more["place"] = place
    return verb, more
