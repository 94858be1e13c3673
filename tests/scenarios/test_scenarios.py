"""Plays each story beside this file: what the world does, cycle by cycle, and the actions expected of the swarm.

``at 5s`` runs one cycle; ``- …`` below it is what the world does first, ``> …`` an action expected in that cycle, in
order, nothing else being done. An expected line may leave out the reason after ``: ``. ``quiet until 40s`` runs a cycle
each second and expects no action at all.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from scenarios.world import World

from swarmd.state.units import SECOND, Millis, millis_of_duration

STORIES = sorted(Path(__file__).parent.glob("*.txt"))


@dataclass
class Step:
    line: int
    at: Millis
    is_quiet: bool = False
    events: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)


def told(story: Path) -> tuple[str, list[Step]]:
    given, steps = "", list[Step]()
    for number, raw in enumerate(story.read_text().splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        match word:
            case "given":
                given = rest
            case "at":
                steps.append(Step(number, millis_of_duration(rest)))
            case "quiet":
                steps.append(Step(number, millis_of_duration(rest.removeprefix("until ")), is_quiet=True))
            case "-":
                steps[-1].events.append(rest)
            case ">":
                steps[-1].expected.append(rest)
            case _:
                raise ValueError(f"{story.name}:{number}: cannot read {line!r}")
    return given, steps


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_the_swarm_does_what_the_story_tells(story: Path) -> None:
    given, steps = told(story)
    world, now = World(), -SECOND
    world.given(given)
    for step in steps:
        place = f"{story.name}:{step.line}"
        while step.is_quiet and now + SECOND < step.at:
            now += SECOND
            assert world.step(now) == [], f"{place}, at {now} ms"
        assert step.at > now, f"{place}: time runs backwards"
        now = step.at
        for event in step.events:
            world.happens(event, now)
        done = world.step(now)
        # A line without its reason stands for the same line with it.
        seen = [
            line if want == line else line.partition(": ")[0]
            for line, want in zip(done, [*step.expected, *([""] * len(done))], strict=False)
        ]
        assert seen == step.expected, f"{place}, at {now} ms"
    assert steps, f"{story.name} tells nothing"
