"""Lessons are counts with their intervals; the intervals hold what they promise."""

import random
from itertools import pairwise
from math import comb
from typing import Any

import pytest
from builders import a_campaign, a_job, a_result, the_settings

from swarmd.agents.rules.judged import Judged, gates_missed
from swarmd.agents.rules.lessons import LEAST_PAIRS, lessons_of, median_interval, wilson
from swarmd.engine.guards.gate import Gate


def judged(number: int, *, mode: str = "balanced", missed: tuple[str, ...] = (), **figures: float) -> Judged:
    job = a_job(f"S{number}", "screen", mode=mode, status="failed" if missed else "done", attempt=1)
    summary = {"verdict": "fail" if missed else "pass", "headline": "so", "tried": 1, "figures": figures}
    result = a_result(f"{job.id}-a1", at=number, job=job.id, phase="screen", summary=summary)
    return Judged(job.symbol, mode, job, result, not missed, missed)


def topics(found: list[Judged], **settings: Any) -> list[str]:
    return [each.topic for each in lessons_of(a_campaign(settings=the_settings(**settings)), found)]


def test_the_interval_of_a_share_holds_it_in_nineteen_of_twenty_cases() -> None:
    """Over all outcomes, weighed by how likely they are: the average coverage of the score interval is nominal."""
    covers = []
    for share in (0.05, 0.1, 0.3, 0.5, 0.8):
        for n in (3, 10, 30):
            likely = (comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1))
            covers.append(sum(p for k, p in enumerate(likely) if wilson(k, n)[0] <= share <= wilson(k, n)[1]))
    assert 0.94 <= sum(covers) / len(covers) <= 0.97
    assert min(covers) > 0.83
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_interval_of_a_median_needs_six_and_holds_it_in_nineteen_of_twenty_cases() -> None:
    chance = random.Random(5)
    assert median_interval([3, 1, 2, 6, 5, 4]) == (1, 6)
    for n in (6, 9, 15, 40):
        drawn = [median_interval([chance.random() for _ in range(n)]) for _ in range(1_500)]
        assert sum(low <= 0.5 <= high for low, high in drawn) / len(drawn) > 0.945
    narrower = [median_interval(range(n)) for n in (20, 80, 320)]
    shares = [(high - low) / n for (low, high), n in zip(narrower, (20, 80, 320), strict=True)]
    assert all(after < before for before, after in pairwise(shares))


def test_a_part_of_a_campaign_needs_cases_of_its_own() -> None:
    two = [judged(1, missed=("psr",)), judged(2, mode="aggressive")]
    both = {"strategy": {"name": "mtf_ema", "modes": ["balanced", "aggressive"]}}
    assert topics(two, **both) == ["verdicts"]
    more = [*two, judged(3), judged(4)]
    assert topics(more, **both) == ["verdicts", "mode/balanced", "gate/psr"]
    tiers = {"tiers": {"ONE": ["S1", "S3", "S4"], "TWO": ["S2"]}}
    assert "tier/ONE" in topics(more, assets=tiers)
    assert lessons_of(a_campaign(), []) == []


def test_what_is_lost_from_sample_to_vault_is_told_from_six_pairs_on_in_figures() -> None:
    pairs = [judged(n, annual_sharpe=2.0 + n / 10, oos_annual_sharpe=1.0) for n in range(LEAST_PAIRS)]
    (lesson,) = [each for each in lessons_of(a_campaign(), pairs) if each.topic == "shrinkage"]
    assert (lesson.n, lesson.held) == (6, 6)
    assert (lesson.low, lesson.high) == (pytest.approx(1.0), pytest.approx(1.5))
    assert "lost 1.25 in the middle of 6 judged searches (from 2.25 to 1.00); it fell in 6 of them" in lesson.reason
    assert lesson.evidence == tuple(each.result.id for each in pairs)
    assert topics(pairs[1:]) == ["verdicts"]


def test_the_gates_of_a_headline_are_read_as_the_engine_writes_them() -> None:
    gates = [
        Gate("p", "", 0.7729, "<=", 0.01),
        Gate("stress1_annual_sharpe", "", -2.777, ">", 0.0),
        Gate("top10_excess", "", None, "<=", 1.25),
        Gate("p_vault", "", 6.4e-05, ">", 1e-3),
    ]
    told = ", ".join(gate.told.removesuffix(": fail") for gate in gates)
    names = tuple(gate.name for gate in gates)
    assert gates_missed(f"X balanced: p 0.7729 (search 0.417, vault 0.977); failed: {told}") == names
    assert gates_missed(f"X: 4 of 10 gates failed: {'; '.join(gate.told for gate in gates)}") == names
    assert gates_missed("X: all 10 gates passed: p 0.001 (<= 0.01): pass") == ()
